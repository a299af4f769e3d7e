"""Handing the work on videos to Celery: after the commit, and again when a message or a worker was lost.

Of one video only `AT_ONCE` chunks are with the broker; each that ends sends the next. So a film of three
hours does not stand in front of everybody else's photos, and one that is cancelled leaves nothing behind.
"""

from datetime import timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from kombu.exceptions import OperationalError

from accounts.access import across_teams, team_scope
from media_jobs.leases import STALE_AFTER, free_rows
from media_jobs.models import Video, VideoChunk, VideoPreview
from media_jobs.sending import send_in_background

logger = structlog.get_logger(__name__)

AT_ONCE = 8
# As for photos: one that the broker never took is sent again soon, one that it took when it must be lost.
RESEND_UNSENT_AFTER = timedelta(seconds=20)
RESEND_SENT_AFTER = timedelta(minutes=15)
#: Fetching and linking that no worker has is sent again after this long.
RESEND_STEP_AFTER = timedelta(seconds=60)
PENDING = VideoChunk.Status.PENDING


def video_send_on_commit(video: Video) -> None:
    """Send the first chunks of a video once the running transaction is committed."""
    team, video_id = video.team, video.pk

    def send() -> None:
        with team_scope(team):
            chunks_send(team_id=team.pk, video_id=video_id)

    transaction.on_commit(send, robust=True)


def chunks_send(*, team_id: UUID, video_id: UUID) -> int:
    """Send chunks until `AT_ONCE` of the video are on their way; returns how many. In the team's scope.

    Two that do this at the same moment may send a chunk twice, which does no harm.
    """
    pending = VideoChunk.objects.filter(
        video_id=video_id, status=PENDING, video__status=Video.Status.ANALYZING
    )
    free = AT_ONCE - pending.exclude(sent_at=None).count()
    if free <= 0:
        return 0
    numbers = list(pending.filter(sent_at=None).order_by("number").values_list("number", flat=True)[:free])
    taken = []
    for number in numbers:
        if not _chunk_publish(team_id, video_id, number):
            break
        taken.append(number)
    pending.filter(number__in=taken).update(sent_at=timezone.now())
    return len(taken)


def _chunk_publish(team_id: UUID, video_id: UUID, number: int) -> bool:
    from media_jobs.tasks import analyze_video_chunk

    try:
        analyze_video_chunk.apply_async(
            kwargs={"team_id": str(team_id), "video_id": str(video_id), "number": number}, queue="batch"
        )
    except (OperationalError, OSError) as error:
        logger.warning("video_chunk_not_sent", video_id=str(video_id), reason=type(error).__name__)
        return False
    return True


def finish_send_on_commit(video: Video) -> None:
    """Send the linking of a video once the running transaction is committed."""
    from media_jobs.tasks import finish_video

    names = {"team_id": str(video.team_id), "video_id": str(video.pk)}
    transaction.on_commit(lambda: send_in_background(finish_video, **names), robust=True)


def preview_send_on_commit(video: Video) -> None:
    """Send the making of a video's preview once the running transaction is committed."""
    names = {"team_id": str(video.team_id), "video_id": str(video.pk)}
    transaction.on_commit(lambda: preview_send(**names), robust=True)


def preview_send(*, team_id: str, video_id: str) -> bool:
    """Hand the making of a preview to the broker; False when it cannot be reached."""
    from media_jobs.tasks import make_video_preview

    return send_in_background(make_video_preview, team_id=team_id, video_id=video_id)


# --- What was lost ------------------------------------------------------------------------------------
def forgotten_videos_send() -> int:
    """Send work on videos of all teams that was lost: by the broker or with a worker; returns how many."""
    return _chunks_resend() + _steps_resend() + _previews_resend()


def _chunks_resend(limit: int = 500) -> int:
    now = timezone.now()
    pending = VideoChunk.unscoped.filter(status=PENDING, video__status=Video.Status.ANALYZING)
    moving = VideoChunk.unscoped.filter(video=OuterRef("video"), finished_at__gt=now - RESEND_SENT_AFTER)
    # Once for each worker that died: then its message is on the way, and workers may be busy for long.
    died = Q(beat_at__lt=now - STALE_AFTER, sent_at__lt=now - STALE_AFTER)
    lost = Q(beat_at=None, sent_at__lt=now - RESEND_SENT_AFTER) & ~Exists(moving)
    with across_teams():
        again = list(pending.filter(died | lost).values_list("team_id", "video_id", "number")[:limit])
    sent = 0
    for team_id, video_id, number in again:
        if not _chunk_publish(team_id, video_id, number):
            return sent
        sent += 1
        with across_teams():
            pending.filter(video_id=video_id, number=number).update(sent_at=timezone.now())
    return sent + _unsent_send(limit)


def _unsent_send(limit: int) -> int:
    """Go on with videos whose next chunks nobody has sent."""
    long_ago = timezone.now() - RESEND_UNSENT_AFTER
    on_way = VideoChunk.unscoped.filter(video=OuterRef("pk"), status=PENDING).exclude(sent_at=None)
    unsent = VideoChunk.unscoped.filter(
        video=OuterRef("pk"), status=PENDING, sent_at=None, created_at__lt=long_ago
    )
    stuck = Video.unscoped.filter(Exists(unsent), ~Exists(on_way), status=Video.Status.ANALYZING)
    with across_teams():
        videos = list(stuck.select_related("team").defer("facts", "parts", "summary")[:limit])
    sent = 0
    for video in videos:
        with team_scope(video.team):
            sent += chunks_send(team_id=video.team_id, video_id=video.pk)
    return sent


def _steps_resend(limit: int = 100) -> int:
    """Fetching and linking that no worker has."""
    from media_jobs.tasks import fetch_video, finish_video

    with across_teams():
        waiting = list(
            free_rows(Video, [Video.Status.FETCHING, Video.Status.LINKING])
            .filter(created_at__lt=timezone.now() - RESEND_STEP_AFTER)
            .values_list("team_id", "pk", "status")[:limit]
        )
    for team_id, video_id, status in waiting:
        task = fetch_video if status == Video.Status.FETCHING else finish_video
        send_in_background(task, team_id=str(team_id), video_id=str(video_id))
    return len(waiting)


def _previews_resend(limit: int = 100) -> int:
    with across_teams():
        waiting = list(
            free_rows(VideoPreview, [VideoPreview.Status.QUEUED])
            .filter(created_at__lt=timezone.now() - RESEND_STEP_AFTER)
            .values_list("team_id", "video_id")[:limit]
        )
    for team_id, video_id in waiting:
        preview_send(team_id=str(team_id), video_id=str(video_id))
    return len(waiting)
