"""Exports: the team's list of them, and the file behind the link of a mail."""

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import across_teams, require_access, team_scope
from accounts.models import Scope
from accounts.pages import team_page
from emotionsite.problems import Refusal
from media_jobs import exports, signed
from media_jobs.download import export_response
from media_jobs.models import Export

PAGE_SIZE = 30
KINDS = (Export.Kind.TEAM.value, Export.Kind.AUDIT.value)


@require_http_methods(["GET", "POST"])
@team_page(Scope.MANAGE)
def team_exports(request: HttpRequest) -> HttpResponse:
    """The team's exports, and the buttons that ask for one (`kind`: team or audit)."""
    access = require_access(request)
    if request.method == "POST":
        kind = request.POST.get("kind", "")
        try:
            if kind not in KINDS:
                raise Http404
            exports.export_start(team=access.team, kind=kind, user=access.user)
            messages.success(request, "The export is being made. You get a mail when it is ready.")
        except Refusal as refusal:
            messages.error(request, refusal.message)
        return redirect("team_exports")
    page = Paginator(exports.exports(), PAGE_SIZE).get_page(request.GET.get("page"))
    open_ones = any(export.status in exports.OPEN for export in page)
    return render(request, "team/exports.html", {"page": page, "follow": open_ones})


@require_GET
@team_page(Scope.MANAGE)
def team_export_file(request: HttpRequest, export_id: UUID) -> HttpResponseBase:
    """The ZIP of an export."""
    try:
        return export_response(get_object_or_404(exports.exports(), pk=export_id))
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("team_exports")


@require_POST
@team_page(Scope.MANAGE)
def team_export_delete(request: HttpRequest, export_id: UUID) -> HttpResponse:
    """Erase an export before its day."""
    exports.export_delete(export=get_object_or_404(exports.exports(), pk=export_id))
    messages.success(request, "The export was erased.")
    return redirect("team_exports")


@require_GET
@never_cache
def signed_export(request: HttpRequest, token: str) -> HttpResponseBase:
    """The ZIP of an export, for whoever has the link of the mail: the team or the account may be gone."""
    export_id = signed.pk_of("export", token)
    # Across teams: the signed link is what tells which export it is.
    with across_teams():
        export = get_object_or_404(Export.unscoped.select_related("team"), pk=export_id)
    try:
        if export.team is None:
            return export_response(export)
        with team_scope(export.team):
            return export_response(export)
    except Refusal:
        context = {"expired": export.status == Export.Status.ERASED, "sign_in": reverse("account_login")}
        return render(request, "team/export_gone.html", context, status=410)
