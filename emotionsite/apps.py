from django.apps import AppConfig


class EmotionSiteConfig(AppConfig):
    name = "emotionsite"

    def ready(self) -> None:
        # Tasks are sent through this app from every process that runs Django.
        from . import celery  # noqa: F401
