from django.apps import AppConfig


class GalleriesConfig(AppConfig):
    name = "galleries"

    def ready(self) -> None:
        """Hook into what lower apps do with photos: analyse them, erase them, let them expire."""
        from . import hooks

        hooks.register()
