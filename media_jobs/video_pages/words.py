"""Times and durations in words; static/js/video_format.js says them alike."""


def clock(ms: int) -> str:
    """83400 -> '1:23'; hours only where there are any."""
    seconds = ms // 1000
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def time_left(seconds: int | None) -> str:
    """A duration as people say it; empty when nobody knows."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{max(1, seconds)} seconds"
    minutes = round(seconds / 60)
    return f"{minutes} minutes" if minutes < 90 else f"{round(minutes / 60)} hours"


def in_seconds(seconds: float) -> str:
    """8.24 -> '8.2 s', 125 -> '2 min 5 s'."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
