"""Reading the record of who did what: filters, and the record as a file."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import django_filters
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Q, QuerySet

from emotionsite.filters import CreatedFilterSet, WholeNumberFilter
from emotionsite.streaming import csv_lines

from .access import team_scope
from .audit import ACTIONS
from .models import AuditEvent, Team

EXPORT_PAGE = 1000
FORMATS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}
COLUMNS = (
    *("id", "created_at", "action", "actor_id", "actor_name", "api_key"),
    *("object_type", "object_id", "object_name", "details", "address", "request_id"),
)
# Kinds of things that deeds are mostly about, for the form of the page.
OBJECT_TYPES = (
    *("apikey", "export", "face", "invitation", "job", "media"),
    *("removal", "team", "user", "webhook"),
)


def events() -> QuerySet[AuditEvent]:
    """The current team's record, newest first."""
    return AuditEvent.objects.order_by("-created_at", "-id")


def older_than(wanted: QuerySet[AuditEvent], created_at: datetime, event_id: int) -> QuerySet[AuditEvent]:
    """Those of `wanted` that come after this event in a list with the newest first."""
    earlier = Q(created_at__lt=created_at) | Q(created_at=created_at, pk__lt=event_id)
    return wanted.filter(earlier, created_at__lte=created_at).order_by("-created_at", "-id")


class AuditFilter(CreatedFilterSet):
    """Which events: what was done, by whom, to what, when."""

    action = django_filters.ChoiceFilter(choices=list(ACTIONS.items()), help_text="What was done.")
    actor = django_filters.CharFilter(
        method="by_actor",
        max_length=200,
        help_text="Part of the name of the user or key, or the identifier of a key.",
    )
    actor_id = WholeNumberFilter(help_text="The user who did it.")
    object_type = django_filters.CharFilter(max_length=40, help_text="Kind of thing, such as 'media'.")
    object_id = django_filters.CharFilter(max_length=64, help_text="Id of the thing.")
    object_name = django_filters.CharFilter(
        lookup_expr="icontains", max_length=255, help_text="Part of what the thing is called."
    )
    request_id = django_filters.CharFilter(max_length=64, help_text="`X-Request-ID` of the request.")

    class Meta:
        model = AuditEvent
        fields: list[str] = []

    def by_actor(self, queryset: QuerySet[AuditEvent], name: str, value: str) -> QuerySet[AuditEvent]:
        return queryset.filter(Q(actor_name__icontains=value) | Q(api_key=value))


# --- The record as a file ---------------------------------------------------------------------------
def events_write(*, team: Team, wanted: QuerySet[AuditEvent], form: str) -> Iterator[bytes]:
    """The wanted events in one of FORMATS, newest first, with one page of them in memory.

    Events that are added meanwhile are left out: it goes from the newest at the beginning backwards.
    """
    if form == "csv":
        yield csv_lines([COLUMNS])
    page = wanted.order_by("-created_at", "-id")
    while True:
        # Entered for each page: the generator is consumed when the request's own scope has ended.
        with team_scope(team):
            rows = list(page.values(*COLUMNS)[:EXPORT_PAGE])
        if not rows:
            return
        yield _as_csv(rows) if form == "csv" else _as_jsonl(rows)
        page = older_than(wanted, rows[-1]["created_at"], rows[-1]["id"])


def _as_csv(rows: list[dict[str, Any]]) -> bytes:
    return csv_lines(
        [_text(row["details"]) if name == "details" else row[name] for name in COLUMNS] for row in rows
    )


def _text(details: dict[str, Any]) -> str:
    return json.dumps(details, cls=DjangoJSONEncoder, ensure_ascii=False) if details else ""


def _as_jsonl(rows: list[dict[str, Any]]) -> bytes:
    lines = (json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()
