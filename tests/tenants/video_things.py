"""A video and an upload of the first team, and how their routes are asked."""

import io
from collections.abc import Callable
from typing import Any

from django.utils import timezone

from accounts.access import team_scope
from media_jobs.models import Job, Video, VideoChunk
from media_jobs.video.intake import VideoOptions, video_from_file
from media_jobs.video.tus import PART_TYPE
from media_jobs.video.uploads import upload_append, upload_begin
from tests.videos import make_video

from .scene import SECRET, World

TUS = {"Tus-Resumable": "1.0.0"}
CONTENT_SECONDS = 0.5


def _content() -> bytes:
    return make_video(seconds=CONTENT_SECONDS, fps=10, size=(64, 48), faces=())


def _a_video(world: World) -> None:
    """Analysed, with nobody in it."""
    team = world.people.team
    with team_scope(team):
        video = video_from_file(
            team=team,
            file=io.BytesIO(_content()),
            filename=f"{SECRET}.mp4",
            options=VideoOptions(),
            user=None,
        )
        now = timezone.now()
        VideoChunk.objects.update(status=VideoChunk.Status.SUCCEEDED, times=[0], finished_at=now)
        Video.objects.filter(pk=video.pk).update(status=Video.Status.READY, finished_at=now)
        Job.objects.filter(videos=video).update(status=Job.Status.SUCCEEDED, finished_at=now)
        video.refresh_from_db()
        world.more["video"] = video


def _an_upload(world: World) -> None:
    """All of it is there, and it is no video yet."""
    team, content = world.people.team, _content()
    with team_scope(team):
        upload = upload_begin(team=team, length=len(content), filename=f"{SECRET}-upload.mp4", user=None)
        world.more["upload"] = upload_append(
            upload_id=upload.pk, offset=0, stream=io.BytesIO(content), announced=len(content)
        )


MORE: list[Callable[[World], None]] = [_a_video, _an_upload]


def _of_video(world: World) -> list[Any]:
    return [world.more["video"].pk]


def _of_upload(world: World) -> list[Any]:
    return [world.more["upload"].pk]


ARGUMENTS: dict[str, Callable[[World], list[Any]]] = {
    **dict.fromkeys(["api_video", "api_video_cancel", "api_video_analyze"], _of_video),
    **dict.fromkeys(["api_video_file", "team_video_file"], lambda world: [world.more["video"].pk, "file"]),
    **dict.fromkeys(["api_upload", "team_video_upload", "team_video_upload_use"], _of_upload),
}
BODIES: dict[str, Callable[[World], Any]] = {
    "POST api_video_list": lambda world: {"upload_id": str(world.more["upload"].pk)},
    "POST api_video_analyze": lambda world: {"frames_per_second": 2},
    "POST team_video_upload_use": lambda world: {"frames_per_second": 2},
}


def _end(world: World) -> dict[str, str]:
    """Headers of a part behind everything that is there, which changes nothing but the time."""
    return {**TUS, "Upload-Offset": str(world.more["upload"].received), "Content-Type": PART_TYPE}


#: Headers besides those that say who asks; these requests have no body.
HEADERS: dict[str, Callable[[World], dict[str, str]]] = {
    **dict.fromkeys(
        ["POST api_upload_list", "POST team_video_uploads"], lambda world: {**TUS, "Upload-Length": "5"}
    ),
    **dict.fromkeys(["PATCH api_upload", "PATCH team_video_upload"], _end),
    "POST api_upload": lambda world: {**TUS, "X-HTTP-Method-Override": "DELETE"},
    **dict.fromkeys(
        ["DELETE api_upload", "DELETE team_video_upload", "HEAD team_video_upload"], lambda world: TUS
    ),
}
