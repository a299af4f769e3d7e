"""What the world of the tenant tests is: two teams, and the first one's things by name."""

from dataclasses import dataclass, field
from typing import Any

from conftest import People
from media_jobs.models import Job, Media

#: A word in the names of the first team's things; nobody else may ever read it.
SECRET = "only-ours"


@dataclass
class World:
    """The first team with an analysed photo and a queued one, and the second team with a photo of its own."""

    people: People
    others: People
    photo: Media
    job: Job
    waiting: Job
    #: Anything else that addresses need, by name.
    more: dict[str, Any] = field(default_factory=dict)
