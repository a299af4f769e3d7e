"""Which faces of unnamed people are worth enrolling once these are named, and their enrolment."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from accounts.models import User
from analysis.models import Face, FaceEmbedding
from ml_models.grouping import grouping_distance, least_product, unit_rows

from .enrolment import face_enrol_found, model_of, photo_face_found
from .models import MAX_FACES_PER_SUBJECT, EnrolledFace, Gallery, Subject
from .probes import ProbeFace
from .refusals import Refusal, refuse

#: Faces enrolled of somebody who is named: enough for a template, and to look through.
BEST = 10
#: Faces looked at to find them: the best, and of these the newest.
CONSIDERED = 1000


@dataclass(frozen=True)
class Chosen:
    """A face of a photo that is to be enrolled, with its crop."""

    face: Face
    found: ProbeFace


def faces_choose(*, gallery: Gallery, unnamed_ids: Sequence[UUID]) -> list[Chosen]:
    """The best few faces of unnamed people, cut out of their photos. Takes no lock: this is the slow part.

    Left out are poor pictures, those that the gallery has already, and those that stand apart from their
    unnamed person's others. Raises Refusal `unnamed_model_differs` when the gallery's model made none of the
    vectors there are, and those of `model_of`.
    """
    vectors = FaceEmbedding.objects.filter(face__label__unnamed__in=unnamed_ids)
    own = vectors.filter(model_sha256=gallery.model_sha256)
    if not own.exists() and vectors.exists():
        raise refuse("unnamed_model_differs", model=gallery.model)
    limit = grouping_distance(model_of(gallery).calibration)
    enrolled = EnrolledFace.objects.filter(gallery=gallery, source__label__unnamed__in=unnamed_ids)
    rows = list(
        own.filter(quality__in=["high", "medium"])
        .exclude(face__in=enrolled.values("source"))
        # 'high' comes before 'medium'.
        .order_by("quality", "-face__created_at", "-face_id")
        .select_related("face__media", "face__label")[:CONSIDERED]
    )
    if not rows:
        return []
    embeddings = np.array([np.asarray(row.embedding) for row in rows], dtype=np.float32)
    people = np.unique([str(row.face.label.unnamed_id) for row in rows], return_inverse=True)[1]
    best = [rows[place] for place in spread(embeddings, people, most=BEST, limit=limit)]
    return [
        Chosen(row.face, photo_face_found(face=row.face, vector=row, crops=gallery.keep_crops))
        for row in best
    ]


def spread(
    embeddings: NDArray[np.float32], people: NDArray[np.int64], *, most: int, limit: float
) -> list[int]:
    """Up to `most` of some faces, by their places, that differ as much as they can.

    embeddings: (N, d), best first. people: (N,), the number of the unnamed person of each. The first is the
    one nearest to its person's others; then always the one that is farthest from those taken. Who is on
    average farther than `limit` from the person's others may be somebody else, and is left out where any is
    nearer.
    """
    vectors = unit_rows(embeddings)
    to_own = np.empty(len(vectors))
    fits = np.zeros(len(vectors), dtype=bool)
    for number in np.unique(people):
        own = people == number
        to_own[own] = vectors[own] @ vectors[own].mean(axis=0)
        fits[own] = to_own[own] >= min(least_product(limit), to_own[own].max())
    taken = [int(np.where(fits, to_own, -np.inf).argmax())]
    nearest = vectors @ vectors[taken[0]]
    while len(taken) < min(most, int(fits.sum())):
        left = fits.copy()
        left[taken] = False
        farthest = int(np.where(left, nearest, np.inf).argmin())
        taken.append(farthest)
        nearest = np.maximum(nearest, vectors @ vectors[farthest])
    return taken


def faces_enrol(
    *,
    subject: Subject,
    gallery: Gallery,
    chosen: Sequence[Chosen],
    still: Collection[UUID],
    user: User | None,
    enrolled: list[EnrolledFace],
) -> None:
    """Enrol those of the chosen faces that are `still` of the people who were named, into `enrolled`.

    What the gallery has from the same picture is left out. Raises Refusal `subject_full` when the subject has
    no room for one, and those of `face_enrol_found`. The caller holds photos, gallery and subject.
    """
    room = MAX_FACES_PER_SUBJECT - EnrolledFace.objects.filter(subject=subject).count()
    wanted = [one for one in chosen if one.face.pk in still]
    if wanted and room < 1:
        limit = MAX_FACES_PER_SUBJECT
        raise refuse("subject_full", name=subject.name, count=limit - room + 1, limit=limit)
    for one in wanted:
        if len(enrolled) == room:
            break
        try:
            face = face_enrol_found(
                gallery=gallery,
                subject=subject,
                found=one.found,
                picture_sha256=one.face.media.sha256,
                user=user,
                source=one.face,
            )
        except Refusal as refusal:
            if refusal.code != "face_duplicate":
                raise
        else:
            enrolled.append(face)
    EnrolledFace.objects.filter(pk__in=[face.pk for face in enrolled]).update(by_hand=True)
