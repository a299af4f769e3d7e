"""Where apps above are told of what happens to photos, and offer what this app cannot do itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from accounts.models import Team
from ml_models.recognition import RecognitionModel

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


#: The first one counts.
FACE_KEEPERS: list[FaceKeeper] = []
