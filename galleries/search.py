"""The four questions: who is it, are these two one person, who looks like this, and who belongs together.

Galleries answer from their last trained state (`galleries.training`). Whose face it is, is read from the
enrolled face itself, so that corrections count at once. All callers are inside the team's scope.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import numpy as np
from django.db import connection

from ml_models.grouping import group, grouping_distance
from ml_models.recognition import RecognitionModel

from . import search_sql
from .consent import consent_ended
from .models import EnrolledFace, Gallery, Subject, TemporaryFace, TrainedState
from .refusals import refuse
from .search_sql import Near, text_of
from .services import model_named
from .temporary import temporary_faces_get

Vector = Sequence[float]
Mode = Literal["match_person", "match_face"]

#: Candidates that may be asked for, faces that may be looked among, faces that may be grouped.
MOST_CANDIDATES = 100
MOST_AMONG = 1000
GROUPED = (2, 1000)
#: From this confidence on two faces are one person, unless a gallery or the question says otherwise.
USUAL_THRESHOLD = 0.5
#: How many times likelier than not a candidate must be, for each person they were chosen among.
ODDS_PER_PERSON = 0.5


@dataclass(frozen=True)
class Candidate:
    """Somebody a probe may be. distance: Euclidean, of the nearest face or of the template, whichever is
    nearer.

    subject_id: None in a gallery of faces. face_id: the nearest enrolled face; None when no face of the
    subject was near enough to be looked at beside the template. confidence: in [0, 1], calibrated.
    """

    subject_id: UUID | None
    face_id: UUID | None
    confidence: float
    distance: float


@dataclass(frozen=True)
class Verdict:
    """Whether two are one person. confidence: in [0, 1]; distance: Euclidean, 0 to 2."""

    same_person: bool
    confidence: float
    distance: float


@dataclass(frozen=True)
class Similar:
    """A face that looks like the probe. subject_id: whose it is, if anybody's."""

    face_id: UUID
    subject_id: UUID | None
    confidence: float
    distance: float


@dataclass(frozen=True)
class Grouped:
    """Ids of faces: groups of at least two, the largest first, and those that look like no other."""

    groups: list[list[UUID]]
    alone: list[UUID]


@dataclass(frozen=True)
class Probe:
    """A vector and the model that made it."""

    embedding: list[float]
    model: str
    model_sha256: str


def threshold_of(gallery: Gallery, confidence: float | None = None) -> float:
    """The confidence from which on somebody is the same person here."""
    if confidence is not None:
        return confidence
    return USUAL_THRESHOLD if gallery.threshold is None else gallery.threshold


def threshold_among(gallery: Gallery, confidence: float | None = None) -> float:
    """The confidence from which on somebody of a whole gallery is a candidate.

    Whoever is compared with many people looks like one of them by chance sooner: at 0.5, half of all
    strangers would be taken for somebody in a gallery of a hundred. So the odds must be `ODDS_PER_PERSON` for
    each person of the trained state, which holds the share of strangers near 2 % whatever the size
    (docs/galleries.md). A question or a gallery with a threshold of its own gets just that.
    """
    if confidence is not None or gallery.threshold is not None:
        return threshold_of(gallery, confidence)
    return confidence_among(people_in(gallery))


def confidence_among(people: int, odds_per_person: float = ODDS_PER_PERSON) -> float:
    """The confidence, 0.5 to 1, that has these odds for each of so many people."""
    odds = max(1.0, odds_per_person * people)
    return odds / (1 + odds)


def people_in(gallery: Gallery) -> int:
    """How many a probe is compared with: people of the trained state, or faces in a gallery of faces."""
    counted = "subject_count" if gallery.holds == Gallery.Holds.SUBJECTS else "face_count"
    state = TrainedState.objects.filter(gallery=gallery, is_current=True)
    return state.values_list(counted, flat=True).first() or 0


# --- Who is it? ---------------------------------------------------------------------------------------
def identify(
    *,
    gallery: Gallery,
    probes: Sequence[Vector],
    model_sha256: str,
    count: int = 10,
    confidence: float | None = None,
) -> list[list[Candidate]]:
    """For each probe who it may be, best first, one candidate per subject; nobody means unknown.

    probes: vectors of length 1, made by the model with this digest. count: candidates at most, 1 to 100.
    confidence: in [0, 1], that a candidate needs; `threshold_among` without one. Raises Refusal
    `gallery_not_trained`, `gallery_training`, `models_differ`.
    """
    if not 1 <= count <= MOST_CANDIDATES:
        raise ValueError(f"Ask for 1 to {MOST_CANDIDATES} candidates, not {count}.")
    model = model_of(gallery, model_sha256)
    least = threshold_of(gallery, confidence)
    own = confidence is not None or gallery.threshold is not None
    found = search_sql.people_near(
        gallery=gallery,
        probes=probes,
        sha256=model_sha256,
        most=model.calibration.distance(least),
        count=count,
        # As `threshold_among` has it, without asking the database twice.
        among=None if own else lambda people: model.calibration.distance(confidence_among(people)),
    )
    return [_candidates(near, model) for near in found]


def _candidates(near: Sequence[Near], model: RecognitionModel) -> list[Candidate]:
    return [
        Candidate(one.subject_id, one.face_id, confidence, one.distance)
        for one, confidence in zip(near, _confidences(near, model), strict=True)
    ]


def _confidences(near: Sequence[Near], model: RecognitionModel) -> list[float]:
    """All at once: one by one, those of a thousand faces take longer than the search."""
    distances = np.array([one.distance for one in near], dtype=np.float64)
    return [float(confidence) for confidence in model.calibration.confidence(distances)]


def model_of(gallery: Gallery, sha256: str) -> RecognitionModel:
    """The gallery's model. Raises Refusal `models_differ` when vectors of this digest are of another one."""
    if gallery.model_sha256 != sha256:
        raise refuse("models_differ")
    return model_named(gallery.model)


# --- Are they one person? -----------------------------------------------------------------------------
def verify_faces(one: Probe, other: Probe, *, confidence: float | None = None) -> Verdict:
    """Whether two faces are one person. Raises Refusal `models_differ`."""
    if one.model_sha256 != other.model_sha256:
        raise refuse("models_differ")
    distance = float(np.linalg.norm(np.subtract(one.embedding, other.embedding)))
    return _verdict(distance, model_named(one.model), USUAL_THRESHOLD if confidence is None else confidence)


def verify_subject(probe: Probe, subject: Subject, *, confidence: float | None = None) -> Verdict:
    """Whether a face is a subject: the nearest of all its enrolled faces, or their template.

    Needs no training. Raises Refusal `models_differ`, `subject_without_faces`.
    """
    model = model_of(subject.gallery, probe.model_sha256)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT least(min(embedding <-> %(probe)s::halfvec),"
            " l2_normalize(avg(embedding::vector)) <-> %(probe)s::vector)"
            " FROM galleries_enrolledface WHERE subject_id = %(subject)s",
            {"probe": text_of(probe.embedding), "subject": subject.pk},
        )
        (distance,) = cursor.fetchone()
    if distance is None:
        raise refuse("subject_without_faces", name=subject.name)
    return _verdict(float(distance), model, threshold_of(subject.gallery, confidence))


def consent_check(subject: Subject) -> None:
    """Raises Refusal `consent_ended` for somebody whom nobody may be compared with any more."""
    if consent_ended(subject):
        raise refuse("consent_ended", name=subject.name)


def verifiable_check(subject: Subject) -> None:
    """Raises Refusal `consent_ended`, `subject_without_faces` for somebody who cannot be compared with."""
    consent_check(subject)
    if not EnrolledFace.objects.filter(subject=subject).exists():
        raise refuse("subject_without_faces", name=subject.name)


def _verdict(distance: float, model: RecognitionModel, threshold: float) -> Verdict:
    found = model.calibration.confidence(distance)
    return Verdict(same_person=found >= threshold, confidence=found, distance=distance)


# --- Who looks like this? -----------------------------------------------------------------------------
def find_similar(
    probe: Probe,
    among: Gallery | Sequence[UUID],
    *,
    mode: Mode = "match_person",
    count: int = 20,
    confidence: float | None = None,
    trained: bool = True,
) -> list[Similar]:
    """Faces that look like the probe, best first: of a gallery's trained state, or of temporary faces by id.

    mode: `match_person` leaves out who is somebody else by the threshold, `match_face` only ranks. count:
    faces at most, 1 to 1000. trained False: look at the gallery's faces as they are now, all of them, which
    is for small galleries that are never trained. Raises Refusal `models_differ`, and those of `identify` or
    `temporary_faces_get`.
    """
    if not isinstance(among, Gallery):
        faces = temporary_faces_get(list(dict.fromkeys(among)))
        return similar_kept(probe, faces, mode=mode, count=count, confidence=confidence)
    model = model_of(among, probe.model_sha256)
    faces_near = search_sql.faces_near if trained else search_sql.enrolled_near
    near = faces_near(
        gallery=among,
        probe=probe.embedding,
        sha256=probe.model_sha256,
        most=_most(model, mode, threshold_of(among, confidence)),
        count=count,
    )
    return _similar(near, model)


def similar_kept(
    probe: Probe,
    faces: Sequence[TemporaryFace],
    *,
    mode: Mode = "match_person",
    count: int = 20,
    confidence: float | None = None,
) -> list[Similar]:
    """`find_similar` among temporary faces that were read already. Raises Refusal `models_differ`."""
    if any(face.model_sha256 != probe.model_sha256 for face in faces):
        raise refuse("models_differ")
    model = model_named(probe.model)
    most = _most(model, mode, USUAL_THRESHOLD if confidence is None else confidence)
    # The probe is a row of length 1 as well: a face is at no distance from itself.
    here = np.asarray(probe.embedding, dtype=np.float64)
    distances = np.linalg.norm(matrix_of(faces) - here / np.linalg.norm(here), axis=1)
    near = [
        (float(distance), face.pk)
        for face, distance in zip(faces, distances, strict=True)
        if distance <= most
    ]
    return _similar([Near(face_id, None, distance) for distance, face_id in sorted(near)[:count]], model)


def _similar(near: Sequence[Near], model: RecognitionModel) -> list[Similar]:
    return [
        Similar(one.face_id, one.subject_id, confidence, one.distance)
        for one, confidence in zip(near, _confidences(near, model), strict=True)
        if one.face_id is not None
    ]


def _most(model: RecognitionModel, mode: Mode, least: float) -> float:
    """The distance up to which a face is similar; least: the confidence that `match_person` asks for."""
    return model.calibration.distance(least if mode == "match_person" else 0.0)


# --- Who belongs together? ----------------------------------------------------------------------------
def group_faces(face_ids: Sequence[UUID]) -> Grouped:
    """2 to 1000 temporary faces by person. Raises `models_differ` and what `temporary_faces_get` does."""
    return group_kept(temporary_faces_get(list(dict.fromkeys(face_ids))))


def group_kept(faces: Sequence[TemporaryFace]) -> Grouped:
    """`group_faces` of temporary faces that were read already. Raises Refusal `models_differ`."""
    if len({face.model_sha256 for face in faces}) > 1:
        raise refuse("models_differ")
    calibration = model_named(faces[0].model).calibration
    found = group(matrix_of(faces), grouping_distance(calibration))
    return Grouped(
        groups=[[faces[number].pk for number in some] for some in found.groups],
        alone=[faces[number].pk for number in found.alone],
    )


# --- Faces that are remembered for a while ------------------------------------------------------------
def vectors_of(face_ids: Sequence[UUID]) -> list[Probe]:
    """The vectors of temporary faces, in the order of their ids. Raises what `temporary_faces_get` does."""
    return [probe_of(face) for face in temporary_faces_get(face_ids)]


def probe_of(face: TemporaryFace) -> Probe:
    """The vector of a temporary face."""
    return Probe(list(face.embedding), face.model, face.model_sha256)


def matrix_of(faces: Iterable[TemporaryFace]) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """Their vectors as rows of length 1: what was rounded to half precision is a little off."""
    rows = np.array([face.embedding for face in faces], dtype=np.float64)
    scaled: np.ndarray[tuple[int, int], np.dtype[np.float64]] = rows / np.linalg.norm(
        rows, axis=1, keepdims=True
    )
    return scaled
