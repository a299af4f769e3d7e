"""EmotionSite: the project package (settings, routes, ASGI, Celery app, supervisor)."""

from typing import Any


def __getattr__(name: str) -> Any:
    # `celery -A emotionsite` asks for these; the supervisor imports this package without Django.
    if name in {"celery", "app", "celery_app"}:
        from importlib import import_module

        return import_module("emotionsite.celery").app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
