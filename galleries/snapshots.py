"""Snapshots of galleries: taking them, who sees them, changing them, and their end after two days.

A snapshot is of one moment: one statement copies the gallery with everybody in it. Making galleries of it is
in `galleries.snapshot_apply`.
"""

from collections.abc import Generator, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from psycopg import sql

from accounts.access import across_teams
from accounts.audit import Actor, acting_as, current_actor, record
from accounts.models import Team, User

from . import search_tables
from .jobs import Progress, job_start
from .models import Gallery, GalleryJob, GallerySnapshot, SnapshotFace, SnapshotSubject, TrainedState
from .refusals import refuse

logger = structlog.get_logger(__name__)

KEPT_FOR = timedelta(hours=48)
#: Snapshots that a team may have at a time, as they do not count as stored faces.
MOST = 64
#: Faces that are erased at once when a snapshot is; of a larger one beat erases the rest.
FACES_AT_ONCE = 2_000
#: Faces, or people, of one transaction of beat.
CHUNK = 5_000
_EVERYBODY = Q(ready=True, expires_at__gt=Now(), team__deleting_at=None)

# One statement, so that all of it is of one moment. `{trained}` says whether a face is in the trained state.
_COPY = """
WITH settings AS (
    UPDATE galleries_gallerysnapshot AS s SET
        name = g.name, notes = g.notes, holds = g.holds, model = g.model, model_sha256 = g.model_sha256,
        model_alias = g.model_alias, threshold = g.threshold, quality_policy = g.quality_policy,
        allow_duplicates = g.allow_duplicates, erase_without_consent = g.erase_without_consent
    FROM galleries_gallery g WHERE s.id = %(snapshot)s AND g.id = %(gallery)s
    RETURNING 1
),
people AS (
    INSERT INTO galleries_snapshotsubject (
        team_id, snapshot_id, subject_id, name, external_id, notes,
        consent_by, consent_how, consent_at, consent_until, created_at
    )
    SELECT %(team)s, %(snapshot)s, id, name, external_id, notes,
        consent_by, consent_how, consent_at, consent_until, created_at
    FROM galleries_subject WHERE gallery_id = %(gallery)s ORDER BY id
    RETURNING id, subject_id
),
faces AS (
    INSERT INTO galleries_snapshotface (
        team_id, snapshot_id, person_id, face_id, embedding, "left", top, width, height, picture_sha256,
        quality, quality_reasons, notes, by_hand, created_at, trained
    )
    SELECT %(team)s, %(snapshot)s, people.id, f.id, f.embedding, f."left", f.top, f.width, f.height,
        f.picture_sha256, f.quality, f.quality_reasons, f.notes, f.by_hand, f.created_at, {trained}
    FROM galleries_enrolledface f LEFT JOIN people ON people.subject_id = f.subject_id
    WHERE f.gallery_id = %(gallery)s
    RETURNING 1
)
SELECT (SELECT count(*) FROM settings), (SELECT count(*) FROM people), (SELECT count(*) FROM faces)
"""


# --- Who sees them --------------------------------------------------------------------------------------
def snapshots_seen(
    *, team: Team, namespace: str = "", apply_scope: Sequence[UUID] = ()
) -> list[GallerySnapshot]:
    """Snapshots that the team has taken or may apply, the newest first.

    namespace, apply_scope: only those of this kind, and those that one of these teams may apply.
    """
    wanted = Q(team=team) | Q(apply_scope__contains=[team.pk])
    if namespace:
        wanted &= Q(namespace=namespace)
    if apply_scope:
        wanted &= Q(apply_scope__overlap=list(apply_scope))
    # Across teams: whoever took a snapshot has named the teams that may see it.
    with across_teams():
        return list(GallerySnapshot.objects.filter(_EVERYBODY, wanted).order_by("-created_at", "-id"))


def snapshot_seen(*, team: Team, snapshot_id: UUID) -> GallerySnapshot:
    """A snapshot that the team has taken or may apply. Raises Refusal `snapshot_unknown`."""
    mine = Q(team=team) | Q(apply_scope__contains=[team.pk])
    # Across teams: as above.
    with across_teams():
        found = GallerySnapshot.objects.filter(_EVERYBODY, mine, pk=snapshot_id).first()
    if found is None:
        raise refuse("snapshot_unknown")
    return found


def _own_locked(snapshot_id: UUID) -> GallerySnapshot:
    """A snapshot of the current team, locked. Raises Refusal `snapshot_unknown`."""
    rows = GallerySnapshot.objects.select_for_update(of=("self",)).select_related("team")
    row = rows.filter(_EVERYBODY, pk=snapshot_id).first()
    if row is None:
        raise refuse("snapshot_unknown")
    return row


# --- Taking ---------------------------------------------------------------------------------------------
@transaction.atomic
def snapshot_take(
    *, gallery: Gallery, apply_scope: Sequence[UUID], user_data: str = "", user: User | None = None
) -> GalleryJob:
    """Queue the taking of a snapshot. apply_scope: teams that may make galleries of it.

    Until the job has succeeded nobody sees the snapshot, whose id is in the job's `options`. Raises Refusal
    `snapshots_full`. The caller is inside the team's scope.
    """
    team = gallery.team
    snapshot = GallerySnapshot(
        team=team,
        source_id=gallery.pk,
        apply_scope=list(dict.fromkeys(apply_scope)),
        user_data=user_data,
        expires_at=timezone.now() + KEPT_FOR,
        **{name: getattr(gallery, name) for name in ("namespace", "name", "holds", "model")},
        model_sha256=gallery.model_sha256,
        quality_policy=gallery.quality_policy,
    )
    snapshot.full_clean(exclude=["team"], validate_unique=False)
    snapshot.save(force_insert=True)
    # Whoever takes another one at the same moment waits here, and counts this one.
    list(Team.objects.select_for_update(no_key=True).filter(pk=team.pk).values("pk"))
    if GallerySnapshot.objects.filter(expires_at__gt=Now()).order_by()[: MOST + 1].count() > MOST:
        raise refuse("snapshots_full", limit=MOST)
    return job_start(
        team=team,
        kind=GalleryJob.Kind.SNAPSHOT,
        user=user,
        options={"snapshot": str(snapshot.pk), **asked_by()},
        total=gallery.subjects.count() + gallery.faces.count(),
    )


def asked_by() -> dict[str, Any]:
    """For the options of a job: the key that asked for it, so that the record can name it in the end."""
    actor = current_actor()
    return {"asked_by": {"name": actor.name, "api_key": actor.api_key}} if actor.api_key else {}


def asker_of(job: GalleryJob) -> Actor:
    """Who asked for a job."""
    if job.created_by is not None:
        return Actor(user_id=job.created_by.pk, name=job.created_by.get_username())
    return Actor(**job.options.get("asked_by", {}))


def snapshot_steps(job: GalleryJob) -> Generator[Progress]:
    """The work of a job that takes a snapshot, see `jobs.RUNNERS`: all in one transaction, or nothing."""
    yield Progress(0, job.total)
    with acting_as(asker_of(job)):
        copied = _copy(job)
    yield Progress(copied, copied)


@transaction.atomic
def _copy(job: GalleryJob) -> int:
    """Copy the gallery, unless a worker that died right after it has done so; returns how many rows it has.

    Locks: the gallery against its erasure, what holds its trained states as they are, then the snapshot. The
    job's row is not held, as its signs of life go on. Raises Refusal `snapshot_unknown`, `gallery_unknown`.
    """
    rows = GallerySnapshot.objects.filter(pk=job.options["snapshot"], expires_at__gt=Now())
    source = rows.values_list("source_id", "namespace").first()
    if source is None:
        raise refuse("snapshot_unknown")
    _source_hold(*source)
    row = rows.select_for_update(of=("self",)).select_related("team").first()
    if row is None:
        raise refuse("snapshot_unknown")
    if row.ready:
        return row.subject_count + row.face_count
    state = TrainedState.objects.filter(gallery=row.source_id, is_current=True).first()
    where = {"team": row.team_id, "snapshot": row.pk, "gallery": row.source_id}
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(_COPY).format(trained=_in_state(state)), where)
        _, row.subject_count, row.face_count = cursor.fetchone()
    row.trained, row.ready = state is not None, True
    row.save(update_fields=["trained", "ready", "subject_count", "face_count"])
    record("snapshot.taken", team=row.team, obj=row, gallery_id=str(row.source_id), faces=row.face_count)
    return row.subject_count + row.face_count


def _source_hold(gallery_id: UUID, namespace: str) -> None:
    """Let nobody erase the gallery, or exchange its trained state, until the transaction ends.

    Raises Refusal `gallery_unknown` when it is erased, or being erased.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM galleries_gallery WHERE id = %s AND namespace = %s FOR KEY SHARE",
            [gallery_id, namespace],
        )
        if cursor.fetchone() is None:
            raise refuse("gallery_unknown")
        cursor.execute("SELECT pg_advisory_xact_lock(galleries_vectors_lock(%s))", [gallery_id])


def _in_state(state: TrainedState | None) -> sql.Composable:
    """Whether the face `f` is in a trained state, as SQL."""
    if state is None:
        return sql.SQL("false")
    of_state = sql.SQL("") if state.own_table else sql.SQL("v.state_id = {} AND").format(str(state.pk))
    return sql.SQL("EXISTS (SELECT FROM {table} v WHERE {of_state} v.face_id = f.id)").format(
        table=search_tables.table_of(state.pk, own_table=state.own_table), of_state=of_state
    )


def snapshot_ended(job: GalleryJob) -> None:
    """A snapshot that could not be taken is nobody's; runs in the transaction that ends the job."""
    if job.status != GalleryJob.Status.SUCCEEDED:
        GallerySnapshot.objects.filter(pk=job.options["snapshot"]).delete()


# --- Changing and erasing -------------------------------------------------------------------------------
@transaction.atomic
def snapshot_change(*, snapshot_id: UUID, **changes: Any) -> GallerySnapshot:
    """Change `apply_scope`, `user_data`, or both; only the team that took a snapshot can.

    Raises Refusal `snapshot_unknown`. The caller is inside the team's scope.
    """
    row = _own_locked(snapshot_id)
    changed = _changed(row, changes)
    if changed:
        row.full_clean(exclude=["team"], validate_unique=False)
        row.save(update_fields=[*changed, "updated_at"])
        record("snapshot.changed", team=row.team, obj=row, fields=changed)
    return row


def _changed(row: GallerySnapshot, changes: Mapping[str, Any]) -> list[str]:
    """Set what differs; returns its names. Raises TypeError for a column that cannot be changed."""
    if unknown := set(changes) - {"apply_scope", "user_data"}:
        raise TypeError(f"{', '.join(sorted(unknown))} cannot be changed.")
    changed = [name for name in changes if getattr(row, name) != changes[name]]
    for name in changed:
        setattr(row, name, changes[name])
    return changed


@transaction.atomic
def snapshot_delete(*, snapshot_id: UUID) -> None:
    """Erase a snapshot; only the team that took it can. Of a large one the rows go within minutes.

    Raises Refusal `snapshot_unknown`. The caller is inside the team's scope.
    """
    row = _own_locked(snapshot_id)
    record("snapshot.deleted", team=row.team, obj=row)
    if row.face_count + row.subject_count <= FACES_AT_ONCE:
        row.delete()
    else:
        # Nobody finds it from now on.
        GallerySnapshot.objects.filter(pk=row.pk).update(expires_at=Now())


def snapshots_expire(*, most: int = 1_000_000) -> int:
    """Erase snapshots of all teams whose time is over, in chunks, the oldest first; returns how many.

    most: faces and people of one run; the next one goes on. Safe to run twice, also at once.
    """
    ended, left = 0, most
    # Across teams: age alone decides.
    with across_teams():
        over = GallerySnapshot.objects.filter(expires_at__lte=Now()).order_by("expires_at")
        for pk in list(over.values_list("pk", flat=True)):
            while left > 0 and (gone := _some_erase(SnapshotFace, pk)):
                left -= gone
            if SnapshotFace.objects.filter(snapshot=pk).exists():
                continue
            while left > 0 and (gone := _some_erase(SnapshotSubject, pk)):
                left -= gone
            if left > 0:
                ended += GallerySnapshot.objects.filter(pk=pk).delete()[1].get("galleries.GallerySnapshot", 0)
    if ended:
        logger.info("snapshots_expired", count=ended)
    return ended


@transaction.atomic
def _some_erase(model: Any, snapshot_id: UUID) -> int:
    """Erase some rows of a snapshot; those that somebody else is erasing are theirs."""
    rows = model.objects.select_for_update(skip_locked=True).filter(snapshot=snapshot_id).order_by("pk")
    some = list(rows.values_list("pk", flat=True)[:CHUNK])
    if some:
        model.objects.filter(pk__in=some).delete()
    return len(some)
