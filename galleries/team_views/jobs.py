"""Pages of a gallery's jobs: giving it out, taking people in, moving to another model, and their progress."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.access import require_access
from accounts.models import Scope
from accounts.pages import team_page
from emotionsite.problems import Refusal
from galleries.archive_export import gallery_export_start
from galleries.archive_import import import_start
from galleries.job_files import gallery_jobs, job_file_response
from galleries.jobs import job_cancel
from galleries.models import GalleryJob
from galleries.reembedding import gallery_reembed

from .common import gallery_of, tried
from .galleries import jobs_context


@require_GET
@team_page(Scope.MANAGE)
def team_gallery_jobs(request: HttpRequest, gallery_id: UUID) -> HttpResponse:
    """The list of a gallery's jobs, for the page that follows them; once all are over, it loads anew."""
    gallery = gallery_of(gallery_id)
    context = jobs_context(gallery)
    answer = render(request, "galleries/_jobs.html", {"gallery": gallery, **context})
    if not context["busy"]:
        answer["HX-Refresh"] = "true"
    return answer


@require_POST
@team_page(Scope.MANAGE)
def team_gallery_export(request: HttpRequest, gallery_id: UUID) -> HttpResponse:
    """Ask for an archive of the gallery, with `crops` or without."""
    access = require_access(request)
    gallery = gallery_of(gallery_id)
    tried(
        request,
        lambda: gallery_export_start(
            gallery=gallery, crops=request.POST.get("crops") == "1", user=access.user
        ),
        "The archive is being made. You find it in the list of jobs.",
    )
    return redirect("team_gallery_settings", gallery.pk)


@require_POST
@team_page(Scope.MANAGE)
def team_gallery_import(request: HttpRequest, gallery_id: UUID) -> HttpResponse:
    """Take the people of an archive (`archive`) into the gallery."""
    access = require_access(request)
    gallery = gallery_of(gallery_id)
    archive = request.FILES.get("archive")
    if archive is None:
        messages.error(request, "Choose a ZIP archive first. Nothing was taken in.")
    else:
        tried(
            request,
            lambda: import_start(
                team=access.team,
                file=archive,
                size=archive.size or 0,
                gallery=gallery,
                reembed=request.POST.get("reembed") == "1",
                user=access.user,
            ),
            "The archive is being taken in. The list of jobs shows how far it is.",
        )
    return redirect("team_gallery_settings", gallery.pk)


@require_POST
@team_page(Scope.MANAGE)
def team_gallery_reembed(request: HttpRequest, gallery_id: UUID) -> HttpResponse:
    """Move the gallery to another recognition model (`model`)."""
    access = require_access(request)
    gallery = gallery_of(gallery_id)
    tried(
        request,
        lambda: gallery_reembed(
            gallery=gallery,
            model=request.POST.get("model", ""),
            drop_missing=request.POST.get("drop_missing") == "1",
            user=access.user,
        ),
        "The gallery is being moved. Until it is done, answers come from the model of today.",
    )
    return redirect("team_gallery_settings", gallery.pk)


@require_POST
@team_page(Scope.MANAGE)
def team_gallery_job_cancel(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Stop a job at its next step."""
    job = _job(job_id)
    tried(request, lambda: job_cancel(job=job), "The job was cancelled.")
    return redirect("team_gallery_settings", job.gallery_id)


@require_GET
@team_page(Scope.MANAGE)
def team_gallery_job_file(request: HttpRequest, job_id: UUID) -> HttpResponseBase:
    """The archive that an export has made."""
    try:
        return job_file_response(_job(job_id))
    except Refusal as refusal:
        raise Http404(refusal.message) from refusal


def _job(job_id: UUID) -> GalleryJob:
    """A job of a gallery of the team, or Http404."""
    return get_object_or_404(gallery_jobs().filter(gallery__isnull=False), pk=job_id)
