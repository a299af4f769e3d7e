from django.apps import AppConfig


class MediaJobsConfig(AppConfig):
    name = "media_jobs"

    def ready(self) -> None:
        """Let what this app does with photos reach videos as well."""
        from .video import registry

        registry.register()
