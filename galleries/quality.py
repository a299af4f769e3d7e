"""Why the picture of a face is good or poor for recognising somebody, in codes and in sentences."""

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.face_json import LANDMARK_NAMES
from analysis.models import Face, FaceEmbedding
from ml_models.quality_limits import COVERED, RECOGNITION, eye_distance

#: Code -> what is wrong and what to do about it. The codes are stored with enrolled faces.
REASONS: dict[str, str] = {
    "small": "The face is small. Send a picture in which the eyes are at least 30 pixels apart.",
    "blurred": "The face is blurred. Send a sharper picture.",
    "dark": "The face is too dark. Light it from the front.",
    "bright": "The face is too bright. Avoid flash and sunlight on it.",
    "noisy": "The picture is noisy. Take it in more light.",
    "turned": "The head is turned away. Let the person look into the camera.",
    "covered": "Eyes or mouth are covered. Take off sunglasses, mask and hands.",
    "unclear": "The analysis of the photo found the face not sharp, bright or frontal enough. Send a clearer "
    "picture.",
}


def reasons_of(face: Mapping[str, Any]) -> list[str]:
    """What keeps a face from being of high quality, of `REASONS` in their order; empty for one that is.

    face: as `media_jobs.detect_work.face_as_json` has it, with attributes, head_pose and quality. The limits
    are those by which the engine judges (`ml_models.quality_limits`).
    """
    high = RECOGNITION["high"]
    quality, pose = face["quality"], face["head_pose"]
    occlusion = (face.get("attributes") or {}).get("occlusion") or {"eyes": 0.0, "mouth": 0.0}
    checks = {
        "small": _eyes_of(face) < high.eye_distance,
        "blurred": quality["blur"]["value"] > high.blur,
        "dark": quality["exposure"]["level"] == "UnderExposure",
        "bright": quality["exposure"]["level"] == "OverExposure",
        "noisy": quality["noise"]["value"] > high.noise,
        "turned": abs(pose["yaw"]) > high.yaw or abs(pose["pitch"]) > high.pitch,
        "covered": max(occlusion["eyes"], occlusion["mouth"]) >= COVERED,
    }
    return [code for code, found in checks.items() if found]


def too_small(face: Mapping[str, Any]) -> bool:
    """Whether a face is so small that nothing else about it can make up for it."""
    return _eyes_of(face) < RECOGNITION["medium"].eye_distance


def _eyes_of(face: Mapping[str, Any]) -> float:
    """Pixels between the eyes."""
    points = [face["landmarks"][name] for name in LANDMARK_NAMES]
    return eye_distance([(point["x"], point["y"]) for point in points])


def reasons_of_photo_face(face: Face, vector: FaceEmbedding) -> list[str]:
    """The same for a stored face of a photo, of which less is known: `unclear` where nothing else explains
    it."""
    if vector.quality not in {"low", "medium"}:
        return []
    points = list(zip(face.landmarks[::2], face.landmarks[1::2], strict=True))
    occlusion = (face.attributes or {}).get("occlusion") or {"eyes": 0.0, "mouth": 0.0}
    checks = {
        "small": eye_distance(points) < RECOGNITION["high"].eye_distance,
        "covered": max(occlusion["eyes"], occlusion["mouth"]) >= COVERED,
    }
    return [code for code, found in checks.items() if found] or ["unclear"]


def sentences_of(reasons: Sequence[str]) -> list[dict[str, str]]:
    """The reasons as the API answers them: a code for programs and a sentence for people."""
    return [{"code": code, "message": REASONS[code]} for code in reasons]
