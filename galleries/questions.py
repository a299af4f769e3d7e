"""Questions of clients: faces are named by temporary ids, or come with the question in a picture.

A picture is looked at by a worker while the client waits, and counts as one analysed picture. What can be
refused without looking is refused before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from accounts.models import Team
from media_jobs.crops import Box
from ml_models.recognition import RecognitionModel

from . import search
from .enrolment import model_of
from .models import Gallery, Subject
from .probes import face_chosen, picture_probe, probe_give_back
from .refusals import Refusal, refuse
from .search import Candidate, Grouped, Mode, Probe, Similar, Verdict
from .search_sql import trained_check
from .services import model_named


@dataclass(frozen=True)
class Asked:
    """Where a face is: one that detection kept, or in a picture; box: which one of the picture is meant."""

    team: Team
    temporary_face: UUID | None = None
    content: bytes | None = None
    box: Box | None = None
    #: When the client began to wait (time.monotonic), so that its deadline holds for everything.
    begun: float | None = None


@dataclass(frozen=True)
class Found:
    """Who one face may be. It has a temporary id, or a box in the picture."""

    temporary_face_id: UUID | None
    box: Box | None
    candidates: list[Candidate]


@dataclass(frozen=True)
class Identified:
    """Answers in the order of the faces asked about; `people` by id are those among the candidates."""

    threshold: float
    found: list[Found]
    people: dict[UUID, Subject]


def faces_identify(
    *, gallery: Gallery, face_ids: Sequence[UUID], count: int, confidence: float | None = None
) -> Identified:
    """Who temporary faces may be. Raises the refusals of `search.identify` and of temporary faces."""
    probes = search.vectors_of(face_ids)
    if any(probe.model_sha256 != gallery.model_sha256 for probe in probes):
        raise refuse("models_differ")
    answers = _identify(gallery, [probe.embedding for probe in probes], count, confidence)
    found = [Found(pk, None, one) for pk, one in zip(face_ids, answers, strict=True)]
    return _identified(gallery, found, confidence)


def picture_identify(
    *, gallery: Gallery, asked: Asked, count: int, confidence: float | None = None
) -> Identified:
    """Who the faces of a picture may be, the largest first; with a box only the one that is meant.

    Raises the refusals of `search.identify` and `picture_probe`, `face_not_found`, `box_without_face`.
    """
    trained_check(gallery)
    model = model_of(gallery)
    probe = picture_probe(
        team=asked.team,
        content=asked.content or b"",
        model=model,
        box=asked.box,
        crops=False,
        begun=asked.begun,
    )
    try:
        chosen = not probe.found or asked.box is not None
        faces = [face_chosen(probe=probe, box=asked.box)] if chosen else probe.faces
        answers = _identify(gallery, [face.embedding for face in faces], count, confidence)
    except Refusal:
        probe_give_back(team=asked.team, probe=probe)
        raise
    return _identified(
        gallery, [Found(None, face.box, one) for face, one in zip(faces, answers, strict=True)], confidence
    )


def _identify(
    gallery: Gallery, probes: list[list[float]], count: int, confidence: float | None
) -> list[list[Candidate]]:
    return search.identify(
        gallery=gallery, probes=probes, model_sha256=gallery.model_sha256, count=count, confidence=confidence
    )


def _identified(gallery: Gallery, found: list[Found], confidence: float | None) -> Identified:
    named = {one.subject_id for face in found for one in face.candidates if one.subject_id is not None}
    return Identified(
        threshold=search.threshold_among(gallery, confidence),
        found=found,
        people=Subject.objects.in_bulk(named) if named else {},
    )


def faces_verify(*, asked: Asked, other: UUID, confidence: float | None = None) -> Verdict:
    """Whether a face and a temporary face are one person."""
    (there,) = search.vectors_of([other])
    return search.verify_faces(_probe(asked, model_named(there.model)), there, confidence=confidence)


def subject_verify(*, asked: Asked, subject: Subject, confidence: float | None = None) -> Verdict:
    """Whether a face is a person of a gallery. Needs no training."""
    search.verifiable_check(subject)
    return search.verify_subject(_probe(asked, model_of(subject.gallery)), subject, confidence=confidence)


def similar_find(
    *, asked: Asked, among: Gallery | Sequence[UUID], mode: Mode, count: int, confidence: float | None = None
) -> list[Similar]:
    """Faces that look like one: of a gallery, or of some temporary faces."""
    if isinstance(among, Gallery):
        trained_check(among)
        model = model_of(among)
    else:
        model = model_named(search.vectors_of(among[:1])[0].model)
    return search.find_similar(_probe(asked, model), among, mode=mode, count=count, confidence=confidence)


def faces_group(*, face_ids: Sequence[UUID]) -> Grouped:
    """Temporary faces by person."""
    return search.group_faces(face_ids)


def _probe(asked: Asked, model: RecognitionModel) -> Probe:
    """The vector of the face that is asked about. A picture is looked at with `model`."""
    if asked.content is None:
        if asked.temporary_face is None:
            raise refuse("probe_missing")
        return search.vectors_of([asked.temporary_face])[0]
    probe = picture_probe(
        team=asked.team, content=asked.content, model=model, box=asked.box, crops=False, begun=asked.begun
    )
    try:
        face = face_chosen(probe=probe, box=asked.box)
    except Refusal:
        probe_give_back(team=asked.team, probe=probe)
        raise
    return Probe(face.embedding, model.name, model.sha256)
