"""Pages of API keys: the list, making one, revoking one."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts import keys
from accounts.access import require_access
from accounts.key_forms import ApiKeyForm
from accounts.models import ApiKey, Scope
from accounts.pages import team_page
from emotionsite.problems import Refusal

PAGE_SIZE = 50


@require_GET
@team_page(Scope.MANAGE)
def team_keys(request: HttpRequest) -> HttpResponse:
    """The team's keys, newest first, and the form for a new one."""
    return _keys_page(request, ApiKeyForm())


@never_cache
@require_POST
@team_page(Scope.MANAGE)
def team_key_create(request: HttpRequest) -> HttpResponse:
    """Make a key and show its text in this answer, never again: it is in no address, message or session."""
    access = require_access(request)
    form = ApiKeyForm(request.POST)
    if not form.is_valid():
        return _keys_page(request, form, status=400)
    wanted = form.cleaned_data
    try:
        keys.scopes_check(access=access, scopes=wanted["scopes"])
    except Refusal as refusal:
        form.add_error("scopes", refusal.message)
        return _keys_page(request, form, status=refusal.status)
    key, text = keys.api_key_create(
        team=access.team,
        name=wanted["name"],
        scopes=wanted["scopes"],
        expires_at=form.expires_at,
        networks=wanted["networks"],
        created_by=access.user,
    )
    return render(request, "team/key_created.html", {"key": key, "text": text})


@require_POST
@team_page(Scope.MANAGE)
def team_key_revoke(request: HttpRequest, identifier: str) -> HttpResponse:
    """Revoke a key, and come back to the list."""
    key = get_object_or_404(ApiKey.objects.all(), identifier=identifier)
    keys.api_key_revoke(key=key)
    messages.success(request, f"{key.name} was revoked. From now on it opens nothing.")
    return redirect("team_keys")


def _keys_page(request: HttpRequest, form: ApiKeyForm, status: int = 200) -> HttpResponse:
    known = ApiKey.objects.select_related("created_by").order_by("-created_at", "-id")
    page = Paginator(known, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "team/keys.html", {"page": page, "form": form}, status=status)
