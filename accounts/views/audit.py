"""The page of the record of who did what, and the record as a file."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from accounts import audit_log
from accounts.access import require_access
from accounts.audit import ACTIONS, record
from accounts.models import AuditEvent, Scope
from accounts.pages import team_page
from emotionsite.problems import problem_response
from emotionsite.streaming import streamed

PAGE_SIZE = 50
NAMES_IN_FILTER = ("action", "actor", "object_type", "object_name", "object_id", "request_id")


class AuditForm(forms.Form):
    """What to look for. Days are whole days in UTC, the last one included."""

    action = forms.ChoiceField(label="What", required=False, choices=[("", "Everything"), *ACTIONS.items()])
    actor = forms.CharField(label="Who", required=False, max_length=200)
    object_type = forms.ChoiceField(label="Kind of thing", required=False)
    object_name = forms.CharField(label="Name of the thing", required=False, max_length=255)
    object_id = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    request_id = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    since = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="To", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A link of the page may ask for a kind that is too rare for the list.
        known = {*audit_log.OBJECT_TYPES, self.data.get("object_type", "")[:40]} - {""}
        kinds = [(name, name) for name in sorted(known)]
        self.fields["object_type"] = forms.ChoiceField(
            label="Kind of thing", required=False, choices=[("", "All"), *kinds]
        )
        self.order_fields(["action", "actor", "object_type", "object_name", "since", "until"])

    def as_filter(self) -> dict[str, str]:
        """The same question as parameters of `AuditFilter`."""
        given = self.cleaned_data
        wanted = {name: given[name] for name in NAMES_IN_FILTER if given[name]}
        if given["since"]:
            wanted["created_after"] = _midnight(given["since"])
        if given["until"]:
            wanted["created_before"] = _midnight(given["until"] + timedelta(days=1))
        return wanted


def _midnight(day: Any) -> str:
    return datetime.combine(day, time(), UTC).isoformat()


@require_GET
@team_page(Scope.MANAGE)
def team_audit(request: HttpRequest) -> HttpResponse:
    """The team's record, newest first, a page at a time (`before`: the last event of the page before)."""
    form = AuditForm(request.GET)
    wanted = audit_log.events()
    if form.is_valid():
        wanted = audit_log.AuditFilter(form.as_filter(), queryset=wanted).qs
    last = _event(request.GET.get("before", ""))
    if last is not None:
        wanted = audit_log.older_than(wanted, last.created_at, last.pk)
    page = list(wanted[: PAGE_SIZE + 1])
    question = [(name, str(value)) for name, value in request.GET.items() if value and name != "before"]
    context = {
        "form": form,
        "events": [
            (event, ACTIONS.get(event.action, event.action), _details(event)) for event in page[:PAGE_SIZE]
        ],
        "older": urlencode([*question, ("before", page[PAGE_SIZE - 1].pk)]) if len(page) > PAGE_SIZE else "",
        "newest": urlencode(question) if last else None,
        "question": question,
    }
    return render(request, "team/audit.html", context, status=400 if form.errors else 200)


def _details(event: AuditEvent) -> list[tuple[str, str]]:
    """Names and values of an event's details, as words."""
    return [(name.replace("_", " "), _words(value)) for name, value in event.details.items()]


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')}: {_words(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(_words(inner) for inner in value)
    if value is None:
        return "none"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _event(text: str) -> AuditEvent | None:
    """The event with this id; None for what is none of the team's."""
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        return None
    return audit_log.events().filter(pk=int(text)).first()


@require_POST
@team_page(Scope.MANAGE)
def team_audit_export(request: HttpRequest) -> HttpResponseBase:
    """The events that the page's filters leave, as CSV or JSON Lines. The export itself is recorded."""
    team = require_access(request).team
    form, kind = AuditForm(request.POST), request.POST.get("format", "")
    if kind not in audit_log.FORMATS or not form.is_valid():
        sentence = "Choose a format, csv or jsonl, and filters as the page offers them."
        return problem_response(status=400, code="invalid", detail=sentence)
    wanted = audit_log.AuditFilter(form.as_filter(), queryset=audit_log.events()).qs
    record("audit.exported", team=team, obj=team, format=kind, filters=form.as_filter())
    return streamed(
        lambda: audit_log.events_write(team=team, wanted=wanted, form=kind),
        content_type=audit_log.FORMATS[kind],
        filename=f"record-{datetime.now(UTC):%Y-%m-%d}.{kind}",
    )
