"""Enrolling faces from the pages: one picture per request, for somebody who is there or a new person."""

from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.access import require_access
from accounts.models import Scope, User
from accounts.pages import team_page
from emotionsite.problems import Refusal, problem_response, refusal_response
from galleries.enrolment import face_enrol_found, model_of
from galleries.models import EnrolledFace, Gallery, Subject
from galleries.probes import Probe, ProbeFace, face_chosen, picture_probe, probe_give_back
from galleries.quality import REASONS
from galleries.services import subject_create

from .common import gallery_of, person_called, person_named, subject_of
from .uploads import box_of, picture_of
from .who import face_json


@require_POST
@team_page(Scope.ANALYZE)
def team_subject_enrol(request: HttpRequest, subject_id: UUID) -> JsonResponse:
    """Enrol the face of a picture (`file`) for a person; `box` says which one is meant.

    201 with the face; 200 with the faces to choose from, if several are there and none is meant; a problem.
    """
    subject = subject_of(subject_id)
    return _enrol(request, subject.gallery, subject)


@require_POST
@team_page(Scope.ANALYZE)
def team_gallery_enrol(request: HttpRequest, gallery_id: UUID) -> JsonResponse:
    """The same for somebody of the gallery (`subject`), or for a new person called `name`."""
    gallery = gallery_of(gallery_id)
    subject = person_named(request) or person_called(request, gallery)
    if subject is not None:
        return _enrol(request, subject.gallery, subject)
    return _enrol(request, gallery, None, request.POST.get("name", "").strip())


def _enrol(request: HttpRequest, gallery: Gallery, subject: Subject | None, name: str = "") -> JsonResponse:
    access = require_access(request)
    try:
        content, box = picture_of(request), box_of(request)
        probe = picture_probe(team=access.team, content=content, model=model_of(gallery), box=box)
        try:
            found = face_chosen(probe=probe, box=box)
            face = _store(gallery, subject, name, found, probe.picture_sha256, access.user)
        except (Refusal, ValidationError):
            # Nothing came of it, so it does not count.
            probe_give_back(team=access.team, probe=probe)
            raise
    except Refusal as refusal:
        if refusal.code == "several_faces":
            return JsonResponse(_choice(probe))
        return refusal_response(refusal)
    except ValidationError as error:
        return problem_response(status=400, code="invalid", detail=" ".join(error.messages))
    return JsonResponse(_answer(face), status=201)


@transaction.atomic
def _store(
    gallery: Gallery, subject: Subject | None, name: str, found: ProbeFace, sha256: str, user: User | None
) -> EnrolledFace:
    """Enrol a face; a person who is made for it is not made when the face is refused."""
    person = subject or subject_create(gallery=gallery, name=name, user=user)
    return face_enrol_found(gallery=gallery, subject=person, found=found, picture_sha256=sha256, user=user)


def _choice(probe: Probe) -> dict[str, object]:
    """The faces that the page lets somebody choose from."""
    return {
        "width": probe.width,
        "height": probe.height,
        "faces": [face_json(face) for face in probe.faces],
    }


def _answer(face: EnrolledFace) -> dict[str, object]:
    person = face.subject
    return {
        "face_id": str(face.pk),
        "quality": face.quality,
        "reasons": [REASONS[code] for code in face.quality_reasons],
        "picture": reverse("team_enrolled_crop", args=[face.pk]) if face.crop else "",
        "person": person.name if person else "",
        "page": reverse("team_subject", args=[person.pk]) if person else "",
    }
