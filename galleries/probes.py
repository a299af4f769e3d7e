"""Faces of a picture that is looked at for recognition: found by a worker, stored nowhere.

Whoever waits for the answer of a request calls `picture_probe`; a worker that has the engine itself calls
`probe_of_engine`. Both end in the same `Probe`.
"""

import base64
import hashlib
import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from accounts.limits import pictures_give_back, usage_add
from accounts.models import Team
from media_jobs.crops import Box, overlap
from media_jobs.detect import PARTS, Question, picture_detect
from media_jobs.detect_work import picture_as_json, vector_of_text
from media_jobs.engine import BoxEngine, Engine, PictureError
from media_jobs.intake import decode_original
from media_jobs.refusals import refuse as refuse_picture
from ml_models.recognition import RecognitionModel

from .quality import reasons_of, too_small
from .refusals import refuse

#: What is asked about a face so that its quality can be explained.
ASKED = ("attributes", "head_pose", "quality")
#: The same, and its vector, as an engine is asked for it (`media_jobs.engine.worker_engine`).
ENGINE_PARTS = frozenset({*(PARTS[name] for name in ASKED), "embedding"})
#: A box means a face when they share this much (intersection over union): people draw boxes with hair and
#: chin.
MEANT = 0.15


@dataclass(frozen=True)
class ProbeFace:
    """A face of a picture. box: left, top, width, height in its pixels; confidence: that it is a face, 0 to
    1.

    `embedding` is of length 1. `quality` is low, medium or high, '' when unknown; `reasons` are codes of
    `galleries.quality.REASONS` for what keeps it from being high; `small` says whether it is too small for
    anything better than low. `crop` is a JPEG cut around it, b'' where none was made, with the face at
    `crop_box` in it.
    """

    box: Box
    confidence: float
    embedding: list[float]
    quality: str = ""
    reasons: tuple[str, ...] = ()
    crop: bytes = b""
    crop_box: Box | None = None
    small: bool = False


@dataclass(frozen=True)
class Probe:
    """The faces of a picture, largest first, by one recognition model; faces far from the box that was asked
    about are left out, and `found` counts all. `taken_at` is when it was counted as an analysed picture.
    """

    width: int
    height: int
    faces: list[ProbeFace]
    found: int
    model: RecognitionModel
    picture_sha256: str
    taken_at: datetime = field(default_factory=timezone.now)


def picture_probe(
    *,
    team: Team,
    content: bytes,
    model: RecognitionModel,
    box: Box | None = None,
    crops: bool = True,
    detection: str | None = None,
    max_faces: int | None = None,
    least_side: float | None = None,
    seconds: float | None = None,
    begun: float | None = None,
) -> Probe:
    """Let a worker find and describe the faces of a picture while a client waits. Nothing is stored.

    box: the face that is meant (left, top, width, height in pixels of the upright picture): faces that do not
    touch it are left out. crops: whether small pictures of the faces are wanted. detection, max_faces,
    least_side, seconds, begun: as `media_jobs.detect` has them. Counts as one picture of the team's month,
    and does not when there is no answer. Raises Refusal of `media_jobs.refusals`; `model_of_worker_differs`.
    The caller is inside the team's scope and in no transaction.
    """
    taken_at = timezone.now()
    question = Question(
        parts=ASKED,
        detection=detection,
        max_faces=max_faces,
        seconds=seconds or settings.DETECT_DEADLINE_SECONDS,
        recognition=model.name,
        crops=crops,
        near=box,
        least_side=least_side,
    )
    begun = time.monotonic() if begun is None else begun
    answer = picture_detect(team=team, content=content, question=question, begun=begun)
    probe = _probe(answer, model, content, taken_at)
    worker_check(team=team, answer=answer, model=model, taken_at=taken_at, faces=len(answer["faces"]))
    return probe


def worker_check(
    *, team: Team, answer: Mapping[str, Any], model: RecognitionModel, taken_at: datetime, faces: int
) -> None:
    """Raises Refusal `model_of_worker_differs` when other weights than this server's made the vectors.

    The picture, counted at `taken_at` with so many faces, then does not count.
    """
    if answer["models"].get("recognition") != model.version:
        picture_give_back(team=team, faces=faces, taken_at=taken_at)
        raise refuse("model_of_worker_differs", model=model.name)


def probe_give_back(*, team: Team, probe: Probe) -> None:
    """Count a picture as not analysed after all, because nothing came of it."""
    picture_give_back(team=team, faces=probe.found, taken_at=probe.taken_at)


def picture_give_back(*, team: Team, faces: int, taken_at: datetime) -> None:
    """The same for a picture with so many faces."""
    pictures_give_back(team=team, count=1, taken_at=taken_at)
    if faces:
        usage_add(team=team, day=taken_at.date(), faces=-faces)


def probe_of_engine(
    *, content: bytes, model: RecognitionModel, engine: Engine | BoxEngine, box: Box | None = None
) -> Probe:
    """The same in a worker, by an engine that was asked for `ENGINE_PARTS` and this model; counts nothing.

    Raises Refusal for a picture that cannot be decoded or that the engine fails on.
    """
    image = decode_original(io.BytesIO(content))
    [found] = engine.analyze([engine.as_array(image)])
    if isinstance(found, PictureError):
        raise refuse_picture("detection_failed")
    answer = picture_as_json(image, found, asked=ASKED, versions=engine.model_versions, crops=True, near=box)
    return _probe(answer, model, content, timezone.now())


def _probe(answer: Mapping[str, Any], model: RecognitionModel, content: bytes, taken_at: datetime) -> Probe:
    return Probe(
        width=answer["width"],
        height=answer["height"],
        faces=[_face(face) for face in answer["faces"] if "embedding" in face],
        found=len(answer["faces"]),
        model=model,
        picture_sha256=hashlib.sha256(content).hexdigest(),
        taken_at=taken_at,
    )


def _face(face: Mapping[str, Any]) -> ProbeFace:
    return ProbeFace(
        box=box_of(face["box"]),
        confidence=face["confidence"],
        embedding=vector_of_text(face["embedding"]),
        quality=face["quality"]["for_recognition"],
        reasons=tuple(reasons_of(face)),
        crop=base64.b64decode(face.get("crop", "")),
        crop_box=_four(face["crop_box"]) if "crop_box" in face else None,
        small=too_small(face),
    )


def box_of(box: Mapping[str, float]) -> Box:
    """A box as the API has it, as (left, top, width, height)."""
    return box["left"], box["top"], box["width"], box["height"]


def _four(values: Sequence[float]) -> Box:
    left, top, width, height = values
    return left, top, width, height


def face_chosen(*, probe: Probe, box: Box | None = None) -> ProbeFace:
    """The face that is meant: the one the box overlaps best, and without a box the only one.

    Raises Refusal `face_not_found`, `several_faces`, `box_without_face`.
    """
    if not probe.found:
        raise refuse("face_not_found")
    if box is None:
        if probe.found > 1:
            raise refuse("several_faces", count=probe.found)
        return probe.faces[0]
    best = max(probe.faces, key=lambda face: overlap(face.box, box), default=None)
    if best is None or overlap(best.box, box) < MEANT:
        raise refuse("box_without_face", count=probe.found)
    return best
