"""faceAttributes: what the engine says of a face, in the words, types and ranges of Face API.

What was not computed is absent: age, gender and emotion where the team has switched them off. Yes and no are
the likelier of both.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ml_models import EMOTIONS

#: Values have so many places, as far as the engine's are worth anything.
DIGITS = 3
Described = Mapping[str, Any]


@dataclass(frozen=True)
class Attribute:
    """An attribute: how it is said, and the part of the engine's answer it is in.

    Parts are those of `media_jobs.detect.ALL_PARTS`. `say` returns None for what was not computed.
    """

    part: str
    say: Callable[[Described], Any]


def attributes_of(face: Described, names: Iterable[str]) -> dict[str, Any]:
    """The attributes of one face. face: as `media_jobs.detect_work.face_as_json` describes it."""
    said = {name: ATTRIBUTES[name].say(face) for name in names}
    return {name: value for name, value in said.items() if value is not None}


def _likely(probability: float) -> bool:
    return probability >= 0.5


def _rounded(value: float) -> float:
    return round(value, DIGITS)


def _head_pose(face: Described) -> dict[str, float]:
    pose = face["head_pose"]
    return {name: round(pose[name], 1) for name in ("pitch", "roll", "yaw")}


def _emotion(face: Described) -> dict[str, float] | None:
    scores = face["emotions"]
    return None if scores is None else {name: _rounded(scores[name]) for name in sorted(EMOTIONS)}


def _facial_hair(face: Described) -> dict[str, float]:
    hair = face["attributes"]["facial_hair"]
    return {name: _rounded(hair[name]) for name in ("moustache", "beard", "sideburns")}


def _hair(face: Described) -> dict[str, Any]:
    hair = face["attributes"]["hair"]
    invisible = _likely(hair["invisible"])
    colours = sorted(
        ((hair[name], name) for name in ("brown", "blond", "black", "gray", "other")), reverse=True
    )
    return {
        "bald": _rounded(hair["bald"]),
        "invisible": invisible,
        # Where no hair is seen there is no colour to name.
        "hairColor": []
        if invisible
        else [{"color": name, "confidence": _rounded(sure)} for sure, name in colours],
    }


def _makeup(face: Described) -> dict[str, bool]:
    makeup = face["attributes"]["makeup"]
    return {"eyeMakeup": _likely(makeup["eyes"]), "lipMakeup": _likely(makeup["lips"])}


def _occlusion(face: Described) -> dict[str, bool]:
    hidden = face["attributes"]["occlusion"]
    return {
        "foreheadOccluded": _likely(hidden["forehead"]),
        "eyeOccluded": _likely(hidden["eyes"]),
        "mouthOccluded": _likely(hidden["mouth"]),
    }


def _accessories(face: Described) -> list[dict[str, Any]]:
    attributes = face["attributes"]
    worn = (
        ("headwear", attributes["headwear"]),
        ("glasses", 1 - attributes["glasses"]["none"]),
        ("mask", attributes["mask"]["worn"]),
    )
    return [{"type": name, "confidence": _rounded(sure)} for name, sure in worn if _likely(sure)]


def _measured(name: str, level: str) -> Callable[[Described], dict[str, Any]]:
    """blur, exposure and noise: a level in a word and a value."""

    def say(face: Described) -> dict[str, Any]:
        measured = face["quality"][name]
        return {level: measured["level"], "value": _rounded(measured["value"])}

    return say


def _mask(face: Described) -> dict[str, Any]:
    mask = face["attributes"]["mask"]
    return {"type": mask["kind"], "noseAndMouthCovered": _likely(mask["nose_and_mouth_covered"])}


ATTRIBUTES: Mapping[str, Attribute] = {
    "age": Attribute("age", lambda face: face["age"]),
    "gender": Attribute("gender", lambda face: face["gender"]),
    "headPose": Attribute("head_pose", _head_pose),
    "smile": Attribute("attributes", lambda face: _rounded(face["attributes"]["smile"])),
    "facialHair": Attribute("attributes", _facial_hair),
    "glasses": Attribute("attributes", lambda face: face["attributes"]["glasses"]["kind"]),
    "emotion": Attribute("emotions", _emotion),
    "hair": Attribute("attributes", _hair),
    "makeup": Attribute("attributes", _makeup),
    "occlusion": Attribute("attributes", _occlusion),
    "accessories": Attribute("attributes", _accessories),
    "blur": Attribute("quality", _measured("blur", "blurLevel")),
    "exposure": Attribute("quality", _measured("exposure", "exposureLevel")),
    "noise": Attribute("quality", _measured("noise", "noiseLevel")),
    "mask": Attribute("attributes", _mask),
    "qualityForRecognition": Attribute(
        "quality", lambda face: face["quality"]["for_recognition"].capitalize()
    ),
}
