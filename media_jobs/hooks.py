"""Where apps above are told of photos and videos, and offer what this app cannot do itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from accounts.models import Team
from ml_models.recognition import RecognitionModel

from .models import Video

#: Called with the photos that were analysed anew, in the transaction that stores their faces.
AFTER_ANALYSIS: list[Callable[[Team, Sequence[UUID]], None]] = []
#: Called in the scope of the demo team once its sample photos are analysed, at its first start.
DEMO: list[Callable[[Team], None]] = []


def photos_analyzed(*, team: Team, media_ids: Sequence[UUID]) -> None:
    """Tell everybody who asked to be told."""
    if media_ids:
        for told in AFTER_ANALYSIS:
            told(team, media_ids)


@dataclass(frozen=True)
class FaceKeeper:
    """Who keeps faces of a detection for a while, where the client asks for it; an app above is one.

    `asked` are the parts (`media_jobs.detect.PARTS`) it needs of every face. `model` gives the recognition
    model of a name ('': the usual one) or raises Refusal. `check` gets the team, a worker's answer
    (`media_jobs.detect_work.picture_as_json`), the model and when the picture was counted, and raises Refusal
    for an answer whose faces cannot be kept. `keep` gets the team, the answer, the model and the name by
    which it was asked for, the SHA-256 of the picture and how many seconds; it returns the id of each face
    and when they are forgotten, and asks the database for nothing (`emotionsite.database.together`).
    """

    asked: tuple[str, ...]
    model: Callable[[str], RecognitionModel]
    check: Callable[[Team, Mapping[str, Any], RecognitionModel, datetime], None]
    keep: Callable[[Team, Mapping[str, Any], RecognitionModel, str, str, int], tuple[list[UUID], datetime]]


#: Called with a video whose tracks have just become people, in the transaction that ends its analysis.
VIDEO_LINKED: list[Callable[[Team, Video], None]] = []
#: Finds a gallery of the team by its id or key, or raises Refusal. The first one counts.
GALLERY_FINDERS: list[Callable[[Team, str], UUID]] = []
#: Id and name of the galleries in which people can be looked up, by name. The first one counts.
GALLERY_CHOICES: list[Callable[[Team], list[tuple[UUID, str]]]] = []


def video_linked(*, team: Team, video: Video) -> None:
    """Tell everybody who asked to be told."""
    for told in VIDEO_LINKED:
        told(team, video)


def gallery_find(*, team: Team, gallery: str) -> UUID:
    """The id of a gallery that is named by its id or key. Raises Refusal `gallery_unknown`."""
    return GALLERY_FINDERS[0](team, gallery)


def gallery_choices(*, team: Team) -> list[tuple[UUID, str]]:
    """Id and name of every gallery in which people can be looked up, by name."""
    return GALLERY_CHOICES[0](team)


#: The first one counts.
FACE_KEEPERS: list[FaceKeeper] = []
