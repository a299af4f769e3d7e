"""Pages of photos: history with upload, progress, result, files, deletion."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.access import require_access
from accounts.models import Scope
from accounts.pages import team_page
from analysis.selectors import emotion_mix, faces_of
from emotionsite.problems import problem_response, refusal_response
from ml_models import EMOTIONS

from . import selectors, services
from .refusals import Refusal, refuse
from .responses import file_response

PAGE_SIZE = 24
MAX_STATES = 100


@require_GET
@team_page(Scope.READ)
def photo_list(request: HttpRequest) -> HttpResponse:
    """The team's photos, newest first, with the place to drop new ones."""
    page = Paginator(selectors.photos(), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "pages": page.paginator.get_elided_page_range(page.number),
        "limits": {
            "min_bytes": settings.MIN_UPLOAD_BYTES,
            "max_bytes": settings.MAX_UPLOAD_BYTES,
            "megabytes": f"{settings.MAX_UPLOAD_BYTES / 1024**2:g}",
            "megapixels": f"{settings.MAX_IMAGE_PIXELS / 1e6:g}",
        },
    }
    return render(request, "photos/list.html", context)


@require_POST
@team_page(Scope.ANALYZE)
def photo_upload(request: HttpRequest) -> JsonResponse:
    """Take one file of the upload area; answers 202 with the job to follow, or a problem with a code."""
    access = require_access(request)
    file = request.FILES.get("file")
    try:
        if file is None:
            raise refuse("file_missing")
        upload = services.photo_upload(
            team=access.team, file=file, size=file.size or 0, filename=file.name or "", user=access.user
        )
    except Refusal as refusal:
        return refusal_response(refusal)
    body = {
        "job_id": upload.job.pk,
        "media_id": upload.media.pk,
        "duplicate": upload.duplicate,
        "page": reverse("photo_detail", args=[upload.media.pk]),
        "thumbnail": reverse("photo_file", args=[upload.media.pk, "thumbnail"]),
    }
    return JsonResponse(body, status=202)


@require_GET
@team_page(Scope.READ)
def photo_states(request: HttpRequest) -> JsonResponse:
    """Progress of up to 100 jobs at once (`?job=...&job=...`), for the page that follows its uploads."""
    try:
        ids = [UUID(text) for text in request.GET.getlist("job")]
    except ValueError:
        return problem_response(status=400, code="invalid", detail="Each 'job' must be the id of a job.")
    if len(ids) > MAX_STATES:
        sentence = f"Ask for at most {MAX_STATES} jobs at once."
        return problem_response(status=400, code="invalid", detail=sentence)
    states = [
        {
            "job_id": state.job_id,
            "media_id": state.media_id,
            "status": state.status,
            "error": state.error,
            "face_count": state.face_count,
        }
        for state in selectors.photo_states(job_ids=ids)
    ]
    return JsonResponse({"states": states})


@require_GET
@team_page(Scope.READ)
def photo_detail(request: HttpRequest, media_id: UUID) -> HttpResponse:
    """The photo with a numbered box on every face, and each face's emotions."""
    photo = get_object_or_404(selectors.photos(), pk=media_id)
    faces = faces_of(media_id=photo.pk)
    chart_data = {
        "labels": list(EMOTIONS),
        # In percent, rounded once and here: the chart and the table never differ in the last digit.
        "faces": {
            face.number: [round(100 * value, 1) for value in face.emotions.values()]
            for face in faces
            if face.emotions is not None
        },
    }
    context = {"photo": photo, "faces": faces, "mix": emotion_mix(faces=faces), "chart_data": chart_data}
    return render(request, "photos/detail.html", context)


@require_POST
@team_page(Scope.ANALYZE)
def photo_delete(request: HttpRequest, media_id: UUID) -> HttpResponse:
    """Delete a photo, its faces and its files, and go back to the history."""
    photo = get_object_or_404(selectors.media(), pk=media_id)
    services.media_delete(media_id=media_id)
    messages.success(request, f"{photo.filename} was deleted, with its faces and files.")
    return redirect("photo_list")


@require_GET
@team_page(Scope.READ)
def photo_file(request: HttpRequest, media_id: UUID, part: str) -> HttpResponse:
    """The original, preview or thumbnail of a photo of the team."""
    try:
        return file_response(request, get_object_or_404(selectors.media(), pk=media_id), part)
    except Refusal as refusal:
        return refusal_response(refusal)
