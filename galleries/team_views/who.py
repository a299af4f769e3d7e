"""'Who is this?': a photo is looked at, its faces are looked up in galleries, nothing is stored."""

import base64
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.access import require_access
from accounts.models import Scope, Team
from accounts.pages import team_page
from emotionsite.problems import Refusal, refusal_response
from galleries import page_selectors
from galleries.models import Gallery
from galleries.probes import Probe, ProbeFace, picture_probe
from galleries.quality import REASONS
from galleries.refusals import refuse
from galleries.search import Candidate, identify, threshold_among
from galleries.services import model_named

from .uploads import picture_of, upload_limits

#: Candidates of a face that are shown, and how unlike they may be: those below the gallery's threshold are
#: shown as too different.
SHOWN = 3
SHOWN_FROM = 0.02
#: Two answers are about one face when their boxes begin within so many pixels of each other.
SAME_PLACE = 2.0


@dataclass
class _Face:
    """A face of the picture, with who it may be in each gallery that was asked."""

    face: ProbeFace
    found: list[tuple[Gallery, Candidate]] = field(default_factory=list)


@require_GET
@team_page(Scope.READ)
def team_who(request: HttpRequest) -> HttpResponse:
    """The page with the place to drop a photo."""
    rows: Any = page_selectors.galleries().filter(holds=Gallery.Holds.SUBJECTS)
    galleries = list(rows)
    context = {
        "galleries": galleries,
        "asked": request.GET.get("gallery", ""),
        "trained": any(one.trained_at for one in galleries),
        "limits": upload_limits(),
    }
    return render(request, "galleries/who.html", context)


@require_POST
@team_page(Scope.ANALYZE)
def team_who_ask(request: HttpRequest) -> JsonResponse:
    """Look the faces of a picture (`file`) up in a gallery (`gallery`) or in all; JSON for the page."""
    access = require_access(request)
    try:
        galleries = _galleries(request)
        if not galleries:
            raise refuse("gallery_unknown")
        content = picture_of(request)
        return JsonResponse(_answer(access.team, content, galleries))
    except Refusal as refusal:
        return refusal_response(refusal)


def _galleries(request: HttpRequest) -> list[Gallery]:
    rows = Gallery.objects.select_related("team").filter(holds=Gallery.Holds.SUBJECTS).order_by("name")
    wanted = request.POST.get("gallery", "")
    if not wanted:
        return list(rows)
    try:
        return list(rows.filter(pk=UUID(wanted)))
    except ValueError as error:
        raise Http404("This is not the id of a gallery.") from error


def _answer(team: Team, content: bytes, galleries: Sequence[Gallery]) -> dict[str, Any]:
    """What the page shows. Each recognition model looks at the picture once."""
    by_model: dict[str, list[Gallery]] = defaultdict(list)
    for gallery in galleries:
        by_model[gallery.model].append(gallery)
    faces: list[_Face] = []
    not_asked: list[str] = []
    for name, some in by_model.items():
        probe = picture_probe(team=team, content=content, model=model_named(name))
        mine = _matched(faces, probe)
        not_asked += _look_up(mine, probe, some)
    return {
        "width": probe.width,
        "height": probe.height,
        "faces": _faces_json(faces, galleries),
        "not_asked": not_asked,
    }


def _matched(faces: list[_Face], probe: Probe) -> list[_Face]:
    """The faces of a further look at the same picture, which finds the same ones."""
    mine = []
    for face in probe.faces:
        known = next(
            (
                one
                for one in faces
                if all(abs(a - b) < SAME_PLACE for a, b in zip(one.face.box, face.box, strict=True))
            ),
            None,
        )
        if known is None:
            known = _Face(face)
            faces.append(known)
        mine.append(known)
    return mine


def _look_up(faces: Sequence[_Face], probe: Probe, galleries: Sequence[Gallery]) -> list[str]:
    """Add the candidates of each gallery; returns why some galleries could not be asked, as sentences."""
    if not faces:
        return []
    problems = []
    for gallery in galleries:
        try:
            found = identify(
                gallery=gallery,
                probes=[face.embedding for face in probe.faces],
                model_sha256=probe.model.sha256,
                count=SHOWN,
                confidence=SHOWN_FROM,
            )
        except Refusal as refusal:
            problems.append(f"{gallery.name}: {refusal.message}")
            continue
        for face, candidates in zip(faces, found, strict=True):
            face.found += [(gallery, one) for one in candidates]
    return problems


def _faces_json(faces: Sequence[_Face], galleries: Sequence[Gallery]) -> list[dict[str, Any]]:
    people = page_selectors.people_by_id(
        ids={one.subject_id for face in faces for _, one in face.found if one.subject_id}
    )
    needed = {gallery.pk: threshold_among(gallery) for gallery in galleries}
    answer = []
    for face in faces:
        ordered = sorted(face.found, key=lambda pair: -pair[1].confidence)
        candidates = [
            {
                "id": str(person.pk),
                "name": person.name,
                "gallery": gallery.name,
                "confidence": round(one.confidence, 4),
                "same": one.confidence >= needed[gallery.pk],
                "page": reverse("team_subject", args=[person.pk]),
                "picture": reverse("team_enrolled_crop", args=[person.cover]) if person.cover else "",
            }
            for gallery, one in ordered
            if one.subject_id and (person := people.get(one.subject_id)) is not None
        ]
        answer.append({**face_json(face.face), "candidates": candidates[:SHOWN]})
    return answer


def face_json(face: ProbeFace) -> dict[str, Any]:
    """A face for the scripts: its box, how good it is and why, and a small picture of it."""
    left, top, width, height = face.box
    crop = base64.b64encode(face.crop).decode() if face.crop else ""
    return {
        "box": {"left": left, "top": top, "width": width, "height": height},
        "quality": face.quality,
        "reasons": [REASONS[code] for code in face.reasons],
        "crop": f"data:image/jpeg;base64,{crop}" if crop else "",
    }
