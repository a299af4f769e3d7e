"""Microsoft's Face API v1.0, under `/face/v1.0`."""


def register() -> None:
    """Have errors that no view answers said in the form of this dialect, once, when Django starts."""
    from emotionsite.dialects import DIALECTS

    from .errors import PATHS, outside_of_views

    DIALECTS.append((PATHS, outside_of_views))
