"""Why a face is good or poor: each reason has its limit and its sentence."""

from typing import Any

import pytest

from accounts.models import Team
from analysis.models import Face, FaceEmbedding
from galleries.models import EnrolledFace
from galleries.quality import REASONS, reasons_of, reasons_of_photo_face, sentences_of, too_small

GOOD: dict[str, Any] = {
    "landmarks": {
        "left_eye": {"x": 30, "y": 30},
        "right_eye": {"x": 70, "y": 30},
        "nose": {"x": 50, "y": 52},
        "mouth_left": {"x": 33.5, "y": 72},
        "mouth_right": {"x": 66.5, "y": 72},
    },
    "quality": {
        "blur": {"value": 0.1, "level": "Low"},
        "exposure": {"value": 0.5, "level": "GoodExposure"},
        "noise": {"value": 0.1, "level": "Low"},
        "for_recognition": "high",
    },
    "head_pose": {"yaw": 5.0, "pitch": -5.0, "roll": 80.0},
    "attributes": {"occlusion": {"forehead": 0.9, "eyes": 0.1, "mouth": 0.1}},
}


def shrunk(scale: float) -> dict[str, dict[str, float]]:
    points: dict[str, dict[str, float]] = GOOD["landmarks"]
    return {name: {"x": point["x"] * scale, "y": point["y"] * scale} for name, point in points.items()}


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({}, []),
        ({"landmarks": shrunk(0.76)}, []),
        ({"landmarks": shrunk(0.74)}, ["small"]),
        ({"quality": {"blur": {"value": 0.41, "level": "Medium"}}}, ["blurred"]),
        ({"quality": {"exposure": {"value": 0.2, "level": "UnderExposure"}}}, ["dark"]),
        ({"quality": {"exposure": {"value": 0.8, "level": "OverExposure"}}}, ["bright"]),
        ({"quality": {"noise": {"value": 0.46, "level": "Medium"}}}, ["noisy"]),
        ({"head_pose": {"yaw": -26.0}}, ["turned"]),
        ({"head_pose": {"pitch": 26.0}}, ["turned"]),
        ({"attributes": {"occlusion": {"forehead": 0.0, "eyes": 0.5, "mouth": 0.0}}}, ["covered"]),
        ({"attributes": {"occlusion": {"forehead": 0.0, "eyes": 0.0, "mouth": 0.7}}}, ["covered"]),
        ({"attributes": None}, []),
    ],
)
def test_each_reason_has_its_limit(changes: dict[str, Any], reasons: list[str]) -> None:
    face = {
        name: {**part, **changes[name]} if isinstance(changes.get(name), dict) else changes.get(name, part)
        for name, part in GOOD.items()
    }
    assert reasons_of(face) == reasons


def test_all_that_is_wrong_is_said_at_once_in_one_order() -> None:
    face = {**GOOD, "landmarks": shrunk(0.3), "head_pose": {"yaw": 50.0, "pitch": 0.0}}
    assert reasons_of(face) == ["small", "turned"]
    assert too_small(face)
    assert not too_small({**GOOD, "landmarks": shrunk(0.5)})


def test_every_reason_is_a_sentence_that_says_what_to_do() -> None:
    assert sentences_of(["dark"]) == [{"code": "dark", "message": REASONS["dark"]}]
    for sentence in REASONS.values():
        assert sentence.endswith(".")
        assert sentence.count(". ") == 1
    longest = EnrolledFace._meta.get_field("quality_reasons").base_field.max_length
    assert longest is not None
    assert max(map(len, REASONS)) <= longest


@pytest.mark.parametrize(
    ("quality", "scale", "eyes", "reasons"),
    [
        ("high", 0.1, 0.9, []),
        ("", 0.1, 0.9, []),
        ("medium", 1.0, 0.1, ["unclear"]),
        ("low", 0.5, 0.1, ["small"]),
        ("low", 0.5, 0.8, ["small", "covered"]),
    ],
)
def test_of_a_stored_face_is_said_what_is_known(
    in_team: Team, quality: str, scale: float, eyes: float, reasons: list[str]
) -> None:
    points = [value for point in shrunk(scale).values() for value in (point["x"], point["y"])]
    face = Face(landmarks=points, attributes={"occlusion": {"forehead": 0, "eyes": eyes, "mouth": 0}})
    assert reasons_of_photo_face(face, FaceEmbedding(quality=quality)) == reasons
