"""Erasing people, enrolled faces and galleries for good: rows, vectors, crops, and all that names them.

Vectors of trained states go with the rows they are of, by the database. Locks are taken in the order that
everybody keeps: jobs, photos, videos, galleries, people, faces, snapshots, and the row that counts what a
team uses last.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from accounts.access import team_scope
from accounts.audit import record, redact_mentions, redact_objects
from accounts.models import Team, User
from analysis.models import FaceEmbedding, VideoTrack
from analysis.video.switched_off import NO_VECTOR
from media_jobs.erasure import (
    CHUNK,
    REDACTED,
    exports_forget,
    kept_answers_forget,
    kept_calls_forget,
    media_erase,
)
from media_jobs.models import Media, Removal, Video
from media_jobs.removals import removal_create
from media_jobs.services import release_files

from .models import EnrolledFace, FaceLabel, Gallery, GalleryJob, Subject, VideoLabel
from .refusals import refuse
from .snapshot_traces import people_forget, source_forget, source_release

# People, and faces, of one transaction.
PEOPLE_CHUNK = 50
FACES_CHUNK = 500
#: A gallery of more people and faces is erased by a job with progress.
MOST_AT_ONCE = 2_000
MOST_PEOPLE = 10_000
#: Namespace of galleries that a job erases: their own keys are free again.
ERASING = "erasing"
#: The `reason` of `subjects_erase` when consent has ended: the record has a word of its own for it.
CONSENT_ENDED = "consent_ended"


# --- People -------------------------------------------------------------------------------------------
def subjects_erase(
    *, team: Team, subject_ids: Sequence[UUID], photos: bool = False, reason: str = "", recorded: bool = True
) -> int:
    """Erase people with their faces, crops, vectors, and their names on photos and videos; returns how many
    there were.

    The faces on photos and videos that are known to be theirs lose their vectors, so that nobody recognises
    these people again. photos: the photos go too, with everything about them. reason: noted in the record
    (`CONSENT_ENDED` is one). One transaction per 50 people or photos, photos first: running it again goes on
    where it was stopped, and changes nothing once all is done. The caller is inside the team's scope.
    """
    return sum(_subjects_steps(team, list(subject_ids), photos, reason, recorded))


def _subjects_steps(team: Team, ids: list[UUID], photos: bool, reason: str, recorded: bool) -> Iterator[int]:
    """Yields after each transaction how many people went with it."""
    for start in range(0, len(ids), PEOPLE_CHUNK):
        some = ids[start : start + PEOPLE_CHUNK]
        while photos and (shown := _photos_of(some)):
            media_erase(team=team, media_ids=shown)
            yield 0
        yield _people_erase(team, some, reason=reason, recorded=recorded)


def _photos_of(subject_ids: Sequence[UUID]) -> list[UUID]:
    """Some of the photos that these people are labelled on."""
    labels = FaceLabel.objects.filter(subject__in=subject_ids).order_by("face__media_id")
    return list(labels.values_list("face__media_id", flat=True).distinct()[:CHUNK])


@transaction.atomic
def _people_erase(
    team: Team, ids: Sequence[UUID], *, reason: str = "", recorded: bool = True, vectors: bool = True
) -> int:
    """vectors: take those of their faces on photos and in videos too."""
    shown = _shown_lock(ids) if vectors else []
    filmed = _filmed_lock(ids)
    wanted = Subject.objects.filter(pk__in=ids)
    galleries = _galleries_lock(team, set(wanted.values_list("gallery_id", flat=True)))
    people = list(wanted.select_for_update(of=("self",)).order_by("id").values_list("pk", "gallery_id"))
    if not people:
        return 0
    found = [pk for pk, _ in people]
    faces = _faces_lock(Q(subject__in=found))
    FaceEmbedding.objects.filter(face__in=shown).delete()
    if vectors:
        VideoTrack.objects.filter(person__in=filmed, embedding__isnull=False).update(**NO_VECTOR)
    _traces_erase(team, subject_ids=found, faces=faces)
    Subject.objects.filter(pk__in=found).only("pk").delete()
    Gallery.objects.filter(pk__in=galleries).update(changed_at=Now())
    if recorded:
        action = "subject.consent_ended" if reason == CONSENT_ENDED else "subject.erased"
        for pk, gallery_id in people:
            details = {"gallery_id": str(gallery_id)} | ({"reason": reason} if reason else {})
            record(action, team=team, obj=Subject(pk=pk), name=REDACTED, **details)
    return len(people)


def _shown_lock(subject_ids: Sequence[UUID]) -> list[UUID]:
    """The faces on photos that are known to be these people's; their photos are locked, before all else."""
    labels = FaceLabel.objects.filter(subject__in=subject_ids).values_list("face_id", "face__media_id")
    shown = dict(labels)
    photos = Media.objects.filter(pk__in=set(shown.values()))
    list(photos.select_for_update().order_by("id").values("pk"))
    return list(shown)


def _filmed_lock(subject_ids: Sequence[UUID]) -> list[UUID]:
    """The people of videos who were taken for these people; their videos are locked, after photos."""
    labels = VideoLabel.objects.filter(subject__in=subject_ids).values_list("person_id", "person__video_id")
    filmed = dict(labels)
    videos = Video.objects.filter(pk__in=set(filmed.values()))
    list(videos.select_for_update().order_by("id").values("pk"))
    return list(filmed)


# --- Enrolled faces -----------------------------------------------------------------------------------
@transaction.atomic
def enrolled_faces_erase(*, team: Team, face_ids: Sequence[UUID], recorded: bool = True) -> int:
    """Erase enrolled faces with their crops and vectors; returns how many there were.

    Their people stay, also without any face. The caller is inside the team's scope.
    """
    wanted = EnrolledFace.objects.filter(pk__in=face_ids)
    galleries = _galleries_lock(team, set(wanted.values_list("gallery_id", flat=True)))
    faces = _faces_lock(Q(pk__in=face_ids))
    if not faces:
        return 0
    _traces_erase(team, subject_ids=[], faces=faces)
    Gallery.objects.filter(pk__in=galleries).update(changed_at=Now())
    if recorded:
        for face in faces:
            record(
                "face.unenrolled",
                team=team,
                obj=EnrolledFace(pk=face.pk),
                name=REDACTED,
                gallery_id=str(face.gallery_id),
            )
    return len(faces)


def _galleries_lock(team: Team, gallery_ids: set[UUID]) -> list[UUID]:
    """Lock galleries, and before them let go of what their jobs keep of the people in them."""
    ids = sorted(gallery_ids)
    _jobs_forget(team, ids)
    list(Gallery.objects.select_for_update().filter(pk__in=ids).order_by("id").values("pk"))
    return ids


def _faces_lock(which: Q) -> list[EnrolledFace]:
    rows = EnrolledFace.objects.filter(which).select_for_update(of=("self",)).order_by("id")
    return list(rows.only("pk", "gallery_id", "crop"))


def _traces_erase(team: Team, *, subject_ids: Sequence[UUID], faces: Sequence[EnrolledFace]) -> None:
    """Erase faces whose rows are locked, and what elsewhere names them or their people."""
    people, ids = [str(pk) for pk in subject_ids], [str(face.pk) for face in faces]
    release_files(team=team, names=[face.crop for face in faces if face.crop])
    exports_forget(team)
    kept_answers_forget([*people, *ids])
    kept_calls_forget([*people, *ids])
    redact_objects("subject", people)
    redact_objects("enrolledface", ids)
    redact_mentions(team.pk, people)
    people_forget(subject_ids=subject_ids, face_ids=[face.pk for face in faces])
    EnrolledFace.objects.filter(pk__in=[face.pk for face in faces]).only("pk").delete()


def _jobs_forget(team: Team, gallery_ids: Sequence[UUID]) -> None:
    """Let go of the archives made of galleries and of what jobs noted about single faces.

    An archive that is being made begins anew; what an import reads is the client's word, and stays until it
    is over.
    """
    jobs = GalleryJob.objects.filter(gallery__in=gallery_ids)
    exports = jobs.filter(kind=GalleryJob.Kind.EXPORT)
    list(jobs.select_for_update(of=("self",)).order_by("id").values("pk"))
    exports.filter(status=GalleryJob.Status.RUNNING).update(
        status=GalleryJob.Status.QUEUED, beat_at=None, done=0, total=0
    )
    made = exports.exclude(file="")
    release_files(team=team, names=list(made.values_list("file", flat=True)))
    made.update(file="", size=0, expires_at=None)
    jobs.exclude(notes=[]).update(notes=[])


# --- Galleries ----------------------------------------------------------------------------------------
def gallery_erase(
    *, gallery: Gallery, user: User | None = None, keep_snapshots: bool = False
) -> Removal | None:
    """Erase a gallery with everybody in it: now, or by a job with progress where it holds many.

    Returns that job, None when all is done. Its key is free at once, also while the job is at work.
    keep_snapshots: snapshots that were taken of it stand for themselves from now on, until their two days are
    over; otherwise they end. The caller is inside the team's scope.
    """
    if keep_snapshots:
        source_release(gallery_id=gallery.pk)
    parts = gallery.faces.count() + gallery.subjects.count()
    if parts <= MOST_AT_ONCE:
        galleries_erase(team=gallery.team, gallery_ids=[gallery.pk])
        return None
    with transaction.atomic():
        Gallery.objects.filter(pk=gallery.pk).update(namespace=ERASING, key=gallery.pk.hex)
        source_forget(gallery_id=gallery.pk)
        return removal_create(
            team=gallery.team,
            kind=Removal.Kind.GALLERY,
            part_ids=[str(gallery.pk)],
            total=parts + 1,
            user=user,
        )


def galleries_erase(*, team: Team, gallery_ids: Sequence[UUID]) -> int:
    """Erase galleries with everybody in them, in chunks; returns how many there were.

    The caller is inside the team's scope.
    """
    there = list(Gallery.objects.filter(pk__in=gallery_ids).values_list("pk", flat=True))
    for pk in there:
        for _ in _gallery_parts(team, pk):
            pass
        _gallery_end(team, pk)
    return len(there)


def _gallery_parts(team: Team, gallery_id: UUID) -> Iterator[int]:
    """Erase who is in a gallery; yields after each transaction how many people and faces went with it."""
    _work_stop(gallery_id)
    while people := _some(Subject.objects.filter(gallery=gallery_id), PEOPLE_CHUNK):
        faces = EnrolledFace.objects.filter(subject__in=people).count()
        # What is on photos stays recognisable: with another gallery these people may be named again.
        _people_erase(team, people, recorded=False, vectors=False)
        yield len(people) + faces
    while some := _some(EnrolledFace.objects.filter(gallery=gallery_id), FACES_CHUNK):
        yield enrolled_faces_erase(team=team, face_ids=some, recorded=False)


def _some(rows: QuerySet[Subject] | QuerySet[EnrolledFace], count: int) -> list[UUID]:
    return list(rows.order_by("id").values_list("pk", flat=True)[:count])


@transaction.atomic
def _work_stop(gallery_id: UUID) -> None:
    """Cancel the gallery's jobs, end its snapshots, and drop its trained states.

    Vectors go at once, not with each face.
    """
    GalleryJob.objects.filter(gallery=gallery_id, finished_at=None).update(
        status=GalleryJob.Status.CANCELLED, finished_at=timezone.now()
    )
    gallery = Gallery.objects.select_for_update().filter(pk=gallery_id).first()
    if gallery is not None:
        gallery.states.all().delete()
        source_forget(gallery_id=gallery_id)


@transaction.atomic
def _gallery_end(team: Team, gallery_id: UUID) -> None:
    """Erase the row of a gallery, and with it what came in while the rest was going."""
    _videos_forget(gallery_id)
    files = list(
        GalleryJob.objects.filter(gallery=gallery_id).exclude(file="").values_list("file", flat=True)
    )
    # From here on nobody can write a row that points to it.
    gallery = Gallery.objects.select_for_update().filter(pk=gallery_id).first()
    if gallery is None:
        return
    for _ in _gallery_parts(team, gallery_id):
        pass
    release_files(team=team, names=files)
    kept_answers_forget([str(gallery_id)])
    gallery.delete()
    redact_objects("gallery", [str(gallery_id)])
    redact_mentions(team.pk, [str(gallery_id)])
    record("gallery.deleted", team=team, obj=Gallery(pk=gallery_id), name=REDACTED)


def _videos_forget(gallery_id: UUID) -> None:
    """Lock the videos whose people were looked up in a gallery; they forget in which."""
    labelled = VideoLabel.objects.filter(gallery=gallery_id).values("person__video")
    rows = Video.objects.filter(Q(gallery_id=gallery_id) | Q(pk__in=labelled))
    for video in rows.select_for_update().order_by("id").only("pk", "gallery_id", "summary"):
        # Why it could not be asked, in words that may name it.
        video.summary.pop("identification", None)
        if video.gallery_id == gallery_id:
            video.gallery_id = None
        video.save(update_fields=["gallery_id", "summary"])


# --- By a job with progress -----------------------------------------------------------------------------
def subjects_removal_start(
    *, team: Team, ids: Sequence[UUID], user: User | None, with_photos: bool = False
) -> Removal:
    """Queue the erasure of people. Raises Refusal `people_gone` when none of them is the team's."""
    found = Subject.objects.filter(pk__in=list(ids)[:MOST_PEOPLE]).values_list("pk", flat=True)
    part_ids = sorted(str(pk) for pk in found)
    if not part_ids:
        raise refuse("people_gone")
    return removal_create(
        team=team,
        kind=Removal.Kind.SUBJECT,
        part_ids=part_ids,
        total=len(part_ids),
        user=user,
        with_photos=with_photos,
    )


def subject_steps(removal: Removal) -> Iterator[int]:
    """What a removal of people does, in the scope of its team."""
    ids = [UUID(text) for text in removal.part_ids][removal.done :]
    for start in range(0, len(ids), PEOPLE_CHUNK):
        some = ids[start : start + PEOPLE_CHUNK]
        steps = partial(_subjects_steps, ids=some, photos=removal.with_photos, reason="", recorded=True)
        yield from _scoped(removal, steps, len(some))


def gallery_steps(removal: Removal) -> Iterator[int]:
    """What a removal of a gallery does, in the scope of its team."""
    gallery_id = UUID(removal.part_ids[0])
    yield from _scoped(removal, lambda team: _gallery_parts(team, gallery_id), None)
    if removal.team is not None:
        with team_scope(removal.team):
            _gallery_end(removal.team, gallery_id)
    yield 1


def _scoped(removal: Removal, steps: Callable[[Team], Iterator[int]], count: int | None) -> Iterator[int]:
    """Take steps inside the team's scope, and yield outside of it.

    count: what all steps together are worth, told after the last one; None for the sum of what they tell.
    """
    team = removal.team
    if team is not None:
        with team_scope(team):
            taken = iter(steps(team))
        while True:
            with team_scope(team):
                done = next(taken, None)
            if done is None:
                break
            yield done if count is None else 0
    if count is not None:
        yield count
