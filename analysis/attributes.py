"""Attributes of a face as JSON: what is stored in `Face.attributes` and what the API answers.

Probabilities between 0 and 1, with the keys of `ml_models.attribute_types`; `kind` names the likeliest. Age
and gender are not among them: they have columns of their own and can be switched off.
"""

from typing import Any

from ml_models.attribute_types import FaceAttributes

DIGITS = 4


def attributes_as_json(attributes: FaceAttributes) -> dict[str, Any]:
    """Plain JSON of the attributes of one face."""
    glasses, mask, hair = attributes.glasses, attributes.mask, attributes.hair
    return {
        "smile": _rounded(attributes.smile),
        "glasses": {"kind": glasses.kind, **_fields(glasses, "none", "reading", "sunglasses")},
        "headwear": _rounded(attributes.headwear),
        "mask": {"kind": mask.kind, **_fields(mask, "worn", "nose_and_mouth_covered")},
        "facial_hair": _fields(attributes.facial_hair, "moustache", "beard", "sideburns"),
        "hair": _fields(hair, "bald", "invisible", "brown", "blond", "black", "gray", "other"),
        "makeup": _fields(attributes.makeup, "eyes", "lips"),
        "occlusion": _fields(attributes.occlusion, "forehead", "eyes", "mouth"),
    }


def _fields(part: Any, *names: str) -> dict[str, float]:
    return {name: _rounded(getattr(part, name)) for name in names}


def _rounded(value: float) -> float:
    return round(float(value), DIGITS)
