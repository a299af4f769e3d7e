"""Erasing videos for good: rows, tracks, portraits, files, and the names that other rows keep of them.

As `media_jobs.erasure` does it for photos. Locks are taken in the order that everybody keeps: jobs, videos,
chunks, and the row of what the team uses last. Whoever works on a video looks at its row, locked, before
anything is written: after an erasure there is none.
"""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.access import current_team
from accounts.audit import record, redact_mentions, redact_objects
from accounts.models import Team
from analysis.models import VideoPerson, VideoTrack
from media_jobs.erasure import REDACTED, exports_forget, kept_answers_forget, kept_calls_forget
from media_jobs.models import Job, Video, VideoChunk, VideoPreview
from media_jobs.services import release_files
from media_jobs.webhooks import emit

from .ending import video_end
from .parts import whole_folder

# As much of a file's name as its job keeps.
JOB_NAME = 120


def video_delete(*, video_id: UUID) -> None:
    """Erase one video of the current team (`video_erase`). Raises Video.DoesNotExist."""
    if not video_erase(team=current_team(), video_ids=[video_id]):
        raise Video.DoesNotExist


@transaction.atomic
def video_erase(*, team: Team, video_ids: Sequence[UUID], recorded: bool = True) -> int:
    """Erase videos with everything about them; returns how many there were.

    Rows are gone with the transaction, files right after it. Analysis that is on its way is cancelled, and
    frames that were not analysed are given back. With `recorded`, an event per video says who erased it.
    Running it twice changes nothing the second time. The caller is inside the team's scope.
    """
    videos = _locked(video_ids)
    if not videos:
        return 0
    ids = [video.pk for video in videos]
    people = list(VideoPerson.objects.filter(video__in=ids).order_by().values_list("pk", flat=True))
    release_files(team=team, names=file_names(videos))
    _traces_erase(team, videos, people)
    if recorded:
        for video in videos:
            record("video.deleted", team=team, obj=video, name=REDACTED)
    erased = [str(pk) for pk in ids]
    # A video is erased once, so that its id and the number of those beside it name this event for good.
    dedupe = f"{erased[0]}:{len(erased)}"
    emit(team=team, event="video.deleted", dedupe=dedupe, data={"video_ids": erased})
    # From here on the row of what the team uses is locked.
    for video in videos:
        # Its files are let go of already.
        video.pictures_erased_at = timezone.now()
        if not video.is_over:
            video_end(video, Video.Status.CANCELLED)
    faces_delete(ids)
    VideoChunk.objects.filter(video__in=ids).delete()
    Video.objects.filter(pk__in=ids).delete()
    return len(videos)


def faces_delete(video_ids: Sequence[UUID]) -> None:
    """Delete the tracks and the people of videos whose rows the caller has locked."""
    VideoTrack.objects.filter(video__in=video_ids).delete()
    # By their keys: portraits need not be read for it.
    VideoPerson.objects.filter(video__in=video_ids).only("pk").delete()


def _locked(video_ids: Sequence[UUID]) -> list[Video]:
    """The rows of the videos, locked after their jobs and those of their earlier analyses."""
    wanted = Video.objects.filter(pk__in=video_ids)
    names = {name[:JOB_NAME] for name in wanted.values_list("filename", flat=True)}
    # Of an earlier analysis, nothing but its job's name tells which video it was of.
    earlier = Job.objects.filter(kind=Job.Kind.VIDEO, videos=None, name__in=names).exclude(name="")
    jobs = {*wanted.values_list("job", flat=True), *earlier.values_list("pk", flat=True)}
    list(Job.objects.select_for_update().filter(pk__in=jobs).order_by("id").values("pk"))
    rows = wanted.select_for_update(of=("self",)).select_related("team__plan", "job").order_by("id")
    videos = list(rows)
    # Of one that was analysed again between the two, the job is another one now.
    jobs.update(video.job_id for video in videos if video.job_id is not None)
    Job.objects.filter(pk__in=jobs if videos else []).update(name="", error_message="")
    return videos


def file_names(videos: Sequence[Video]) -> list[str]:
    """Names in the storage of originals, posters and copies for browsers, and at last of their folders, in
    which a worker that was killed may have left more. The caller has locked the videos."""
    names = [name for video in videos for name in video.file_names]
    for parts in VideoPreview.objects.filter(video__in=videos).values_list("parts", flat=True):
        names += [name for name, _ in parts]
    return names + [whole_folder(video.team_id, video.pk) for video in videos]


def _traces_erase(team: Team, videos: Sequence[Video], people: Sequence[UUID]) -> None:
    """Take names and ids out of everything else that keeps them."""
    ids, persons = [str(video.pk) for video in videos], [str(pk) for pk in people]
    exports_forget(team)
    kept_answers_forget([*ids, *persons, *(str(video.job_id) for video in videos if video.job_id)])
    kept_calls_forget(ids)
    redact_objects("video", ids)
    redact_objects("videoperson", persons)
    redact_mentions(team.pk, [*ids, *persons])
