"""Words and figures for the pages of videos."""

from typing import Any

from django import template

from analysis.models import VideoPerson
from media_jobs.video_pages import words

register = template.Library()

register.filter("clock", words.clock)
register.filter("in_seconds", words.in_seconds)

#: Figures of `analysis.metrics.Summary` that the list of people shows: name, words.
_STAGES = {
    "fetching": "being fetched",
    "analyzing": "being analysed",
    "linking": "people are being joined",
    "ready": "analysed",
    "failed": "failed",
    "cancelled": "stopped",
}


@register.filter
def stage(status: str) -> str:
    """'linking' -> 'people are being joined'."""
    return _STAGES[status]


@register.filter
def people_in_words(count: int) -> str:
    """0 -> 'nobody', 1 -> '1 person', 3 -> '3 people'."""
    if count == 0:
        return "nobody"
    return f"{count} {'person' if count == 1 else 'people'}"


@register.filter
def strongest(person: VideoPerson) -> dict[str, Any] | None:
    """The emotion that somebody shows most over the whole video: its `name` and `percent`; None where none is
    known."""
    shares = person.metrics.get("emotions")
    if not shares:
        return None
    name = max(shares, key=lambda one: shares[one])
    return {"name": name, "percent": f"{100 * shares[name]:.0f}%"}


@register.filter
def looks_of(person: VideoPerson) -> str:
    """'Female, about 34 years old'; '' where neither is known."""
    parts = [person.gender] if person.gender else []
    if person.age is not None:
        parts.append(f"about {person.age:.0f} years old")
    text = ", ".join(parts)
    return text[:1].upper() + text[1:]


@register.filter
def colour_of(person: VideoPerson) -> int:
    """Which of the eight colours of css/videos.css a person has."""
    return (person.number - 1) % 8 + 1
