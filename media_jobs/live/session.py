"""One live session: the consent that begins it, and its frames, one after the other.

All of it blocks (database, broker), so the consumer runs it in threads; no two frames of a session at once.
"""

import io
import math
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from django.db import transaction
from PIL import Image, UnidentifiedImageError

from accounts.access import team_scope
from accounts.audit import acting_as, record
from accounts.models import Team
from analysis import metrics
from media_jobs.detect import Question, picture_detect
from media_jobs.intake import DECODER_FAULTS
from ml_models import EMOTIONS

from .entrance import Entrance
from .refusals import refuse
from .tracking import Tracks

#: The text on the page that a visitor agrees to; whoever changes its meaning counts on.
CONSENT = 1
#: Most bytes of a frame, and pixels of its longer side.
MOST_BYTES = 256 * 1024
MOST_PIXELS = 1280
JPEG_BEGINS = b"\xff\xd8\xff"
#: What is asked of each face. The team's switches take emotions, age and gender out.
PARTS = ("emotions", "age", "gender", "head_pose", "eyes")
#: Seconds that a frame is waited for: later than that, it is no longer live.
DEADLINE = 3.0
#: Faces of a frame, the largest first.
MOST_FACES = 10


def check_frame(content: bytes) -> None:
    """Raises Refusal for what is no JPEG of the size that a page sends; no pixel is decoded."""
    if len(content) > MOST_BYTES:
        raise refuse("live_frame_too_large", limit=MOST_BYTES // 1024)
    if not content.startswith(JPEG_BEGINS):
        raise refuse("live_not_jpeg")
    try:
        width, height = Image.open(io.BytesIO(content), formats=["JPEG"]).size
    except (UnidentifiedImageError, *DECODER_FAULTS) as error:
        raise refuse("live_not_jpeg") from error
    if max(width, height) > MOST_PIXELS:
        raise refuse("live_frame_too_wide", width=width, height=height, limit=MOST_PIXELS)


def consent_record(*, entrance: Entrance, recording: bool) -> None:
    """Note in the team's record that the member agreed; `recording`: that the browser records beside it."""
    team = entrance.access.team
    with acting_as(entrance.actor), team_scope(team), transaction.atomic():
        record(
            "live.started", team=team, name="live camera", text_version=CONSENT, recorded_in_browser=recording
        )


def shown_parts(team: Team) -> dict[str, bool]:
    """Which parts the team's switches leave: `emotion`, `age`, `gender`."""
    return {"emotion": team.analyze_emotion, "age": team.analyze_age, "gender": team.analyze_gender}


class LiveSession:
    """The frames of one session, with the faces that are followed through them."""

    def __init__(self) -> None:
        self._tracks = Tracks()

    def frame(self, *, team: Team, content: bytes) -> dict[str, Any]:
        """The faces of a frame, each with the number by which it is followed.

        Counts as one picture of the team's month, as each detection does. Raises Refusal.
        """
        begun = time.monotonic()
        question = Question(parts=PARTS, max_faces=MOST_FACES, seconds=DEADLINE)
        with team_scope(team):
            found = picture_detect(team=team, content=content, question=question, begun=begun)
        boxes = [_box_of(face) for face in found["faces"]]
        numbers = self._tracks.follow(boxes, begun)
        return {
            "width": found["width"],
            "height": found["height"],
            "ms": round(1000 * (time.monotonic() - begun)),
            "faces": [_face(number, face) for number, face in zip(numbers, found["faces"], strict=True)],
        }


def _box_of(face: Mapping[str, Any]) -> tuple[float, float, float, float]:
    box = face["box"]
    return box["left"], box["top"], box["width"], box["height"]


def _face(number: int, face: Mapping[str, Any]) -> dict[str, Any]:
    """What the page is told of a face; what the team has switched off is None."""
    kept = ("box", "confidence", "strongest", "emotions", "age", "gender", "gender_confidence", "head_pose")
    return {"track": number, **{name: face.get(name) for name in kept}, "metrics": measures(face)}


def measures(face: Mapping[str, Any]) -> dict[str, float | None]:
    """Valence (-1 to 1), activation and attention (0 to 1) of a face, as `analysis.metrics` defines them.

    None is unknown: without emotions there are no valence and activation.
    """
    emotions, pose, eyes = face.get("emotions"), face["head_pose"], face["eyes"]
    found: dict[str, Any] = {"valence": None, "activation": None}
    if emotions is not None:
        shares = np.array([[emotions[name] for name in EMOTIONS]], dtype=np.float32)
        found = {"valence": metrics.valence(shares), "activation": metrics.activation(shares)}
    angles = (pose["yaw"], pose["pitch"], eyes["gaze_yaw"], eyes["gaze_pitch"], pose["roll"])
    found["attention"] = metrics.attention(*(np.array([angle], dtype=np.float32) for angle in angles))
    return {name: _number(value) for name, value in found.items()}


def _number(values: Any) -> float | None:
    if values is None:
        return None
    value = float(values[0])
    return None if math.isnan(value) else round(value, 4)
