"""Microsoft's client azure-cognitiveservices-vision-face for the tests: connected, watched, waited for."""

import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from azure.cognitiveservices.vision.face import FaceClient
from azure.cognitiveservices.vision.face.models import APIErrorException
from msrest.authentication import CognitiveServicesCredentials

from .face_clients import WORK_SECONDS, FaceSite, Record, code_of, stream


def _parts_of(client: FaceClient) -> dict[str, set[str]]:
    """The client's groups of operations, each with the names of its operations."""
    return {
        name: {call for call, method in vars(type(part)).items() if hasattr(method, "metadata")}
        for name, part in vars(client).items()
        if type(part).__name__.endswith("Operations")
    }


def operations() -> set[str]:
    """Every operation that the installed client has, as 'group.operation'."""
    parts = _parts_of(FaceClient("http://unused", CognitiveServicesCredentials("unused")))
    return {f"{name}.{call}" for name, calls in parts.items() for call in calls}


def connected(site: FaceSite, key: str, record: Record) -> Any:
    """A client of the site; which of its operations succeed is written down in `record`."""
    client = FaceClient(site.url, CognitiveServicesCredentials(key))
    watched = {
        name: record.watch(name, getattr(client, name), calls) for name, calls in _parts_of(client).items()
    }
    return SimpleNamespace(**watched, seen={})


def refused(call: Callable[..., Any], *arguments: Any, **named: Any) -> tuple[int, str]:
    """Status and code of the error that a call answers."""
    with pytest.raises(APIErrorException) as caught:
        call(*arguments, **named)
    body = caught.value.error
    assert body is not None, "the answer has not the form of an error"
    assert body.error.message
    return caught.value.response.status_code, body.error.code


def face_id(client: Any, name: str) -> str:
    """The id of the only face of a picture, which is detected once for each client."""
    if name not in client.seen:
        (face,) = client.face.detect_with_stream(stream(name))
        client.seen[name] = str(face.face_id)
    return str(client.seen[name])


def persisted(face: Any) -> str:
    return str(face.persisted_face_id)


def _waited(ask: Callable[[], Any]) -> Any:
    """Ask for a status until what it is about does not run any more."""
    end = time.monotonic() + WORK_SECONDS
    while (status := ask()).status in ("notstarted", "running"):
        assert time.monotonic() < end, "it did not end"
        time.sleep(0.05)
    return status


def train(part: Any, key: str) -> Any:
    """Train a collection and wait; returns how it ended."""
    part.train(key)
    return _waited(lambda: part.get_training_status(key))


def operation_end(client: Any, raw: Any) -> Any:
    """How an operation with a snapshot ended. raw: the answer to asking for it."""
    operation = raw.headers["Operation-Location"].rpartition("/operations/")[2]
    return _waited(lambda: client.snapshot.get_operation_status(operation))


def taken(client: Any, kind: str, key: str, scope: Sequence[str], user_data: str | None = None) -> str:
    """The id of a new snapshot of a collection that the accounts in `scope` may apply."""
    raw = client.snapshot.take(code_of(kind), key, list(scope), user_data=user_data, raw=True)
    status = operation_end(client, raw)
    assert status.status == "succeeded", status.message
    assert status.created_time <= status.last_action_time
    head, _, snapshot = status.resource_location.rpartition("/")
    assert head == "/snapshots"
    return str(snapshot)


def check_landmarks(face: Any) -> None:
    """All 27 points are there, about where the face is, and as points of a face lie to each other."""
    box, marks = face.face_rectangle, face.face_landmarks
    points = {name: getattr(marks, name) for name in marks._attribute_map}
    assert len(points) == 27
    for point in points.values():
        assert -0.3 * box.width < point.x - box.left < 1.3 * box.width
        assert -0.3 * box.height < point.y - box.top < 1.3 * box.height
    assert marks.pupil_left.x < marks.nose_tip.x < marks.pupil_right.x
    assert marks.pupil_left.y < marks.nose_tip.y < marks.mouth_left.y
    assert marks.upper_lip_top.y < marks.under_lip_bottom.y


def check_attributes(found: Any) -> None:
    """All attributes of one of the people of PHOTOS are there, in their ranges."""
    assert [name for name in found._attribute_map if getattr(found, name) is None] == []
    assert 15 < found.age < 95
    assert found.gender == "female"
    assert abs(found.head_pose.roll) < 30
    emotion = {name: getattr(found.emotion, name) for name in found.emotion._attribute_map}
    assert len(emotion) == 8
    assert sum(emotion.values()) == pytest.approx(1, abs=0.02)
    assert 0 <= found.smile <= 1
    assert 0 <= found.hair.bald <= 1
    assert found.mask.type.lower() == "nomask"
    assert not found.occlusion.mouth_occluded
    assert found.quality_for_recognition in {"Low", "Medium", "High"}
    for measured in (found.blur, found.exposure, found.noise):
        assert 0 <= measured.value <= 1
