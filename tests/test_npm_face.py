"""Microsoft's npm client @azure/cognitiveservices-face, unmodified, against the running product.

`npm_face.mjs` asks everything once; the tests here look at what it was answered.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .conftest import ROOT
from .face_clients import NOBODYS, FaceSite, empty_places, face_site, photo, transactional_db

__all__ = ["empty_places", "face_site", "transactional_db"]
pytestmark = pytest.mark.whole_system

CLIENT = ROOT / "node_modules" / "@azure" / "cognitiveservices-face"
#: The Node.js that is among the pinned packages.
NODE = Path(sys.executable).with_name("node")
SECONDS = 120


@pytest.fixture(scope="module")
def answers(face_site: FaceSite, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the client was answered to everything that npm_face.mjs asks."""
    assert CLIENT.is_dir(), "The npm client is not installed: run `make clean setup`."
    folder = tmp_path_factory.mktemp("photos")
    names = ("eileen-same", "eileen-turned", "eileen-mirrored", "grace-same", "together")
    photos = {name: folder / f"{name}.jpg" for name in names}
    for name, path in photos.items():
        path.write_bytes(photo(name))
    given = {
        "endpoint": face_site.url,
        "key": face_site.key,
        "account": face_site.account,
        "nobody": NOBODYS,
        "photos": {name: str(path) for name, path in photos.items()},
        "url": face_site.picture_url("together"),
        "urlOfEileen": face_site.picture_url("eileen-brighter"),
        "missing": face_site.picture_url("missing"),
    }
    program = [str(NODE), str(ROOT / "tests" / "npm_face.mjs"), json.dumps(given)]
    environment = {**os.environ, "NODE_NO_WARNINGS": "1"}
    found = subprocess.run(
        program, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert found.returncode == 0, found.stderr[-3000:]
    answers: dict[str, Any] = json.loads(found.stdout)
    return answers


def error(status: int, code: str) -> dict[str, Any]:
    """A refusal as the client throws it, without its sentence."""
    return {"name": "RestError", "status": status, "code": code}


def without_message(refused: dict[str, Any]) -> dict[str, Any]:
    assert refused["message"]
    return {name: value for name, value in refused.items() if name != "message"}


def test_it_is_the_version_that_is_named() -> None:
    assert json.loads((CLIENT / "package.json").read_text())["version"] == "5.0.0"


def test_faces_are_detected_in_a_stream_in_bytes_and_at_an_address(answers: dict[str, Any]) -> None:
    detected = answers["detected"]
    assert detected["contentLength"] is None
    for way in ("streamed", "ofBuffer", "ofUrl"):
        eileen, grace = detected[way]
        assert eileen["faceId"] != grace["faceId"]
        assert eileen["recognitionModel"] == "recognition_04"
        assert eileen["faceRectangle"]["left"] < 300 < grace["faceRectangle"]["left"]
        assert eileen["faceRectangle"]["width"] > grace["faceRectangle"]["width"]
        assert len(eileen["faceLandmarks"]) == 27
        attributes = eileen["faceAttributes"]
        assert set(attributes) == {"age", "gender", "smile", "emotion", "headPose", "glasses"}
        assert (attributes["gender"], attributes["smile"] > 0.8) == ("female", True)
        assert max(attributes["emotion"], key=attributes["emotion"].get) == "happiness"
        assert set(attributes["headPose"]) == {"roll", "yaw", "pitch"}
    without_ids = [
        [{name: face[name] for name in face if name != "faceId"} for face in detected[way]]
        for way in ("streamed", "ofBuffer", "ofUrl")
    ]
    assert without_ids[0] == without_ids[1] == without_ids[2]


def test_faces_are_compared_searched_and_grouped(answers: dict[str, Any]) -> None:
    first, second, other = answers["ids"]
    grouped = answers["grouped"]
    assert grouped["same"]["isIdentical"] is True
    assert grouped["different"]["isIdentical"] is False
    assert grouped["same"]["confidence"] > 0.7 > 0.3 > grouped["different"]["confidence"]
    assert [face["faceId"] for face in grouped["similar"]] == [second]
    assert [face["faceId"] for face in grouped["ranked"]] == [second, other]
    assert [sorted(some) for some in grouped["groups"]["groups"]] == [sorted([first, second])]
    assert grouped["groups"]["messyGroup"] == [other]


def test_a_person_with_faces_is_added_to_a_group(answers: dict[str, Any]) -> None:
    made = answers["made"]
    assert made["group"] == {
        "personGroupId": "npm_group",
        "name": "A group",
        "userData": "about it",
        # This one it was not told: it is what the client puts where it was told nothing.
        "recognitionModel": "recognition_01",
    }
    assert made["groups"] == [made["group"]]
    assert made["person"] == {
        "personId": made["personId"],
        "name": "Eileen",
        "userData": "astronaut",
        "persistedFaceIds": made["added"],
    }
    assert len(set(made["added"])) == 3
    assert made["face"] == {"persistedFaceId": made["added"][0], "userData": "one"}
    assert made["untrained"]["code"] == "FaceNotFound"


def test_who_is_known_is_identified_and_a_stranger_is_not(answers: dict[str, Any]) -> None:
    known, _, stranger = answers["ids"]
    identified, person = answers["identified"], answers["made"]["personId"]
    assert identified["training"]["status"] == "succeeded"
    first, second = identified["answers"]
    assert first["faceId"] == known
    assert [candidate["personId"] for candidate in first["candidates"]] == [person]
    assert first["candidates"][0]["confidence"] > 0.7
    assert second == {"faceId": stranger, "candidates": []}
    assert identified["person"]["isIdentical"] is True
    assert identified["notPerson"]["isIdentical"] is False


def test_a_snapshot_is_taken_read_and_deleted(answers: dict[str, Any], face_site: FaceSite) -> None:
    status, snapshot = answers["snapshot"]["status"], answers["snapshot"]["snapshot"]
    assert status["status"] == "succeeded"
    assert status["resourceLocation"] == f"/snapshots/{snapshot['id']}"
    assert (snapshot["type"], snapshot["account"]) == ("PersonGroup", face_site.account)
    assert without_message(answers["snapshot"]["gone"]) == error(404, "SnapshotNotFound")


def test_what_was_deleted_is_gone(answers: dict[str, Any]) -> None:
    deleted = answers["deleted"]
    assert deleted["left"] == answers["made"]["added"][1:]
    assert without_message(deleted["person"]) == error(404, "PersonNotFound")
    assert without_message(deleted["group"]) == error(404, "PersonGroupNotFound")


def test_errors_are_thrown_with_their_status_code_and_sentence(answers: dict[str, Any]) -> None:
    assert without_message(answers["wrongKey"]) == error(401, "Unspecified")
    assert without_message(answers["wrongModel"]) == error(400, "BadArgument")
    assert answers["wrongModel"]["message"] == "'recognitionModel' is invalid."
    assert without_message(answers["missing"]) == error(400, "InvalidURL")
