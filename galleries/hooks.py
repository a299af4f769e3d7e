"""What galleries do when lower apps tell them of photos, faces and teams."""


def register() -> None:
    """Put the functions of galleries into the registries of the apps below. Called once, when Django is ready."""
