"""Pages about teams as such: settings, a new one, changing from one to another."""

from allauth.core.ratelimit import respond_429
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts import teams
from accounts.access import get_access, require_access, require_owner, team_choose
from accounts.forms import TeamForm
from accounts.models import Scope
from accounts.pages import signed_in, team_page
from accounts.sending_limits import new_team_allowed
from accounts.services import team_create
from emotionsite.problems import Refusal


@require_http_methods(["GET", "POST"])
@team_page(Scope.MANAGE)
def team_settings(request: HttpRequest) -> HttpResponse:
    """The team's name, and what only its owners change."""
    access = require_access(request)
    sent = request.POST if request.method == "POST" else None
    form = TeamForm(sent, initial={"name": access.team.name})
    if request.method == "POST" and form.is_valid():
        team = teams.team_change(access=access, name=form.cleaned_data["name"])
        messages.success(request, f"The team is called {team.name} now.")
        return redirect("team_settings")
    return render(request, "team/settings.html", {"form": form}, status=400 if form.errors else 200)


@require_POST
@team_page(Scope.MANAGE)
def team_second_factor(request: HttpRequest) -> HttpResponse:
    """Ask a second factor of all members (`required=1`), or stop asking."""
    access = require_access(request)
    required = request.POST.get("required") == "1"
    try:
        require_owner(access)
        teams.team_change(access=access, require_mfa=required)
    except Refusal as refusal:
        if refusal.status == 403:
            raise PermissionDenied(refusal.message) from refusal
        messages.error(request, refusal.message)
    else:
        now = "needs a second factor from now on" if required else "may work without a second factor again"
        messages.success(request, f"Every member {now}.")
    return redirect("team_settings")


@require_http_methods(["GET", "POST"])
@login_required
def team_new(request: HttpRequest) -> HttpResponse:
    """Make a further team, owned by the caller, and go there."""
    form = TeamForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        if not new_team_allowed(request):
            return respond_429(request)
        team = team_create(name=form.cleaned_data["name"], owner=signed_in(request))
        team_choose(request, team)
        messages.success(request, f"{team.name} is ready. Invite the people who work with you.")
        return redirect("team_members")
    return render(request, "team/new.html", {"form": form}, status=400 if form.errors else 200)


@require_POST
@login_required
def team_switch(request: HttpRequest) -> HttpResponse:
    """Go on in another team of the caller (`team`, its id); 404 for any other."""
    access = get_access(request)
    wanted = request.POST.get("team", "")
    team = next((one for one in access.teams if str(one.pk) == wanted), None) if access else None
    if team is None:
        raise Http404
    team_choose(request, team)
    return redirect("photo_list")
