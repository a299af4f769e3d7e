"""Detection while a client waits, the worker's side: take the picture, look at it, say what is there."""

import base64
import io
import struct
import time
from collections.abc import Collection, Sequence
from typing import Any

import structlog
from PIL import Image

from analysis.attributes import attributes_as_json
from analysis.face_json import box_as_json, landmarks_as_json, point_as_json
from ml_models import EMOTIONS

from .crops import Box, face_cut, overlap
from .detect import answer_give, picture_take
from .engine import Engine, PictureError
from .intake import decode_original
from .refusals import Refusal

logger = structlog.get_logger(__name__)

DIGITS = 4
#: Faces of one picture, the largest first, of which an answer holds small pictures: about 1 MB of them.
MOST_CROPS = 64


def detection_answer(
    *,
    ticket: str,
    asked: Sequence[str],
    max_faces: int | None,
    engine: Engine,
    crops: bool = False,
    near: Box | None = None,
    least_side: float | None = None,
) -> None:
    """Look at the picture behind a ticket and give the answer; does nothing when nobody waits any more.

    asked: names of `media_jobs.detect.ALL_PARTS` that the answer holds; what the engine was not asked is
    None. crops, near, least_side: as `media_jobs.detect.Question` has them.
    """
    taken = picture_take(ticket)
    if taken is None:
        logger.info("detection_dropped", when="before it was taken")
        return
    content, end = taken
    try:
        image = decode_original(io.BytesIO(content))
    except Refusal as refusal:
        words = {"code": refusal.code, "message": refusal.message, "status": refusal.status}
        answer_give(ticket, {"refusal": words})
        return
    if time.monotonic() > end:
        logger.info("detection_dropped", when="after it was decoded")
        return
    [found] = engine.analyze([engine.as_array(image)])
    if isinstance(found, PictureError):
        answer_give(ticket, {"failed": found.reason})
        return
    if least_side is not None:
        found = [face for face in found if large_enough(face.box, image.size, least_side)]
    answer_give(
        ticket,
        picture_as_json(
            image, found[:max_faces], asked=asked, versions=engine.model_versions, crops=crops, near=near
        ),
    )


def large_enough(box: Box, size: tuple[int, int], least_side: float) -> bool:
    """Whether a face covers as much as a square of `least_side` pixels does in a picture of 1920x1080.

    Upright pictures are measured as lying ones are. In a larger picture the square grows with it, in a
    smaller one it does not shrink.
    """
    _, _, width, height = box
    scale = max(1.0, max(size) / 1920, min(size) / 1080)
    return bool(width * height >= (least_side * scale) ** 2)


def picture_as_json(
    image: Image.Image,
    faces: Sequence[Any],
    *,
    asked: Collection[str],
    versions: dict[str, str],
    crops: bool = False,
    near: Box | None = None,
) -> dict[str, Any]:
    """What the engine found in a picture: the parts asked for, and of faces near a box vector and crop.

    `embedding` of a face is base64 of little-endian float32, there where the engine made one; `crop` is
    base64 of a JPEG, of the `MOST_CROPS` largest faces, and `crop_box` the face's box in it.
    """
    answers = []
    cut = 0
    for number, face in enumerate(faces, start=1):
        answer = face_as_json(number, face, asked)
        if near is None or overlap(face.box, near) > 0:
            if face.embedding is not None:
                answer["embedding"] = vector_as_text(face.embedding)
            if crops and cut < MOST_CROPS:
                answer |= _crop(image, face)
                cut += 1
        answers.append(answer)
    return {"width": image.width, "height": image.height, "models": versions, "faces": answers}


def vector_as_text(vector: Sequence[float]) -> str:
    """Base64 of the numbers as little-endian float32."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *(float(value) for value in vector))).decode()


def vector_of_text(text: str) -> list[float]:
    """The numbers of `vector_as_text`."""
    content = base64.b64decode(text)
    return list(struct.unpack(f"<{len(content) // 4}f", content))


def _crop(image: Image.Image, face: Any) -> dict[str, Any]:
    made = face_cut(image, face.box)
    if made is None:
        return {}
    content, box = made
    return {"crop": base64.b64encode(content).decode(), "crop_box": [round(value, 2) for value in box]}


def face_as_json(number: int, face: Any, asked: Collection[str]) -> dict[str, Any]:
    """One face with the parts asked for, in the words in which stored faces are answered too."""
    answer: dict[str, Any] = {
        "number": number,
        "box": box_as_json(*face.box),
        "confidence": _rounded(min(1.0, face.confidence)),
        "landmarks": landmarks_as_json(face.landmarks5),
    }
    for part, describe in _DESCRIPTIONS.items():
        if part in asked:
            answer |= describe(face)
    return answer


def _emotions(face: Any) -> dict[str, Any]:
    if face.emotions is None:
        return {"strongest": None, "emotions": None}
    scores = {name: _rounded(value) for name, value in zip(EMOTIONS, face.emotions, strict=True)}
    return {"strongest": max(zip(face.emotions, EMOTIONS, strict=True))[1], "emotions": scores}


def _gender(face: Any) -> dict[str, Any]:
    sure = face.gender_confidence
    return {"gender": face.gender, "gender_confidence": None if sure is None else _rounded(sure)}


def _landmarks27(face: Any) -> dict[str, Any]:
    return {"landmarks27": {name: point_as_json(*point) for name, point in face.landmarks.named.items()}}


def _landmarks(face: Any) -> dict[str, Any]:
    return {
        **_landmarks27(face),
        "landmarks68": [point_as_json(*point) for point in face.landmarks.points68],
    }


def _head_pose(face: Any) -> dict[str, Any]:
    pose = face.head_pose
    return {"head_pose": {name: round(float(getattr(pose, name)), 2) for name in ("yaw", "pitch", "roll")}}


def _eyes(face: Any) -> dict[str, Any]:
    names = ("left_open", "right_open", "gaze_yaw", "gaze_pitch")
    return {"eyes": {name: _rounded(getattr(face.eyes, name)) for name in names}}


def _quality(face: Any) -> dict[str, Any]:
    quality = face.quality
    measured = {
        name: {"value": _rounded(getattr(quality, name)), "level": getattr(quality, f"{name}_level")}
        for name in ("blur", "exposure", "noise")
    }
    return {"quality": {**measured, "for_recognition": quality.for_recognition}}


_DESCRIPTIONS = {
    "emotions": _emotions,
    "age": lambda face: {"age": None if face.age is None else round(float(face.age), 1)},
    "gender": _gender,
    "attributes": lambda face: {"attributes": attributes_as_json(face.attributes)},
    "landmarks": _landmarks,
    "landmarks27": _landmarks27,
    "head_pose": _head_pose,
    "eyes": _eyes,
    "quality": _quality,
}


def _rounded(value: float) -> float:
    return round(float(value), DIGITS)
