"""Training of a gallery: what identification answers from until the next training.

A training copies the vectors of all enrolled faces as they are at one moment, adds a template for each
subject with several faces, and puts this state into the place of the one before. Nobody waits meanwhile:
until then the old state answers. A face that is erased or corrected is so in every state at once (triggers of
migration 0003).
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from psycopg import sql

from accounts.access import across_teams
from accounts.audit import SYSTEM, Actor, acting_as, record
from accounts.models import User
from media_jobs.leases import LeaseLost
from ml_models.recognition import RecognitionModel

from . import search_tables
from .jobs import OPEN, Progress, job_start
from .models import APPLYING, EnrolledFace, Gallery, GalleryJob, SearchVector, TrainedState
from .refusals import refuse
from .services import model_named

#: A state that is not in use and that nobody builds is the leaving of a worker that died.
LEFT_AFTER = timedelta(minutes=10)
#: Jobs that build states.
BUILDERS = [GalleryJob.Kind.TRAIN.value, GalleryJob.Kind.REEMBED.value]
_TRAINING = "galleries_training "

# One statement, so that all of it sees the same moment. `{vectors}` is the column that is copied.
_FILL = """
WITH seen AS (SELECT changed_at FROM galleries_gallery WHERE id = %(gallery)s),
enrolled AS (
    SELECT id, subject_id, {vectors} AS embedding FROM galleries_enrolledface
    WHERE gallery_id = %(gallery)s AND {vectors} IS NOT NULL
),
faces AS (
    INSERT INTO {table} ({columns}, face_id, embedding)
    SELECT {values}, id, embedding FROM enrolled
    RETURNING 1
),
templates AS (
    INSERT INTO {table} ({columns}, subject_id, embedding)
    SELECT {values}, subject_id, l2_normalize(avg(embedding::vector))::halfvec FROM enrolled
    WHERE subject_id IS NOT NULL GROUP BY subject_id HAVING count(*) > 1
    RETURNING 1
)
SELECT statement_timestamp(), (SELECT changed_at FROM seen), (SELECT count(*) FROM faces),
    (SELECT count(*) FROM templates), (SELECT count(DISTINCT subject_id) FROM enrolled)
"""


@dataclass(frozen=True)
class Training:
    """How a gallery's training stands.

    status: not_started | running (or waiting for a worker) | succeeded | failed, of the last one asked for.
    trained_from, face_count, subject_count: of the state that answers now; None and 0 without one. due:
    whether faces have changed since, so that training would change answers.
    """

    status: str
    message: str
    asked_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    trained_from: datetime | None
    face_count: int
    subject_count: int
    due: bool


def training_of(gallery: Gallery) -> Training:
    """How the training of a gallery stands, in two queries. The caller is inside the team's scope."""
    state = TrainedState.objects.filter(gallery=gallery, is_current=True).first()
    job = (
        GalleryJob.objects.filter(gallery=gallery, kind=GalleryJob.Kind.TRAIN)
        .exclude(status=GalleryJob.Status.CANCELLED)
        .order_by("-created_at", "-id")
        .first()
    )
    return Training(
        status=_status(job, state),
        message=job.error_message if job is not None else "",
        asked_at=job.created_at if job is not None else None,
        started_at=job.started_at if job is not None else None,
        finished_at=job.finished_at if job is not None else None,
        trained_from=state.trained_from if state is not None else None,
        face_count=state.face_count if state is not None else 0,
        subject_count=state.subject_count if state is not None else 0,
        due=state is None
        or state.seen_change != gallery.changed_at
        or state.model_sha256 != gallery.model_sha256,
    )


def _status(job: GalleryJob | None, state: TrainedState | None) -> str:
    if job is None:
        # A state can also come with the move to another model.
        return "not_started" if state is None else "succeeded"
    return "running" if job.status in OPEN else job.status


def gallery_train(*, gallery: Gallery, user: User | None = None) -> GalleryJob:
    """Ask for a training; the job that waits already, if there is one. In the team's scope."""
    return job_start(team=gallery.team, kind=GalleryJob.Kind.TRAIN, gallery=gallery, user=user)


def training_run(job: GalleryJob) -> Generator[Progress]:
    """The work of a training job, see `jobs.RUNNERS`.

    Raises LeaseLost when another worker trains the same gallery; then beat sends the job again.
    """
    gallery = _gallery_of(job)
    model = model_named(gallery.model)
    if model.sha256 != gallery.model_sha256:
        raise refuse("model_replaced", model=model.name)
    with alone(gallery):
        states_clear(gallery=gallery)
        state = state_begin(gallery=gallery, model=model)
        try:
            vectors = state_fill(state=state)
            # The vectors are half of the work in small galleries; the index is nearly all of it in large
            # ones.
            yield Progress(done=0, total=vectors)
            if state.own_table and vectors:
                with transaction.atomic():
                    search_tables.table_index(state, vectors=vectors)
            yield Progress(done=vectors, total=vectors)
            with transaction.atomic(), acting_as(_actor_of(job)):
                state_use(state=state)
                record(
                    "gallery.trained",
                    team=job.team,
                    obj=gallery,
                    faces=state.face_count,
                    subjects=state.subject_count,
                )
        finally:
            # After a fault or a cancellation; what is in use stays.
            TrainedState.objects.filter(pk=state.pk, is_current=False).delete()


def _gallery_of(job: GalleryJob) -> Gallery:
    if job.gallery is None:
        raise ValueError("A training job needs a gallery.")
    return job.gallery


def _actor_of(job: GalleryJob) -> Actor:
    user = job.created_by
    return SYSTEM if user is None else Actor(user_id=user.pk, name=user.get_username())


@contextmanager
def alone(gallery: Gallery) -> Iterator[None]:
    """Be the only one who builds a state of this gallery; Postgres gives the lock back when this process
    dies.
    """
    key = [f"{_TRAINING}{gallery.pk}"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", key)
        (mine,) = cursor.fetchone()
    if not mine:
        raise LeaseLost
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", key)


def states_clear(*, gallery: Gallery) -> None:
    """Erase states of a gallery that are not in use. Only for who alone builds one."""
    TrainedState.objects.filter(gallery=gallery, is_current=False).delete()


@transaction.atomic
def state_begin(*, gallery: Gallery, model: RecognitionModel, embedding: str = "embedding") -> TrainedState:
    """A new state, empty and not in use. embedding: the column of EnrolledFace that it is going to be filled
    from.
    """
    faces = EnrolledFace.objects.filter(gallery=gallery, **{f"{embedding}__isnull": False}).count()
    state = TrainedState.objects.create(
        team_id=gallery.team_id,
        gallery=gallery,
        model=model.name,
        model_sha256=model.sha256,
        dimension=model.dimension,
        own_table=faces >= search_tables.OWN_TABLE_FROM,
        trained_from=timezone.now(),
    )
    if state.own_table:
        search_tables.table_create(state)
    return state


@transaction.atomic
def state_fill(*, state: TrainedState, embedding: str = "embedding") -> int:
    """Copy the vectors of the gallery's faces and make the templates; returns how many vectors there are.

    Who changes or erases faces of this gallery meanwhile waits, for seconds at a million; who enrols does
    not. Raises LeaseLost when the state is gone.
    """
    own = state.own_table
    columns = ["team_id"] if own else ["team_id", "state_id"]
    values = [sql.Literal(str(state.team_id)), sql.Literal(str(state.pk))]
    statement = sql.SQL(_FILL).format(
        table=search_tables.table_of(state.pk, own_table=own),
        vectors=sql.Identifier(embedding),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        values=sql.SQL(", ").join(sql.SQL("{}::uuid").format(one) for one in values[: len(columns)]),
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(galleries_vectors_lock(%s))", [state.gallery_id])
        if not TrainedState.objects.filter(pk=state.pk).exists():
            raise LeaseLost
        cursor.execute(statement, {"gallery": state.gallery_id})
        state.trained_from, state.seen_change, faces, templates, state.subject_count = cursor.fetchone()
    state.face_count = faces
    return int(faces + templates)


@transaction.atomic
def state_use(*, state: TrainedState) -> None:
    """Put a filled state into the place of the gallery's older ones, which are erased.

    Raises LeaseLost when the state is gone.
    """
    rows = TrainedState.objects.select_for_update().filter(gallery_id=state.gallery_id).order_by("pk")
    known = [row.pk for row in rows]
    if state.pk not in known:
        raise LeaseLost
    TrainedState.objects.filter(pk__in=known).exclude(pk=state.pk).delete()
    state.is_current = True
    state.save(update_fields=["is_current", "trained_from", "seen_change", "face_count", "subject_count"])


def templates_forget(*, subject_ids: Sequence[UUID]) -> None:
    """Take the templates of these subjects out of all states, until the next training.

    A trigger does so by itself for subjects that get or lose a face.
    """
    states = TrainedState.objects.filter(own_table=True, gallery__subjects__in=subject_ids).distinct()
    SearchVector.objects.filter(subject__in=subject_ids).delete()
    with connection.cursor() as cursor:
        for pk in states.values_list("pk", flat=True):
            statement = sql.SQL("DELETE FROM {} WHERE subject_id = ANY (%s)")
            cursor.execute(statement.format(search_tables.table_of(pk, own_table=True)), [list(subject_ids)])


def states_sweep() -> int:
    """Erase what dead trainings of all teams have left: unused states and tables without a state."""
    before = timezone.now() - LEFT_AFTER
    # Across teams: a dead worker leaves no word of whose work it did.
    with across_teams():
        builds = [GalleryJob.Kind.TRAIN, GalleryJob.Kind.REEMBED]
        busy = GalleryJob.unscoped.filter(kind__in=builds, status__in=OPEN, gallery__isnull=False)
        left = TrainedState.objects.filter(is_current=False, created_at__lt=before).exclude(
            gallery__in=busy.values("gallery")
        )
        # A gallery that is made of a snapshot is trained by a job that is not of the gallery.
        left = left.exclude(gallery__namespace=APPLYING)
        erased, _ = left.delete()
    return erased + search_tables.orphans_drop()
