"""Deleting a team or one's own account: what goes, the last question, and the progress afterwards."""

from typing import Any

from allauth.core import ratelimit
from django import forms
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import across_teams, require_access, require_owner
from accounts.models import Scope, User
from accounts.pages import signed_in, team_page
from emotionsite.problems import Refusal
from media_jobs import removals, signed
from media_jobs.models import Export, Removal


class ConfirmForm(forms.Form):
    """Asks for the name of what goes, the caller's password, and whether an export comes first."""

    name = forms.CharField(max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    password = forms.CharField(
        label="Your password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    export = forms.BooleanField(label="Make an export first", required=False, initial=True)

    def __init__(self, request: HttpRequest, name: str, label: str) -> None:
        super().__init__(request.POST if request.method == "POST" else None)
        self.request, self.expected = request, name
        self.fields["name"].label = label
        self.fields["export"].help_text = (
            "A ZIP with everything that is stored. You get a mail with a link to it, which works for a week; "
            "nothing is deleted before it is ready."
        )

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if name.strip() != self.expected.strip():
            raise forms.ValidationError("This is another name. Type it exactly as it stands above.")
        return name

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        user = signed_in(self.request)
        if not ratelimit.consume(self.request, action="reauthenticate", user=user):
            raise forms.ValidationError("Too many attempts. Wait some minutes and try again.")
        if not user.check_password(password):
            raise forms.ValidationError("This is not your password.")
        return password


@require_http_methods(["GET", "POST"])
@team_page(Scope.MANAGE)
def team_delete(request: HttpRequest) -> HttpResponse:
    """Delete the team with everything in it; only an owner may."""
    access = require_access(request)
    try:
        require_owner(access)
        form = ConfirmForm(request, access.team.name, "Name of the team")
        if request.method == "POST" and form.is_valid():
            removal = removals.team_removal_start(access=access, export_first=form.cleaned_data["export"])
            return redirect("removal_progress", token=signed.token_of("removal", removal.pk))
    except Refusal as refusal:
        raise PermissionDenied(refusal.message) from refusal
    context = {"form": form, "figures": removals.team_figures(access.team)}
    return render(request, "team/delete.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@login_required
def account_delete(request: HttpRequest) -> HttpResponse:
    """Delete one's own account, with the teams that nobody else belongs to."""
    user: User = signed_in(request)
    alone, bereft = removals.teams_that_go(user)
    form = ConfirmForm(request, user.username, "Your user name")
    if request.method == "POST" and form.is_valid():
        try:
            removal = removals.user_removal_start(user=user, export_first=form.cleaned_data["export"])
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            logout(request)
            return redirect("removal_progress", token=signed.token_of("removal", removal.pk))
    context = {"form": form, "alone": alone, "bereft": bereft}
    return render(request, "account/delete.html", context, status=400 if form.errors else 200)


@require_GET
@never_cache
def removal_progress(request: HttpRequest, token: str) -> HttpResponse:
    """How far a deletion is, for whoever was sent here: the team or the account may be gone already."""
    removal = _removal(token)
    return render(
        request, "team/removal.html", {"removal": removal, "state": _state(removal), "token": token}
    )


@require_GET
@never_cache
def removal_state(request: HttpRequest, token: str) -> JsonResponse:
    """The same for the script of that page."""
    return JsonResponse(_state(_removal(token)))


def _removal(token: str) -> Removal:
    removal_id = signed.pk_of("removal", token)
    # Across teams: the signed link is what tells which removal it is.
    with across_teams():
        return get_object_or_404(Removal.unscoped.select_related("export"), pk=removal_id)


def _state(removal: Removal) -> dict[str, Any]:
    export = removal.export
    exporting = removal.status == Removal.Status.EXPORTING
    counted = export if exporting and export is not None else removal
    ready = export is not None and export.status == Export.Status.READY
    return {
        "status": removal.status,
        "words": removals.words_of(removal),
        "done": counted.done,
        "total": counted.total,
        "over": removal.status not in removals.OPEN,
        "error": removal.error_message,
        "export": ready,
    }
