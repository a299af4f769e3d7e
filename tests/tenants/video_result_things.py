"""The results of a video of the first team, and how their routes are asked."""

from collections.abc import Callable
from typing import Any

from accounts.access import team_scope
from analysis.models import VideoPerson
from analysis.video.tests.helpers import Somebody, stored_video

from .rows import api, page
from .scene import SECRET, World

VIDEO_RESULT_TABLE = [
    api("GET", "api_video_people", "read"),
    api("GET", "api_video_person", "read"),
    api("PATCH", "api_video_person", "analyze"),
    api("POST", "api_video_people_merge", "analyze"),
    api("POST", "api_video_person_split", "analyze"),
    api("GET", "api_video_portrait", "read"),
    api("GET", "api_video_summary", "read"),
    api("GET", "api_video_moments", "read"),
    api("GET", "api_video_timeline", "read"),
    api("GET", "api_video_comparison", "read"),
    api("GET", "api_video_frames", "read"),
    api("GET", "api_video_results", "read"),
    api("GET", "api_video_clip", "read"),
    api("POST", "api_video_identify", "analyze"),
    page("POST", "team_video_identify", "analyze", ok=302),
]


def _results(world: World) -> None:
    """A video with two people who are never there at the same time."""
    cast = [Somebody([(0, 4000)], name=SECRET), Somebody([(5000, 9000)], name=f"{SECRET} two")]
    with team_scope(world.people.team):
        video = stored_video(world.people.team, cast, 10, filename=f"{SECRET}-results.mp4", summarised=True)
        world.more["results_video"] = video
        world.more["video_people"] = list(VideoPerson.objects.filter(video=video))


MORE: list[Callable[[World], None]] = [_results]


def _video(world: World) -> list[Any]:
    return [world.more["results_video"].pk]


def _person(world: World) -> list[Any]:
    return [world.more["results_video"].pk, world.more["video_people"][0].pk]


ARGUMENTS: dict[str, Callable[[World], list[Any]]] = {
    **dict.fromkeys(
        [
            *("api_video_people", "api_video_people_merge", "api_video_summary", "api_video_moments"),
            *("api_video_timeline", "api_video_comparison", "api_video_frames", "api_video_results"),
            *("api_video_identify", "team_video_identify"),
        ],
        _video,
    ),
    **dict.fromkeys(["api_video_person", "api_video_person_split", "api_video_portrait"], _person),
    # Of a video that has a file.
    "api_video_clip": lambda world: [world.more["video"].pk],
}
QUERIES: dict[str, Callable[[World], str]] = {
    "api_video_comparison": lambda world: (
        "?people=" + ",".join(str(p.pk) for p in world.more["video_people"])
    ),
    "api_video_clip": lambda world: "?from_ms=0&to_ms=400",
}
BODIES: dict[str, Callable[[World], Any]] = {
    "PATCH api_video_person": lambda world: {"name": "another name"},
    "POST api_video_people_merge": lambda world: {
        "people": [str(world.more["video_people"][1].pk)],
        "into": str(world.more["video_people"][0].pk),
    },
    "POST api_video_identify": lambda world: {"gallery": None},
    "POST api_video_person_split": lambda world: {"at_ms": 2000},
}
