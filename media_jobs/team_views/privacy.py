"""The page on which a team says how long it keeps what, and sees what will go when."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.access import require_access
from accounts.models import Scope, Team
from accounts.models.teams import LONGEST_RETENTION_DAYS
from accounts.pages import team_page
from accounts.privacy import privacy_change
from media_jobs.forecast import forecast

FOREVER, DAYS, NONE = "forever", "days", "none"
KINDS = {
    "originals": (
        "Pictures and files of videos",
        "The file as it was uploaded, with its smaller copies. Results stay when it goes.",
    ),
    "faces": (
        "Faces",
        "Each face with its place, scores and vectors; in videos each person with all samples. The photo or"
        " video keeps the number of them.",
    ),
    "results": (
        "Photos and videos as a whole",
        "The entry with everything that is left, and jobs that are over. Nothing is kept longer than this.",
    ),
}
SWITCHES = {
    "analyze_emotion": "Emotion",
    "analyze_age": "Age",
    "analyze_gender": "Gender",
    "analyze_identity": "Who it is (people recognised in photos and videos)",
}


class PrivacyForm(forms.Form):
    """Per kind a choice (`<kind>`) and a number of days (`<kind>_days`), and the switches."""

    def __init__(self, team: Team, data: Any = None) -> None:
        super().__init__(data, initial=_initial(team))
        for kind, (label, _) in KINDS.items():
            none = [(NONE, "Keep none: erase them with the analysis")] if kind == "originals" else []
            self.fields[kind] = forms.ChoiceField(
                label=label,
                choices=[(FOREVER, "Keep for ever"), (DAYS, "Keep for"), *none],
                widget=forms.RadioSelect,
            )
            self.fields[f"{kind}_days"] = forms.IntegerField(
                label="Days", required=False, min_value=1, max_value=LONGEST_RETENTION_DAYS
            )
        for name, label in SWITCHES.items():
            self.fields[name] = forms.BooleanField(label=label, required=False)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        for kind in KINDS:
            if (
                given.get(kind) == DAYS
                and given.get(f"{kind}_days") is None
                and not self.has_error(f"{kind}_days")
            ):
                self.add_error(f"{kind}_days", "Say for how many days.")
        return given

    def changes(self) -> dict[str, Any]:
        """The settings of the team that the form stands for."""
        given = self.cleaned_data
        fixed = {FOREVER: None, NONE: 0}
        kept = {f"keep_{kind}_days": fixed.get(given[kind], given[f"{kind}_days"]) for kind in KINDS}
        return kept | {name: given[name] for name in SWITCHES}

    def kinds(self) -> list[dict[str, Any]]:
        """What the page draws per kind."""
        return [
            {"choice": self[kind], "days": self[f"{kind}_days"], "title": title, "words": words}
            for kind, (title, words) in KINDS.items()
        ]

    def switches(self) -> list[Any]:
        return [self[name] for name in SWITCHES]


def _initial(team: Team) -> dict[str, Any]:
    initial: dict[str, Any] = {name: getattr(team, name) for name in SWITCHES}
    for kind in KINDS:
        kept = getattr(team, f"keep_{kind}_days")
        initial[kind] = FOREVER if kept is None else DAYS if kept else NONE
        initial[f"{kind}_days"] = kept or None
    return initial


@require_http_methods(["GET", "POST"])
@team_page(Scope.MANAGE)
def team_privacy(request: HttpRequest) -> HttpResponse:
    """Retention, the switches, and what goes in the coming weeks."""
    access = require_access(request)
    form = PrivacyForm(access.team, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        privacy_change(access=access, changes=form.changes())
        messages.success(request, "Saved. What is past its day goes within the next minutes.")
        return redirect("team_privacy")
    context = {"form": form, "forecast": forecast(access.team)}
    return render(request, "team/privacy.html", context, status=400 if form.errors else 200)
