"""The end of a video's analysis: tracks become people, people get their figures and their names."""

import math
from collections import Counter
from uuid import UUID

import numpy as np
import structlog
from django.db import transaction

from accounts.models import Team
from analysis.models import VideoTrack
from analysis.recognition import photo_model
from analysis.video.people import people_store, people_summarise
from media_jobs.hooks import video_linked
from media_jobs.leases import Lease
from media_jobs.models import Video
from media_jobs.refusals import refuse
from ml_models.grouping import grouping_distance
from ml_models.linking import TOUCH_MS, Tracklet, people_of

from .ending import video_end, video_fail, video_locked
from .start import MOST_ATTEMPTS, step_begin

#: From so many frames a second on, whoever is real is seen twice.
LONE_RATE = 2.0

logger = structlog.get_logger(__name__)


def video_finish(*, team: Team, video_id: UUID) -> None:
    """Link the tracks of a video whose chunks are all done, and end its job.

    Safe to run twice: one worker has it at a time, and everything is written in one transaction. One whose
    linking was begun so often and never ended has failed. The caller is inside the team's scope.
    """
    lease = Lease.take(Video, video_id, [Video.Status.LINKING])
    if lease is None:
        return
    with lease:
        video = step_begin(video_id=video_id)
        if video is None:
            # Erased a moment ago.
            return
        if video.attempts > MOST_ATTEMPTS:
            refusal = refuse("video_worker_lost")
            video_fail(video=video, code=refusal.code, message=refusal.message)
            return
        assignment = tracks_link(video)
        with transaction.atomic():
            row = video_locked(video)
            if row is None or row.status != Video.Status.LINKING or not lease.holds(row.beat_at):
                return
            people_store(video=row, assignment=assignment)
            people_summarise(video=row)
            video_linked(team=row.team, video=row)
            row.refresh_from_db(fields=["summary", "people_count"])
            video_end(row, Video.Status.READY)


def tracks_link(video: Video) -> dict[UUID, int]:
    """Which person of the video, from 0 on in the order of appearance, each of its tracks is of.

    Whom a single frame shows, of many in a second, is of nobody: a detector that is right in all but one of
    a thousand frames would fill a film with people who are none.
    """
    columns = (
        *("pk", "chunk", "start_ms", "end_ms", "first_box", "last_box", "embedding", "embedding_count"),
        *("model_sha256", "sample_count"),
    )
    model = photo_model()
    rows = list(VideoTrack.objects.filter(video=video).order_by("chunk", "number").values_list(*columns))
    tracklets = [
        Tracklet(
            chunk,
            start_ms,
            end_ms,
            tuple(first_box),
            tuple(last_box),
            # Vectors of a model that was replaced while the video was at work say nothing beside the others.
            None if embedding is None or sha256 != model.sha256 else np.asarray(embedding, np.float32),
            count,
        )
        for _, chunk, start_ms, end_ms, first_box, last_box, embedding, count, sha256, _ in rows
    ]
    known = any(one.embedding is not None for one in tracklets)
    # Where frames are farther apart than that, so are tracks that go on across a border.
    touch_ms = (
        max(TOUCH_MS, math.ceil(1000 / video.frames_per_second)) if video.frames_per_second else TOUCH_MS
    )
    distance = grouping_distance(model.calibration) if known else None
    people = people_of(tracklets, same_distance=distance, touch_ms=touch_ms)
    samples: Counter[int] = Counter()
    for row, person in zip(rows, people, strict=True):
        samples[int(person)] += row[-1]
    least = 1 if (video.frames_per_second or video.frame_rate) < LONE_RATE else 2
    return {
        row[0]: int(person) for row, person in zip(rows, people, strict=True) if samples[int(person)] >= least
    }
