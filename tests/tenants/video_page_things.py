"""Rows of the table for the pages of videos, and how they are asked."""

from collections.abc import Callable
from typing import Any

from .rows import page
from .scene import World

VIDEO_PAGE_TABLE = [
    page("GET", "team_videos", "read", other=200),
    # Asked for the first team's video: the other team is told of none.
    page("GET", "team_video_states", "read", other=200),
    page("POST", "team_video_fetch", "analyze", ok=302, other=302),
    page("GET", "team_video", "read"),
    page("POST", "team_video_cancel", "analyze", ok=302),
    page("POST", "team_video_analyze", "analyze", ok=302),
    page("POST", "team_video_delete", "analyze", ok=302),
    page("GET", "team_video_boxes", "read"),
    page("GET", "team_video_timeline", "read"),
    page("GET", "team_video_portrait", "read"),
    page("POST", "team_video_rename", "analyze", ok=302),
    page("POST", "team_video_exclude", "analyze", ok=302),
    page("POST", "team_video_split", "analyze", ok=302),
    page("POST", "team_video_merge", "analyze", ok=302),
    page("GET", "team_video_results", "read"),
    page("GET", "team_video_clip", "read"),
    page("GET", "team_video_report", "read"),
]


def _results(world: World) -> list[Any]:
    return [world.more["results_video"].pk]


def _person(world: World) -> list[Any]:
    return [world.more["results_video"].pk, world.more["video_people"][0].pk]


ARGUMENTS: dict[str, Callable[[World], list[Any]]] = {
    **dict.fromkeys(
        [
            *("team_video", "team_video_boxes", "team_video_timeline", "team_video_merge"),
            *("team_video_report", "team_video_delete", "team_video_cancel"),
        ],
        _results,
    ),
    **dict.fromkeys(
        ["team_video_portrait", "team_video_rename", "team_video_exclude", "team_video_split"], _person
    ),
    "team_video_results": lambda world: [world.more["results_video"].pk, "people", "csv"],
    # Of a video that has a file.
    **dict.fromkeys(["team_video_analyze", "team_video_clip"], lambda world: [world.more["video"].pk]),
}
QUERIES: dict[str, Callable[[World], str]] = {
    "team_video_states": lambda world: f"?job={world.more['results_video'].pk}",
    "team_video_boxes": lambda world: "?from=0&to=5000",
    "team_video_timeline": lambda world: f"?person={world.more['video_people'][0].pk}",
    "team_video_clip": lambda world: "?start_ms=0&end_ms=400",
}
FORMS: dict[str, Callable[[World], dict[str, Any]]] = {
    "POST team_video_fetch": lambda world: {"frames_per_second": "2", "url": "https://example.org/a.mp4"},
    "POST team_video_analyze": lambda world: {"frames_per_second": "2"},
    "POST team_video_rename": lambda world: {"name": "another name"},
    "POST team_video_exclude": lambda world: {"excluded": "1"},
    "POST team_video_split": lambda world: {"at_ms": "2000"},
    "POST team_video_merge": lambda world: {"person": [str(p.pk) for p in world.more["video_people"]]},
}
