"""Two teams with things of their own."""

from collections.abc import Callable
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.access import team_scope
from accounts.models import Team
from conftest import People
from media_jobs.services import photo_upload
from media_jobs.tests.pictures import encoded, noise
from media_jobs.work import chunk_analyze
from tests.fakes import EngineWithoutNets

from . import face_things, things, video_result_things, video_things
from .arguments import ARGUMENTS, QUERIES
from .bodies import BODIES, FORMS
from .scene import SECRET, World

__all__ = ["ARGUMENTS", "BODIES", "FORMS", "QUERIES", "SECRET", "World", "make_world"]

#: Each adds things of the first team to `world.more`.
MORE: list[Callable[[World], None]] = [
    *things.MORE,
    *face_things.MORE,
    *video_things.MORE,
    *video_result_things.MORE,
]


def photo_of(team: Team, seed: int, name: str) -> Any:
    content = encoded(noise(40, 40, seed), "PNG")
    with team_scope(team):
        return photo_upload(
            team=team, file=SimpleUploadedFile(name, content), size=len(content), filename=name, user=None
        )


def make_world(people: People, others: People) -> World:
    mine = photo_of(people.team, 1, f"{SECRET}.png")
    waiting = photo_of(people.team, 3, f"{SECRET}-waiting.png")
    photo_of(others.team, 2, "theirs.png")
    with team_scope(people.team):
        chunk_analyze(team=people.team, job_id=mine.job.pk, chunk=0, engine=EngineWithoutNets())
    world = World(people, others, mine.media, mine.job, waiting.job)
    for make in MORE:
        make(world)
    return world
