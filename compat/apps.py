from django.apps import AppConfig


class CompatConfig(AppConfig):
    name = "compat"

    def ready(self) -> None:
        """Answer what fails outside of any view in the words of the dialect that was spoken."""
        from . import face_v1

        face_v1.register()
