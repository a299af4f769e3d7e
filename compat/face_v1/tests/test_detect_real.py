"""Face - Detect with the real engine and the two people of the sample photos."""

import io
from typing import Any

import pytest
from PIL import Image
from pytest_django import Settings

from compat.face_v1.attributes import ATTRIBUTES
from conftest import People

from .detect_helpers import as_file, kept_faces, use_real_worker
from .helpers import Program

ALL = ",".join(ATTRIBUTES)
NAMES = [
    *(
        "pupilLeft",
        "pupilRight",
        "noseTip",
        "mouthLeft",
        "mouthRight",
        "eyebrowLeftOuter",
        "eyebrowLeftInner",
    ),
    *(
        "eyeLeftOuter",
        "eyeLeftTop",
        "eyeLeftBottom",
        "eyeLeftInner",
        "eyebrowRightInner",
        "eyebrowRightOuter",
    ),
    *("eyeRightInner", "eyeRightTop", "eyeRightBottom", "eyeRightOuter", "noseRootLeft", "noseRootRight"),
    *("noseLeftAlarTop", "noseRightAlarTop", "noseLeftAlarOutTip", "noseRightAlarOutTip", "upperLipTop"),
    *("upperLipBottom", "underLipTop", "underLipBottom"),
]
#: Points from the picture's left to its right, and from its top to its bottom.
FROM_LEFT = [
    "eyebrowLeftOuter eyebrowLeftInner eyebrowRightInner eyebrowRightOuter",
    "eyeLeftOuter pupilLeft eyeLeftInner noseRootLeft noseRootRight eyeRightInner pupilRight eyeRightOuter",
    "noseLeftAlarOutTip noseLeftAlarTop noseTip noseRightAlarTop noseRightAlarOutTip",
    "mouthLeft upperLipTop mouthRight",
]
FROM_TOP = [
    "eyebrowLeftInner eyeLeftTop eyeLeftBottom noseTip upperLipTop",
    "eyebrowRightInner eyeRightTop eyeRightBottom noseTip upperLipTop",
    "noseRootLeft noseLeftAlarTop noseLeftAlarOutTip upperLipTop upperLipBottom underLipTop underLipBottom",
]


@pytest.fixture(autouse=True)
def _worker(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    # The first picture waits until the engine is loaded.
    settings.DETECT_DEADLINE_SECONDS = 60
    use_real_worker(monkeypatch)


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content)).convert("RGB")


def scaled(content: bytes, scale: float) -> Image.Image:
    image = opened(content)
    return image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)


def faces_of(program: Program, content: bytes, **query: Any) -> Any:
    answer = program.picture("/detect", content, **query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def everything_of(program: Program, content: bytes) -> Any:
    [face] = faces_of(program, content, returnFaceLandmarks="true", returnFaceAttributes=ALL)
    return face


# --- Attributes -----------------------------------------------------------------------------------
def test_a_laughing_astronaut_is_described_by_all_attributes(program: Program, astronaut: bytes) -> None:
    face = everything_of(program, astronaut)
    assert list(face) == ["faceId", "faceRectangle", "faceLandmarks", "faceAttributes"]
    said = face["faceAttributes"]
    assert list(said) == list(ATTRIBUTES)
    assert_within_ranges(said)
    assert 25 <= said["age"] <= 50
    assert said["gender"] == "female"
    assert said["smile"] > 0.9
    assert max(said["emotion"], key=said["emotion"].get) == "happiness"
    assert said["glasses"] == "NoGlasses"
    sure = [one["confidence"] for one in said["hair"]["hairColor"]]
    assert len(sure) == 5
    assert sure == sorted(sure, reverse=True)
    assert said["hair"]["bald"] < 0.2
    assert max(said["facialHair"].values()) < 0.2
    assert said["makeup"]["lipMakeup"] is True
    assert said["occlusion"]["eyeOccluded"] is said["occlusion"]["mouthOccluded"] is False
    assert "glasses" not in {one["type"] for one in said["accessories"]}
    assert said["mask"] == {"type": "noMask", "noseAndMouthCovered": False}
    assert said["blur"]["blurLevel"] == "Low"
    assert said["exposure"]["exposureLevel"] == "GoodExposure"


def test_an_admiral_in_cap_and_glasses_is_described_by_all_attributes(
    program: Program, grace_hopper: bytes
) -> None:
    said = everything_of(program, grace_hopper)["faceAttributes"]
    assert list(said) == list(ATTRIBUTES)
    assert_within_ranges(said)
    assert said["age"] > 50
    assert said["smile"] < 0.5
    assert max(said["emotion"], key=said["emotion"].get) != "happiness"
    assert said["glasses"] == "ReadingGlasses"
    assert {"headwear", "glasses"} <= {one["type"] for one in said["accessories"]}
    assert said["mask"]["type"] == "noMask"
    assert said["exposure"]["exposureLevel"] == "GoodExposure"


def assert_within_ranges(said: Any) -> None:
    """Every number and every word is what the table allows."""
    shares = [
        said["smile"],
        *said["facialHair"].values(),
        *said["emotion"].values(),
        said["hair"]["bald"],
        *(one["confidence"] for one in said["hair"]["hairColor"]),
        *(one["confidence"] for one in said["accessories"]),
        *(said[name]["value"] for name in ("blur", "exposure", "noise")),
    ]
    assert all(0 <= share <= 1 for share in shares)
    assert sum(said["emotion"].values()) == pytest.approx(1, abs=0.01)
    assert 0 < said["age"] <= 100
    assert set(said["headPose"]) == {"pitch", "roll", "yaw"}
    assert all(abs(angle) < 45 for angle in said["headPose"].values())
    assert said["gender"] in {"male", "female"}
    assert said["qualityForRecognition"] in {"Low", "Medium", "High"}
    yes_or_no = [said["hair"]["invisible"], *said["makeup"].values(), *said["occlusion"].values()]
    assert {type(value) for value in yes_or_no} == {bool}


# --- Landmarks ------------------------------------------------------------------------------------
@pytest.mark.parametrize("person", ["astronaut", "grace_hopper"])
def test_the_27_landmarks_lie_on_the_face_in_their_order(
    program: Program, request: pytest.FixtureRequest, person: str
) -> None:
    face = everything_of(program, request.getfixturevalue(person))
    points, box = face["faceLandmarks"], face["faceRectangle"]
    assert sorted(points) == sorted(NAMES)
    margin = 0.1 * box["height"]
    for point in points.values():
        assert set(point) == {"x", "y"}
        assert box["left"] - margin <= point["x"] <= box["left"] + box["width"] + margin
        assert box["top"] - margin <= point["y"] <= box["top"] + box["height"] + margin
    for names, axis in [*((line, "x") for line in FROM_LEFT), *((line, "y") for line in FROM_TOP)]:
        values = [points[name][axis] for name in names.split()]
        assert values == sorted(values), names


def test_a_head_that_leans_clockwise_has_a_positive_roll(program: Program, astronaut: bytes) -> None:
    for degrees in (-20, 20):
        content = as_file(opened(astronaut).rotate(degrees), "PNG")
        face = everything_of(program, content)
        roll, points = face["faceAttributes"]["headPose"]["roll"], face["faceLandmarks"]
        assert 10 < roll * (-1 if degrees > 0 else 1) < 30
        assert (points["pupilRight"]["y"] > points["pupilLeft"]["y"]) == (roll > 0)


# --- Files ----------------------------------------------------------------------------------------
def test_the_same_face_is_found_in_every_format_and_turned_by_exif(
    program: Program, grace_hopper: bytes
) -> None:
    image = opened(grace_hopper)
    exif = Image.Exif()
    exif[0x0112] = 6
    files = {
        "upright": as_file(image, "PNG"),
        # As a camera stores it that was held sideways.
        "turned": as_file(image.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=95, exif=exif),
        "bmp": as_file(image, "BMP"),
        "gif": as_file(image, "GIF", save_all=True, append_images=[Image.new("RGB", image.size)]),
    }
    rectangles = {
        name: faces_of(program, content, returnFaceId="false")[0]["faceRectangle"]
        for name, content in files.items()
    }
    for name, rectangle in rectangles.items():
        for key, value in rectangle.items():
            assert value == pytest.approx(rectangles["upright"][key], abs=8), name


def test_the_largest_face_comes_first(program: Program, astronaut: bytes, grace_hopper: bytes) -> None:
    both = Image.new("RGB", (1200, 620), (128, 128, 128))
    both.paste(opened(astronaut), (0, 0))
    both.paste(opened(grace_hopper), (600, 0))
    faces = faces_of(program, as_file(both, "PNG"), returnFaceAttributes="glasses")
    assert [face["faceAttributes"]["glasses"] for face in faces] == ["ReadingGlasses", "NoGlasses"]
    first, second = (face["faceRectangle"] for face in faces)
    assert first["width"] * first["height"] > second["width"] * second["height"]
    assert first["left"] > 600 > second["left"]


# --- Detection models -----------------------------------------------------------------------------
def test_a_small_face_is_for_the_later_detections(program: Program, grace_hopper: bytes) -> None:
    content = as_file(scaled(grace_hopper, 0.14), "PNG")
    assert faces_of(program, content, detectionModel="detection_01") == []
    for name in ("detection_02", "detection_03"):
        [face] = faces_of(program, content, detectionModel=name)
        assert face["faceRectangle"]["width"] < 36


def test_the_smallest_face_is_larger_in_a_large_picture(program: Program, astronaut: bytes) -> None:
    # The face is about 100 pixels high; on a canvas of four times 1920x1080 it has to be 144.
    canvas = Image.new("RGB", (7680, 4320), (128, 128, 128))
    canvas.paste(opened(astronaut), (100, 100))
    content = as_file(canvas, "JPEG", quality=90)
    assert faces_of(program, content, returnFaceId="false", detectionModel="detection_01") == []
    found = faces_of(program, content, returnFaceId="false", detectionModel="detection_02")
    assert found[0]["faceRectangle"]["left"] == pytest.approx(283, abs=10)


@pytest.mark.parametrize("degrees", [90, 180])
def test_a_face_in_a_picture_that_lies_or_stands_on_its_head_is_for_detection_03(
    program: Program, grace_hopper: bytes, degrees: int
) -> None:
    content = as_file(opened(grace_hopper).rotate(degrees, expand=True), "PNG")
    assert faces_of(program, content, returnFaceId="false", detectionModel="detection_02") == []
    query = {"returnFaceId": "false", "detectionModel": "detection_03", "returnFaceAttributes": "headPose"}
    [face] = faces_of(program, content, **query)
    assert abs(face["faceAttributes"]["headPose"]["roll"]) == pytest.approx(degrees, abs=15)


def test_detection_03_gives_landmarks_and_all_attributes(program: Program, astronaut: bytes) -> None:
    query = {"detectionModel": "detection_03", "returnFaceLandmarks": "true", "returnFaceAttributes": ALL}
    [face] = faces_of(program, astronaut, **query)
    assert list(face["faceAttributes"]) == list(ATTRIBUTES)
    assert len(face["faceLandmarks"]) == 27


# --- What is kept ---------------------------------------------------------------------------------
def test_the_ids_of_the_same_person_belong_to_vectors_close_to_each_other(
    people: People, program: Program, astronaut: bytes, grace_hopper: bytes
) -> None:
    darker = as_file(opened(astronaut).point(lambda value: round(0.85 * value)), "JPEG", quality=80)
    ids = [faces_of(program, content)[0]["faceId"] for content in (astronaut, darker, grace_hopper)]
    vectors = {str(face.pk): face.embedding for face in kept_faces(people.team)}
    assert set(vectors) == set(ids)

    def distance(one: str, other: str) -> float:
        return float(sum((a - b) ** 2 for a, b in zip(vectors[one], vectors[other], strict=True)) ** 0.5)

    assert distance(ids[0], ids[1]) < 0.6 * distance(ids[0], ids[2])
