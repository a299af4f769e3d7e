"""Stored videos and what their pages say."""

import json
import re
from typing import Any

from django.urls import reverse

from accounts.access import team_scope
from analysis.models import VideoPerson
from analysis.video.people import people_summarise
from analysis.video.tests.helpers import Somebody, stored_video
from conftest import People
from media_jobs.models import Video


def made(people: People, *some: Somebody, seconds: float = 12, **more: Any) -> Video:
    """A stored video of the team, summarised where it is ready."""
    with team_scope(people.team):
        video = stored_video(people.team, list(some) or 2, seconds, **more)
        if video.status == Video.Status.READY:
            people_summarise(video=video)
    return video


def changed(video: Video, **fields: Any) -> Video:
    with team_scope(video.team):
        Video.objects.filter(pk=video.pk).update(**fields)
    return video


def cast_of(video: Video) -> list[VideoPerson]:
    with team_scope(video.team):
        return list(VideoPerson.objects.filter(video=video).order_by("number"))


def page_of(people: People, video: Video, role: str = "viewer") -> str:
    answer = people.client(role).get(reverse("team_video", args=[video.pk]))
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def list_of(people: People, role: str = "viewer") -> str:
    return re.sub(r"\s+", " ", people.client(role).get(reverse("team_videos")).content.decode())


def data_in(page: str, name: str) -> Any:
    (found,) = re.findall(rf'<script id="{name}" type="application/json">(.*?)</script>', page, re.S)
    return json.loads(found)


def post(
    people: People,
    route: str,
    video: Video,
    whom: VideoPerson | None = None,
    /,
    *,
    htmx: bool = False,
    **data: Any,
) -> Any:
    arguments = [video.pk] if whom is None else [video.pk, whom.pk]
    headers = {"HX-Request": "true"} if htmx else {}
    return people.client("analyst").post(reverse(route, args=arguments), data, headers=headers)
