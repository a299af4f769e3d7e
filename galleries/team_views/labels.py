"""Naming the faces of photos, from the photo's page and a person's."""

from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from accounts.access import require_access
from accounts.models import Scope, User
from accounts.pages import team_page
from analysis.models import Face
from galleries.labelling import face_label, face_unlabel
from galleries.models import Gallery, Subject
from galleries.services import subject_create

from .common import gallery_named, person_called, person_named, tried


@require_POST
@team_page(Scope.ANALYZE)
def team_face_label(request: HttpRequest, face_id: UUID) -> HttpResponse:
    """Say who the face of a photo is: somebody known (`subject`), or `name` in the gallery `gallery`."""
    access = require_access(request)
    face = _face(face_id)
    gallery = gallery_named(request)
    known = person_named(request) or person_called(request, gallery)
    name = request.POST.get("name", "").strip()
    if known is None and gallery is None:
        messages.error(request, "Make a gallery first: a name needs one. The face was not named.")
    elif known is None and not name:
        messages.error(request, "Type a name. The face was not named.")
    else:
        enrol = request.POST.get("enrol") == "1"
        tried(
            request,
            lambda: _label(face, known, gallery, name, enrol, access.user),
            f"Person {face.number} is {known.name if known else name} now.",
        )
    return _back(request, face)


@require_POST
@team_page(Scope.ANALYZE)
def team_face_unlabel(request: HttpRequest, face_id: UUID) -> HttpResponse:
    """Say that the face of a photo is not who it is taken for."""
    access = require_access(request)
    face = _face(face_id)
    tried(
        request,
        lambda: face_unlabel(face=face, user=access.user),
        "The name was taken off. It is not given to this face again unless you do.",
    )
    return _back(request, face)


def _face(face_id: UUID) -> Face:
    return get_object_or_404(Face.objects.select_related("media"), pk=face_id)


def _label(
    face: Face, known: Subject | None, gallery: Gallery | None, name: str, enrol: bool, user: User | None
) -> None:
    """Label a face; a person who is made for it goes with the label if that is refused."""
    with transaction.atomic():
        if known is None:
            if gallery is None:
                raise ValueError("A new person needs a gallery.")
            known = subject_create(gallery=gallery, name=name, user=user)
        face_label(face=face, subject=known, user=user, enrol=enrol)


def _back(request: HttpRequest, face: Face) -> HttpResponse:
    """To the page that asked (`next`, one of this site's), or to the photo."""
    wanted = request.POST.get("next", "")
    if wanted and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
        return redirect(wanted)
    return redirect(f"{reverse('photo_detail', args=[face.media_id])}#person-{face.number}")
