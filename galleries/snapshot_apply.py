"""Making a new gallery of a snapshot, in the same team or another one that its `apply_scope` names.

A job copies people and faces in chunks into a gallery that nobody knows by its key, and trains it; in the
end it gets its key, all at once. A job that was stopped goes on after the last chunk; what one that failed
has made is erased. People and faces get new ids, made of the gallery's id and their own in the snapshot, so
that a face finds its new person.
"""

import uuid
from collections.abc import Generator, Iterator
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from accounts.access import across_teams
from accounts.audit import SYSTEM, acting_as, record
from accounts.limits import faces_check, limits_of
from accounts.models import Team, TeamUsage, User
from accounts.refusals import refuse as accounts_refuse

from . import search_tables, training
from .erasure import gallery_erase
from .job_files import job_lock
from .jobs import OPEN, Progress, job_start
from .models import APPLYING, Gallery, GalleryJob, GallerySnapshot, TrainedState
from .refusals import refuse
from .services import model_named
from .snapshots import asked_by, asker_of, snapshot_seen

#: People, or faces, of one transaction.
CHUNK = 2_000
#: What a gallery has from its snapshot.
_SETTINGS = (
    *("name", "notes", "holds", "model", "model_sha256", "model_alias", "threshold", "quality_policy"),
    *("allow_duplicates", "erase_without_consent"),
)
#: The id of a new row: of the kind that is made of other things (version 8 of RFC 9562).
_NEW_ID = (
    "overlay(overlay(md5(%(gallery)s::text || ' {what} ' || {of}::text)"
    " PLACING '8' FROM 13) PLACING '8' FROM 17)::uuid"
)
_RANGE = """
JOIN galleries_gallerysnapshot s ON s.id = c.snapshot_id AND s.apply_scope @> ARRAY[%(team)s::uuid]
    AND s.expires_at > statement_timestamp()
"""
_WHICH = "c.snapshot_id = %(snapshot)s AND c.id > %(after)s AND c.id <= %(last)s"
_PEOPLE = f"""
INSERT INTO galleries_subject (
    id, team_id, gallery_id, name, external_id, notes, consent_by, consent_how, consent_at, consent_until,
    created_at, updated_at
)
SELECT {_NEW_ID.format(what="person", of="c.id")}, %(team)s, %(gallery)s, c.name, c.external_id, c.notes,
    c.consent_by, c.consent_how, c.consent_at, c.consent_until, c.created_at, statement_timestamp()
FROM galleries_snapshotsubject c {_RANGE}
WHERE {_WHICH} AND (c.consent_until IS NULL OR c.consent_until > statement_timestamp())
"""  # noqa: S608
# A face goes with its person: whose consent has ended is not there.
_FACES = f"""
INSERT INTO galleries_enrolledface (
    id, team_id, gallery_id, subject_id, embedding, "left", top, width, height, picture_sha256,
    quality, quality_reasons, notes, by_hand, created_at
)
SELECT {_NEW_ID.format(what="face", of="c.id")}, %(team)s, %(gallery)s, owner.id, c.embedding,
    c."left", c.top, c.width, c.height, c.picture_sha256, c.quality, c.quality_reasons, c.notes, c.by_hand,
    c.created_at
FROM galleries_snapshotface c {_RANGE}
LEFT JOIN galleries_subject owner ON owner.gallery_id = %(gallery)s
    AND owner.id = {_NEW_ID.format(what="person", of="c.person_id")}
    AND (owner.consent_until IS NULL OR owner.consent_until > statement_timestamp())
WHERE {_WHICH} AND c.trained = %(trained)s AND (c.person_id IS NULL OR owner.id IS NOT NULL)
"""  # noqa: S608
#: Each is a part of the work: which table, which of its faces.
_PARTS: dict[str, tuple[str, str, bool]] = {
    "people": ("galleries_snapshotsubject", _PEOPLE, False),
    "trained": ("galleries_snapshotface", _FACES, True),
    "others": ("galleries_snapshotface", _FACES, False),
}


# --- Asking -----------------------------------------------------------------------------------------------
@transaction.atomic
def snapshot_apply(
    *, team: Team, snapshot_id: uuid.UUID, key: str, most: int | None = None, user: User | None = None
) -> GalleryJob:
    """Queue the making of a new gallery of a snapshot, in its namespace, under `key`.

    most: galleries that the team may have there, where that is limited. Raises Refusal: `snapshot_unknown`,
    `snapshot_not_for_team`, `gallery_key_taken`, `galleries_full`, `model_unknown`, `model_replaced`,
    `quota_faces`. The caller is inside the team's scope.
    """
    snapshot = snapshot_seen(team=team, snapshot_id=snapshot_id)
    if team.pk not in snapshot.apply_scope:
        raise refuse("snapshot_not_for_team")
    _model_check(snapshot)
    # Whoever asks for the same key at the same moment waits here, and sees this job.
    list(Team.objects.select_for_update(no_key=True).filter(pk=team.pk).values("pk"))
    _key_check(snapshot.namespace, key)
    if most is not None and Gallery.objects.filter(namespace=snapshot.namespace).count() >= most:
        raise refuse("galleries_full", limit=most)
    limit = limits_of(team).stored_faces
    if limit is not None and TeamUsage.objects.get(team=team).stored_faces + snapshot.face_count > limit:
        raise accounts_refuse("quota_faces", limit=limit)
    asked = {"snapshot": str(snapshot.pk), "namespace": snapshot.namespace, "key": key, "most": most}
    return job_start(
        team=team,
        kind=GalleryJob.Kind.APPLY,
        user=user,
        options={**asked, **asked_by()},
        total=snapshot.subject_count + snapshot.face_count,
    )


def _model_check(snapshot: GallerySnapshot) -> None:
    model = model_named(snapshot.model)
    if model.sha256 != snapshot.model_sha256:
        raise refuse("model_replaced", model=model.name)


def _key_check(namespace: str, key: str) -> None:
    """Raises Refusal `gallery_key_taken` for a key that a gallery has, or will have."""
    coming = GalleryJob.objects.filter(
        kind=GalleryJob.Kind.APPLY, status__in=OPEN, options__namespace=namespace, options__key=key
    )
    if Gallery.objects.filter(namespace=namespace, key=key).exists() or coming.exists():
        raise refuse("gallery_key_taken", key=key)


# --- Doing it ---------------------------------------------------------------------------------------------
def apply_steps(job: GalleryJob) -> Generator[Progress]:
    """The work of a job that makes a gallery of a snapshot, see `jobs.RUNNERS`."""
    snapshot = _snapshot_of(job)
    _model_check(snapshot)
    gallery = _gallery_ready(job, snapshot)
    if gallery.namespace != APPLYING:
        # Done by a worker that died right after it.
        yield Progress(job.total, job.total)
        return
    yield from _copied(job, gallery, ["people", "trained"])
    if snapshot.trained:
        yield from _trained(job, gallery)
    yield from _copied(job, gallery, ["others"])
    with acting_as(asker_of(job)):
        _publish(job)
    yield Progress(job.total, job.total)


def _snapshot_of(job: GalleryJob) -> GallerySnapshot:
    """The snapshot that the team of a job may still apply. Raises Refusal `snapshot_unknown`."""
    snapshot = snapshot_seen(team=job.team, snapshot_id=uuid.UUID(job.options["snapshot"]))
    if job.team_id not in snapshot.apply_scope:
        raise refuse("snapshot_unknown")
    return snapshot


def _gallery_of(row: GalleryJob) -> Gallery:
    """Raises Refusal `gallery_unknown` when somebody has erased it meanwhile."""
    gallery = Gallery.objects.select_related("team__plan").filter(pk=row.options["gallery"]).first()
    if gallery is None:
        raise refuse("gallery_unknown")
    return gallery


@transaction.atomic
def _gallery_ready(job: GalleryJob, snapshot: GallerySnapshot) -> Gallery:
    """The gallery that a job makes; it is begun at the first call."""
    row = job_lock(job)
    if "gallery" not in row.options:
        gallery = Gallery(
            team=row.team,
            namespace=APPLYING,
            key=uuid.uuid4().hex,
            keep_crops=False,
            label_photos=False,
            created_by=row.created_by,
            **{name: getattr(snapshot, name) for name in _SETTINGS},
        )
        gallery.save(force_insert=True)
        _note(row, gallery=str(gallery.pk))
    return _gallery_of(row)


def _note(row: GalleryJob, **options: Any) -> None:
    """Write down how far the job is, in the transaction that writes its rows."""
    row.options = {**row.options, **options}
    row.save(update_fields=["options"])


def _copied(job: GalleryJob, gallery: Gallery, parts: list[str]) -> Iterator[Progress]:
    """Copy parts of the snapshot; tells how far the whole job is after each chunk."""
    for part in parts:
        while (done := _chunk(job, gallery, part)) is not None:
            yield Progress(min(done, job.total), job.total)


@transaction.atomic
def _chunk(job: GalleryJob, gallery: Gallery, part: str) -> int | None:
    """Copy the next rows of a part; returns how many were looked at in all, None when none are left.

    Raises LeaseLost when the job has ended, Refusal `snapshot_unknown`, `quota_faces`.
    """
    row = job_lock(job)
    _snapshot_of(row)
    table, copy, trained = _PARTS[part]
    after = row.options.get("after", {}).get(part, 0)
    where: dict[str, Any] = {"snapshot": row.options["snapshot"], "after": after, "trained": trained}
    where |= {"team": row.team_id, "gallery": gallery.pk, "chunk": CHUNK}
    which = "AND trained = %(trained)s" if copy is _FACES else ""
    # Across teams: the team that took the snapshot has let this one copy it, which each statement asks again.
    with across_teams(), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*), max(id) FROM (SELECT id FROM {table} WHERE snapshot_id = %(snapshot)s"  # noqa: S608
            f" AND id > %(after)s {which} ORDER BY id LIMIT %(chunk)s) AS next",
            where,
        )
        count, last = cursor.fetchone()
        if not count:
            return None
        cursor.execute(copy, {**where, "last": last})
        made = cursor.rowcount
    if copy is _FACES and made:
        Gallery.objects.filter(pk=gallery.pk).update(changed_at=Now())
        faces_check(team=gallery.team)
    done = row.options.get("looked_at", 0) + count
    _note(row, after={**row.options.get("after", {}), part: last}, looked_at=done)
    return int(done)


def _trained(job: GalleryJob, gallery: Gallery) -> Iterator[Progress]:
    """Train the gallery with the faces that the source was trained with: the others are not there yet."""
    if gallery.states.filter(is_current=True).exists():
        return
    with training.alone(gallery):
        training.states_clear(gallery=gallery)
        state = training.state_begin(gallery=gallery, model=model_named(gallery.model))
        try:
            vectors = training.state_fill(state=state)
            # How far the copying is: the training is not counted.
            job.refresh_from_db(fields=["options"])
            yield Progress(min(job.options.get("looked_at", 0), job.total), job.total)
            if state.own_table and vectors:
                with transaction.atomic():
                    search_tables.table_index(state, vectors=vectors)
            training.state_use(state=state)
        finally:
            # After a fault or a cancellation; what is in use stays.
            TrainedState.objects.filter(pk=state.pk, is_current=False).delete()


@transaction.atomic
def _publish(job: GalleryJob) -> None:
    """Give the gallery, which is whole, its key. Raises Refusal `gallery_key_taken`, `galleries_full`."""
    row = job_lock(job)
    snapshot = _snapshot_of(row)
    gallery = _gallery_of(row)
    gallery.namespace, gallery.key = row.options["namespace"], row.options["key"]
    try:
        with transaction.atomic():
            gallery.save(update_fields=["namespace", "key"])
    except IntegrityError as error:
        raise refuse("gallery_key_taken", key=gallery.key) from error
    most = row.options["most"]
    if most is not None:
        list(Team.objects.select_for_update(no_key=True).filter(pk=row.team_id).values("pk"))
        if Gallery.objects.filter(namespace=gallery.namespace).count() > most:
            raise refuse("galleries_full", limit=most)
    made: dict[str, Any] = {"gallery_id": str(gallery.pk), "faces": gallery.faces.count()}
    record("gallery.created", team=row.team, obj=gallery)
    record("snapshot.applied", team=row.team, obj=snapshot, **made)
    if snapshot.team_id != row.team_id:
        # The team that took it learns who has applied it: the account, and nothing about its people.
        with acting_as(SYSTEM):
            record("snapshot.applied", team=snapshot.team, obj=snapshot, account=str(row.team_id))


def apply_ended(job: GalleryJob) -> None:
    """Erase what a job that did not succeed has made; runs in the transaction that ends it."""
    if job.status == GalleryJob.Status.SUCCEEDED or "gallery" not in job.options:
        return
    gallery = Gallery.objects.filter(pk=job.options["gallery"], namespace=APPLYING).first()
    if gallery is not None:
        gallery_erase(gallery=gallery)
