"""The page of usage: a chart per day, and how far the team is from its limits."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.defaultfilters import filesizeformat
from django.views.decorators.http import require_GET

from accounts.access import require_access
from accounts.models import Scope
from accounts.pages import team_page
from accounts.usage import Usage, usage_of

CHARTS = (
    ("requests", "Requests of the API"),
    ("pictures", "Pictures analysed"),
    ("faces", "Faces found"),
)


@dataclass(frozen=True)
class Meter:
    """One limit as it is shown; `limit` and `left` are None without one."""

    title: str
    used: str
    limit: str | None
    percent: int
    words: str

    @property
    def is_full(self) -> bool:
        return self.limit is not None and self.percent >= 100


@require_GET
@team_page(Scope.READ)
def team_usage(request: HttpRequest) -> HttpResponse:
    """What the team used in the last 30 days, and what is left."""
    usage = usage_of(team=require_access(request).team)
    chart_data: dict[str, list[Any]] = {
        "days": [day.day.isoformat() for day in usage.days],
        "requests": [day.requests for day in usage.days],
        "pictures": [day.pictures for day in usage.days],
        "faces": [day.faces for day in usage.days],
    }
    charts = [(name, title, f"{sum(chart_data[name]):,}") for name, title in CHARTS]
    rate = usage.limits.requests_per_minute
    context = {
        "usage": usage,
        "requests_per_minute": None if rate is None else f"{rate:,}",
        "meters": _meters(usage),
        "charts": charts,
        "chart_data": chart_data,
        # The newest first, where somebody looks for a figure.
        "days": usage.days[::-1],
    }
    return render(request, "team/usage.html", context)


def _meters(usage: Usage) -> list[Meter]:
    replenished = f"Begins at 0 again on {usage.replenished_on.day} {usage.replenished_on:%B %Y}."
    limits, used = usage.limits, usage.used
    return [
        _meter(
            "Pictures analysed this month", used.pictures_this_month, limits.pictures_per_month, replenished
        ),
        _meter("Faces stored", used.stored_faces, limits.stored_faces, "Deleting photos makes room."),
        _meter(
            "Pictures stored",
            used.stored_bytes,
            limits.storage_bytes,
            "Originals, previews and thumbnails. Deleting photos makes room.",
            size=True,
        ),
    ]


def _meter(title: str, used: int, limit: int | None, words: str, *, size: bool = False) -> Meter:
    def shown(number: int) -> str:
        return filesizeformat(number) if size else f"{number:,}"

    # Rounded down, so that a meter is full only when nothing is left.
    percent = 0 if limit is None else min(100, used * 100 // limit if limit else 100)
    return Meter(title, shown(used), None if limit is None else shown(limit), percent, words)
