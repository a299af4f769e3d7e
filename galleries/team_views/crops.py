"""Pictures of single faces for the pages, each checked against the caller's team."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from accounts.models import Scope
from accounts.pages import team_page
from analysis.models import Face
from emotionsite.problems import Refusal
from galleries.crops import crop_response
from galleries.models import EnrolledFace
from galleries.photo_crops import photo_face_response


@require_GET
@team_page(Scope.READ)
def team_enrolled_crop(request: HttpRequest, face_id: UUID) -> HttpResponse:
    """The kept picture of an enrolled face; without one, it is cut from the photo that it is from."""
    rows = EnrolledFace.objects.defer("embedding", "next_embedding").select_related("source__media")
    face = get_object_or_404(rows, pk=face_id)
    if not face.crop and face.source is not None:
        return photo_face_response(request, face.source)
    try:
        return crop_response(request, face)
    except Refusal as refusal:
        raise Http404(refusal.message) from refusal


@require_GET
@team_page(Scope.READ)
def team_photo_face_crop(request: HttpRequest, face_id: UUID) -> HttpResponse:
    """A face of a photo, cut from its preview."""
    return photo_face_response(request, get_object_or_404(Face.objects.select_related("media"), pk=face_id))
