"""Beginning the analysis of a video: its chunks, its job, what it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.audit import record, redact_objects
from accounts.limits import pictures_take
from accounts.models import Team, User
from media_jobs.models import Job, Video, VideoChunk, VideoPreview
from media_jobs.refusals import refuse

from .dispatch import preview_send_on_commit, video_send_on_commit
from .facts import VideoFacts
from .plan import expected_frames, plan_chunks

if TYPE_CHECKING:
    from .intake import VideoOptions

QUEUE = "batch"
#: Fetching or linking that was begun so often and never ended is given up.
MOST_ATTEMPTS = 5
#: What `VideoFacts` and `Video` have in common.
_FACTS = (
    *("container", "content_type", "codec", "width", "height", "rotation", "duration_ms", "frame_count"),
    *("frame_rate", "variable_rate", "has_audio", "shown_by_browsers"),
)
_PLANNED = [*_FACTS, "facts", "status", "job", "started_at", "attempts"]


def step_begin(*, video_id: UUID) -> Video | None:
    """Count an attempt at fetching or linking a video, of which the caller has the lease; None when it is
    gone. After `MOST_ATTEMPTS` the caller ends the video: something ends the work, or its worker, each time.
    """
    Video.objects.filter(pk=video_id).update(attempts=F("attempts") + 1)
    return Video.objects.select_related("team__plan").filter(pk=video_id).first()


def video_job(*, team: Team, user: User | None, name: str = "") -> Job:
    """A job for a video whose chunks are not known yet: queued, with the linking at its end to do."""
    return Job.objects.create(
        team=team, kind=Job.Kind.VIDEO, name=name[:120], queue=QUEUE, total=1, created_by=user
    )


@transaction.atomic(savepoint=False)
def video_plan(*, video: Video, facts: VideoFacts) -> None:
    """Cut a video, whose row is written and holds its job, into chunks and send them on commit.

    The frames that will be analysed count against the team's pictures of the month. Raises Refusal
    `quota_pictures`; the transaction must then be rolled back.
    """
    for name in _FACTS:
        setattr(video, name, getattr(facts, name))
    video.facts = facts.to_json()
    video.status = Video.Status.ANALYZING
    video.started_at = timezone.now()
    # From here on those of its linking count.
    video.attempts = 0
    video.save(update_fields=_PLANNED)
    expected = _chunks_make(video, facts)
    if not facts.shown_by_browsers:
        VideoPreview.objects.get_or_create(video=video, defaults={"team": video.team})
        preview_send_on_commit(video)
    video_send_on_commit(video)
    # Locks the row of what the team uses: last.
    pictures_take(team=video.team, count=expected)


def _chunks_make(video: Video, facts: VideoFacts) -> int:
    """Write the chunks of a video and set its job's total; returns how many frames are expected."""
    plan = plan_chunks(facts, frames_per_second=video.frames_per_second)
    expected = expected_frames(facts, video.frames_per_second)
    whole = max(1, plan[-1].end_ms - plan[0].start_ms)
    rows, given = [], 0
    for chunk in plan:
        # By its share of the time, so that all of them together are what was counted.
        until = round(expected * (chunk.end_ms - plan[0].start_ms) / whole)
        rows.append(
            VideoChunk(
                team=video.team,
                video=video,
                number=chunk.number,
                start_ms=chunk.start_ms,
                end_ms=chunk.end_ms,
                expected=until - given,
            )
        )
        given = until
    VideoChunk.objects.bulk_create(rows, batch_size=1000)
    Job.objects.filter(videos=video).update(total=len(rows) + 1)
    return expected


@transaction.atomic
def video_restart(*, video: Video, options: VideoOptions, user: User | None) -> Video:
    """Analyse a video that is over again, with other options: a new job, and its results replaced.

    What members have said of its people goes with them. Raises Refusal `video_running`, `pictures_erased`,
    `video_not_analyzable`, `quota_pictures`, and Video.DoesNotExist.
    """
    from analysis.models import VideoPerson, VideoTrack

    job = video_job(team=video.team, user=user, name=video.filename)
    row = Video.objects.select_for_update(of=("self",)).select_related("team__plan").get(pk=video.pk)
    if not row.is_over:
        raise refuse("video_running")
    if row.pictures_erased_at is not None:
        raise refuse("pictures_erased")
    if not row.facts:
        # It was never read: its address could not be fetched, or its file was none that can be analysed.
        raise refuse("video_not_analyzable")
    people = VideoPerson.objects.filter(video=row)
    # Nobody will erase their names from the record, once they are gone.
    redact_objects("videoperson", [str(pk) for pk in people.order_by().values_list("pk", flat=True)])
    VideoTrack.objects.filter(video=row).delete()
    people.only("pk").delete()
    VideoChunk.objects.filter(video=row).delete()
    row.job = job
    row.frames_per_second, row.gallery_id = options.frames_per_second, options.gallery_id
    row.error_code = row.error_message = ""
    row.analyzed_frames = row.people_count = 0
    row.summary, row.model_versions = {}, {}
    row.finished_at = row.beat_at = row.faces_erased_at = None
    row.save()
    record("video.analyzed_again", team=row.team, obj=row)
    video_plan(video=row, facts=VideoFacts.from_json(row.facts))
    return row
