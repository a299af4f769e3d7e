"""The pool of unknown people: the machine sorts the faces that nobody has named into unnamed people.

What a person has said always wins. The machine gives nobody a face that a person has decided on, puts none
back where it was taken out, joins no people that a person has merged, split or ignored, and takes none apart.
So it may run as often as it likes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection, transaction
from django.db.models import Avg, Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Cast
from django.utils import timezone
from numpy.typing import NDArray
from pgvector.django import VectorField

from accounts.access import team_scope
from accounts.models import Team, User
from analysis.models import Face, FaceEmbedding
from analysis.recognition import photo_model
from ml_models.grouping import assign, group_means, grouping_distance
from ml_models.recognition import RecognitionModel

from .jobs import Progress, job_start
from .models import FaceLabel, FaceRejection, GalleryJob, UnnamedPerson

Vectors = NDArray[np.float32]
Integers = NDArray[np.int64]

#: Faces without a name that one run looks at, the newest, and unnamed people, the largest: they bound its
#: memory to a few hundred MB.
MOST_FACES = 20_000
MOST_PEOPLE = 20_000
#: Rows written in one statement.
CHUNK = 2_000
#: Labels of faces that nobody has named or decided on. Most such faces have no label at all.
FREE = Q(by=FaceLabel.By.MACHINE, subject=None, unnamed=None)
#: Options of jobs that nobody asked for; old ones are forgotten.
AUTOMATIC = {"automatic": True}


@dataclass(frozen=True)
class Clustered:
    """What a run did: faces it gave to somebody, unnamed people it made, and those it joined with others."""

    faces: int
    made: int
    joined: int


@dataclass(frozen=True)
class _People:
    """Unnamed people, oldest first: ids, mean vectors (G, d), numbers of faces, and which of them the machine
    must not join with others.
    """

    ids: list[UUID]
    means: Vectors
    sizes: Integers
    fixed: NDArray[np.bool_]


@dataclass(frozen=True)
class _Faces:
    """Faces without a name: ids, vectors (N, d), and whether a person may be founded on them."""

    ids: list[UUID]
    vectors: Vectors
    good: NDArray[np.bool_]


@dataclass(frozen=True)
class _Plan:
    """What is to be written: face -> unnamed person, faces of each new person, person -> person it joins."""

    given: dict[UUID, UUID]
    new: list[list[UUID]]
    joins: dict[UUID, UUID]


def pool_lock(team: Team) -> None:
    """Let nobody else change the team's unnamed people until the transaction ends: its first lock of all."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"unnamed people {team.pk}"])


@transaction.atomic
def pool_cluster(*, team: Team) -> Clustered:
    """Sort the faces of the team's photos that carry no name into unnamed people.

    First faces join people that are there, then what is left is grouped; two people that no person has
    touched may turn out to be one then, and the older of them stays. A poor picture may join somebody, but
    nobody is founded on it. A face without counterpart gets no label and is looked at again next time. Safe
    to run twice and at the same time. The caller is inside the team's scope.
    """
    if not team.analyze_identity:
        return Clustered(0, 0, 0)
    pool_lock(team)
    model = photo_model()
    faces = _free_faces(model)
    plan = _planned(faces, _people(model), grouping_distance(model.calibration))
    done = _write(team, model, plan)
    people_erase_empty()
    return done


def people_erase_empty() -> int:
    """Forget unnamed people without a face; returns how many. The caller holds the lock."""
    labels = FaceLabel.objects.filter(unnamed=OuterRef("pk"))
    return UnnamedPerson.objects.filter(~Exists(labels)).delete()[0]


# --- Reading --------------------------------------------------------------------------------------


def free_faces() -> QuerySet[FaceEmbedding]:
    """Vectors of faces that nobody has named or decided on."""
    taken = FaceLabel.objects.filter(face=OuterRef("pk")).exclude(FREE)
    return FaceEmbedding.objects.filter(~Exists(taken))


def _free_faces(model: RecognitionModel) -> _Faces:
    rows = (
        free_faces()
        .filter(model_sha256=model.sha256)
        .order_by("-face__created_at", "-face_id")
        .values_list("face_id", "quality", "embedding")[:MOST_FACES]
    )
    ids, words, vectors = _read(rows, model.dimension)
    return _Faces(ids, vectors, np.array([word != "low" for word in words], dtype=bool))


def _people(model: RecognitionModel) -> _People:
    means = (
        FaceLabel.objects.filter(face__embedding__model_sha256=model.sha256, unnamed__isnull=False)
        .values("unnamed_id")
        .annotate(
            size=Count("pk"),
            # Halves would round the sums.
            mean=Avg(Cast("face__embedding__embedding", VectorField()), output_field=VectorField()),
        )
        .order_by("-size", "unnamed_id")
        .values_list("unnamed_id", "size", "mean")[:MOST_PEOPLE]
    )
    ids, sizes, vectors = _read(means, model.dimension)
    ruled_out = FaceRejection.objects.filter(unnamed=OuterRef("pk"))
    known = {
        pk: (created_at, by_hand or ignored or ruled)
        for pk, created_at, by_hand, ignored, ruled in UnnamedPerson.objects.annotate(
            ruled=Exists(ruled_out)
        ).values_list("pk", "created_at", "by_hand", "ignored", "ruled")
    }
    order = sorted(range(len(ids)), key=lambda row: (known[ids[row]][0], ids[row]))
    return _People(
        [ids[row] for row in order],
        vectors[order],
        np.array([sizes[row] for row in order], dtype=np.int64),
        np.array([known[ids[row]][1] for row in order], dtype=bool),
    )


def _read(
    rows: QuerySet[Any, tuple[UUID, Any, Any]], dimension: int
) -> tuple[list[UUID], list[Any], Vectors]:
    """Columns of rows (id, something, vector), without ever holding all vectors as Python's numbers."""
    ids, others, vectors = [], [], []
    for pk, other, vector in rows.iterator(chunk_size=CHUNK):
        ids.append(pk)
        others.append(other)
        vectors.append(np.asarray(vector, dtype=np.float32))
    return ids, others, np.stack(vectors) if vectors else np.empty((0, dimension), dtype=np.float32)


def _ruled_out(faces: _Faces, people: _People) -> list[tuple[int, int]]:
    """Pairs (face, person) by their places, of which somebody said that they do not belong together."""
    face_of = {pk: place for place, pk in enumerate(faces.ids)}
    person_of = {pk: place for place, pk in enumerate(people.ids)}
    rows = FaceRejection.objects.filter(unnamed__isnull=False).values_list("face_id", "unnamed_id")
    return [
        (face_of[face], person_of[person])
        for face, person in rows.iterator(chunk_size=CHUNK)
        if face in face_of and person in person_of
    ]


# --- Deciding -------------------------------------------------------------------------------------


def _planned(faces: _Faces, people: _People, limit: float) -> _Plan:
    if not faces.ids:
        return _Plan({}, [], {})
    whose = assign(faces.vectors, people.means, limit, _ruled_out(faces, people))
    given = {faces.ids[face]: people.ids[whose[face]] for face in np.flatnonzero(whose >= 0)}
    new: list[list[int]] = []
    joins: dict[UUID, UUID] = {}
    for persons, members in _grouped(faces, people, whose, limit):
        if not persons:
            new.append(members)
            continue
        kept = people.ids[persons[0]]
        given |= dict.fromkeys((faces.ids[face] for face in members), kept)
        joins |= dict.fromkeys((people.ids[person] for person in persons[1:]), kept)
    _add_poor(faces, whose, new, limit)
    given = {face: joins.get(person, person) for face, person in given.items()}
    return _Plan(given, [[faces.ids[face] for face in members] for members in new], joins)


def _grouped(
    faces: _Faces, people: _People, whose: Integers, limit: float
) -> Iterator[tuple[list[int], list[int]]]:
    """People and faces by their places that are one person, as (people, oldest first; faces)."""
    joined = np.flatnonzero(whose >= 0)
    sizes = people.sizes + np.bincount(whose[joined], minlength=len(people.ids))
    sums = people.means * people.sizes[:, None].astype(np.float64)
    np.add.at(sums, whose[joined], faces.vectors[joined])
    loose = np.flatnonzero(~people.fixed)
    left = np.flatnonzero((whose < 0) & faces.good)
    means = np.concatenate([sums[loose] / sizes[loose, None], faces.vectors[left]])
    labels = group_means(means, np.concatenate([sizes[loose], np.ones(len(left), dtype=np.int64)]), limit)
    order = np.argsort(labels, kind="stable")
    for some in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        if len(some) > 1:
            persons, members = some[some < len(loose)], some[some >= len(loose)] - len(loose)
            yield loose[persons].tolist(), left[members].tolist()


def _add_poor(faces: _Faces, whose: Integers, new: list[list[int]], limit: float) -> None:
    """Let poor pictures of nobody join the new people that were founded on good ones."""
    poor = np.flatnonzero((whose < 0) & ~faces.good)
    if not new or not len(poor):
        return
    means = np.stack([faces.vectors[members].mean(axis=0) for members in new])
    for face, place in zip(poor.tolist(), assign(faces.vectors[poor], means, limit).tolist(), strict=True):
        if place >= 0:
            new[place].append(face)


# --- Writing --------------------------------------------------------------------------------------


def _write(team: Team, model: RecognitionModel, plan: _Plan) -> Clustered:
    there = _locked([*plan.given, *(face for members in plan.new for face in members)])
    list(FaceLabel.objects.select_for_update().filter(unnamed__in=plan.joins).order_by("pk").values("pk"))
    for gone, kept in plan.joins.items():
        FaceLabel.objects.filter(unnamed=gone).update(unnamed=kept)
    UnnamedPerson.objects.filter(pk__in=plan.joins).delete()
    left = ([face for face in members if face in there] for members in plan.new)
    founded = [members for members in left if len(members) > 1]
    persons = UnnamedPerson.objects.bulk_create(
        [UnnamedPerson(team=team, model=model.name) for _ in founded], batch_size=CHUNK
    )
    given = {face: pk for face, pk in plan.given.items() if face in there}
    for person, faces in zip(persons, founded, strict=True):
        given |= dict.fromkeys(faces, person.pk)
    return Clustered(_labels_write(team, given), len(persons), len(plan.joins))


def _locked(faces: Sequence[UUID]) -> set[UUID]:
    """Those of the faces that are there and that nobody is erasing or changing now; they stay till the end.

    The others are left for the next run: waiting for them could be waiting for each other.
    """
    found: set[UUID] = set()
    for start in range(0, len(faces), CHUNK):
        rows = Face.objects.select_for_update(skip_locked=True, no_key=True).order_by("pk")
        found |= set(rows.filter(pk__in=faces[start : start + CHUNK]).values_list("pk", flat=True))
    return found


def _labels_write(team: Team, given: dict[UUID, UUID]) -> int:
    """Label faces, unless somebody else has done it meanwhile; returns how many were."""
    rows, written, now = sorted(given.items()), 0, timezone.now()
    for start in range(0, len(rows), CHUNK):
        some = rows[start : start + CHUNK]
        old = FaceLabel.objects.filter(pk__in=[face for face, _ in some]).order_by("pk")
        free = list(old.filter(FREE).select_for_update(skip_locked=True))
        for label in free:
            label.unnamed_id, label.decided_at = given[label.pk], now
        FaceLabel.objects.bulk_update(free, ["unnamed", "decided_at"])
        known = set(old.values_list("pk", flat=True))
        fresh = [
            FaceLabel(face_id=face, team=team, unnamed_id=person, by=FaceLabel.By.MACHINE)
            for face, person in some
            if face not in known
        ]
        # Whoever labels one of them at this moment has decided better.
        FaceLabel.objects.bulk_create(fresh, ignore_conflicts=True)
        written += len(free) + len(fresh)
    return written


# --- As a job -------------------------------------------------------------------------------------


def pool_cluster_start(*, team: Team, user: User | None = None) -> GalleryJob:
    """Queue a run; the one that waits already, if there is one. The caller is inside the team's scope."""
    return job_start(team=team, kind=GalleryJob.Kind.CLUSTER, user=user)


def run_cluster(job: GalleryJob) -> Iterator[Progress]:
    """The work of a job of kind 'cluster': `done` is the number of faces that were given to somebody."""
    faces = pool_cluster(team=job.team).faces
    yield Progress(done=faces, total=faces)


def old_runs_forget(job: GalleryJob) -> None:
    """After a run: earlier ones that nobody asked for are of no interest any more."""
    over = [GalleryJob.Status.SUCCEEDED, GalleryJob.Status.CANCELLED]
    runs = GalleryJob.objects.filter(kind=GalleryJob.Kind.CLUSTER, options__automatic=True, status__in=over)
    runs.exclude(pk=job.pk).delete()


def photos_cluster(team: Team, media_ids: Sequence[UUID]) -> None:
    """After photos were analysed: queue a run if they brought faces that nobody knows yet."""
    if not team.analyze_identity or not free_faces().filter(face__media__in=media_ids).exists():
        return

    def start() -> None:
        with team_scope(team):
            job_start(team=team, kind=GalleryJob.Kind.CLUSTER, options=AUTOMATIC)

    # Not in the transaction of the photos: two of them must not wait for each other's job.
    transaction.on_commit(start, robust=True)
