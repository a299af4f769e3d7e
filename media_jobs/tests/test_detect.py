"""`POST /api/v1/detect`: what it answers, what is left of it, and what happens when nobody answers."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from accounts.access import team_scope
from accounts.models import Team, TeamUsage, UsageDay
from analysis.models import Face
from conftest import People
from emotionsite.fetching import Fetched
from media_jobs import detect, detect_work, intake
from media_jobs.models import Job, Media
from media_jobs.tasks import detect_picture
from ml_models import EMOTIONS
from tests.fakes import EngineWithoutNets

from .pictures import encoded, noise

PICTURE = encoded(noise(60, 40), "PNG")
ADDRESS = "/api/v1/detect"


class Asked(EngineWithoutNets):
    """An engine that answers only what it was asked for, as the real one does."""

    def __init__(self, parts: list[str], detection: str | None, asked: list[Any]) -> None:
        super().__init__(faces=3)
        self.parts = parts
        asked.append((parts, detection))

    def _answer(self, picture: Any) -> Any:
        faces = super()._answer(picture)
        for face in faces if isinstance(faces, list) else []:
            face.emotions = face.emotions if "emotions" in self.parts else None
            face.age = face.age if "age" in self.parts else None
            face.male = face.male if "gender" in self.parts else None
            face.attributes = face.attributes if "appearance" in self.parts else None
        return faces


@pytest.fixture()
def asked() -> list[Any]:
    """What workers asked their engines for: (parts, detection) of each picture."""
    return []


@pytest.fixture()
def messages() -> list[dict[str, Any]]:
    """The arguments of every task that was sent."""
    return []


@pytest.fixture()
def worker(
    monkeypatch: pytest.MonkeyPatch, asked: list[Any], messages: list[dict[str, Any]]
) -> Callable[..., Any]:
    """A worker in a thread for each task; `worker(work)` lets it do something else than answer."""

    def answer(kwargs: dict[str, Any]) -> None:
        engine = Asked(kwargs.pop("parts"), kwargs.pop("detection"), asked)
        detect_work.detection_answer(**kwargs, engine=engine)

    def use(work: Callable[[dict[str, Any]], None] = answer) -> None:
        def send(*, kwargs: dict[str, Any], queue: str, expires: float, **_: Any) -> None:
            messages.append({**kwargs, "queue": queue, "expires": expires})
            threading.Thread(target=work, args=(dict(kwargs),)).start()

        monkeypatch.setattr(detect_picture, "apply_async", send)

    use()
    return use


@pytest.fixture()
def headers(people: People) -> dict[str, str]:
    return {"Authorization": f"Bearer {people.key('analyze')}"}


def send(headers: dict[str, str], query: str = "", content: bytes = PICTURE, **form: Any) -> Any:
    file = SimpleUploadedFile("a.png", content)
    return Client().post(ADDRESS + query, {"file": file, **form}, headers=headers)


def used(team: Team) -> int:
    with team_scope(team):
        return TeamUsage.objects.get(team=team).pictures


@contextmanager
def nothing_is_stored(stored_files: Callable[[], list[str]], team: Team) -> Iterator[None]:
    """No row, no file and nothing at the broker is left of what happens in the block."""
    yield
    with team_scope(team):
        assert not Media.objects.exists()
        assert not Face.objects.exists()
        assert not Job.objects.exists()
    assert stored_files() == []
    client = redis.Redis.from_url(f"{django_settings.REDIS_URL}/0")
    assert client.keys("detect:*") == []
    client.close()


Files = Callable[[], list[str]]


def test_a_picture_goes_in_and_faces_come_out_and_nothing_is_stored(
    people: People, headers: dict[str, str], worker: Any, stored_files: Files
) -> None:
    with nothing_is_stored(stored_files, people.team):
        answer = send(headers)
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert (body["width"], body["height"], body["models"]) == (60, 40, {"emotion": "none"})
    assert [face["number"] for face in body["faces"]] == [1, 2, 3]
    face = body["faces"][0]
    assert set(face) == {
        *("number", "box", "confidence", "landmarks", "strongest", "emotions"),
        *("age", "gender", "gender_confidence"),
    }
    assert face["box"] == {"left": 15, "top": 10, "width": 30, "height": 20}
    assert face["landmarks"]["nose"] == {"x": 5, "y": 6}
    assert (face["strongest"], list(face["emotions"])) == ("happiness", list(EMOTIONS))
    assert (face["age"], face["gender"], face["gender_confidence"]) == (34.5, "female", 0.8)
    assert used(people.team) == 1
    with team_scope(people.team):
        day = UsageDay.objects.get()
    assert (day.pictures, day.faces) == (1, 3)


def test_the_options_reach_the_worker_and_the_picture_does_not_travel_in_the_message(
    headers: dict[str, str], worker: Any, asked: list[Any], messages: list[dict[str, Any]]
) -> None:
    query = "?return=attributes,age&detection=detection_02&max_faces=2&deadline=7"
    answer = send(headers, query)
    assert [set(face) - {"number", "box", "confidence", "landmarks"} for face in answer.json()["faces"]] == [
        {"attributes", "age"}
    ] * 2
    assert asked == [(["age", "appearance"], "detection_02")]
    assert answer.json()["faces"][0]["attributes"]["glasses"]["kind"] == "NoGlasses"
    (message,) = messages
    assert message["queue"] == "interactive"
    assert 6 < message["expires"] <= 7
    assert len(str(message)) < 400, "a name and options, no picture"


@pytest.mark.parametrize("content_type", ["image/png", "image/x-whatever", "application/octet-stream"])
def test_the_body_may_be_the_picture_itself(headers: dict[str, str], worker: Any, content_type: str) -> None:
    answer = Client().post(f"{ADDRESS}?return=emotions", PICTURE, content_type=content_type, headers=headers)
    assert answer.status_code == 200, answer.content
    assert len(answer.json()["faces"]) == 3


def test_a_picture_is_fetched_by_the_guarded_fetcher_alone(
    headers: dict[str, str], worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, dict[str, Any]]] = []

    def fetch(url: str, **limits: Any) -> Fetched:
        calls.append((url, limits))
        return Fetched(200, {}, PICTURE, url)

    monkeypatch.setattr("media_jobs.api.detect.fetch", fetch)
    body = {"url": "https://example.org/a.png", "return": ["age"], "deadline": 5}
    answer = Client().post(ADDRESS, body, content_type="application/json", headers=headers)
    assert answer.status_code == 200, answer.content
    assert set(answer.json()["faces"][0]) == {"number", "box", "confidence", "landmarks", "age"}
    assert calls == [
        ("https://example.org/a.png", {"max_bytes": django_settings.MAX_UPLOAD_BYTES, "deadline": 4.0})
    ]


def test_an_address_inside_the_network_is_refused_and_does_not_count(
    people: People, headers: dict[str, str], worker: Any, messages: list[Any]
) -> None:
    body = {"url": "http://169.254.169.254/latest/meta-data"}
    answer = Client().post(ADDRESS, body, content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "url_not_allowed")
    assert messages == []
    assert used(people.team) == 0


def test_what_a_team_has_switched_off_is_neither_computed_nor_answered(
    people: People, headers: dict[str, str], worker: Any, asked: list[Any]
) -> None:
    Team.objects.filter(pk=people.team.pk).update(analyze_emotion=False, analyze_gender=False)
    face = send(headers).json()["faces"][0]
    assert asked == [(["age"], None)]
    assert face["age"] == 34.5
    off = [face[name] for name in ("strongest", "emotions", "gender", "gender_confidence")]
    assert off == [None] * 4


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?return=emotions,hat", "return"),
        ("?return=", "return"),
        ("?detection=detection_09", "detection"),
        ("?max_faces=0", "max_faces"),
        ("?deadline=61", "deadline"),
        ("?deadline=nan", "deadline"),
    ],
)
def test_wrong_options_are_named_and_nothing_is_sent(
    people: People, headers: dict[str, str], worker: Any, messages: list[Any], query: str, field: str
) -> None:
    answer = send(headers, query)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert list(answer.json()["errors"]) == [field]
    assert messages == []
    assert used(people.team) == 0


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"hello " * 400, 415, "format_not_supported"),
        (b"x" * 10, 400, "file_too_small"),
        (encoded(noise(200, 150), "JPEG")[:9000], 422, "picture_truncated"),
    ],
)
def test_a_bad_picture_is_refused_and_does_not_count(
    people: People,
    headers: dict[str, str],
    worker: Any,
    stored_files: Files,
    content: bytes,
    status: int,
    code: str,
) -> None:
    with nothing_is_stored(stored_files, people.team):
        answer = send(headers, content=content)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert used(people.team) == 0


def test_without_a_picture_it_says_how_to_send_one(headers: dict[str, str], worker: Any) -> None:
    answer = Client().post(ADDRESS, {}, content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "picture_missing")
    answer = Client().post(ADDRESS, [1], content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


# --- Nobody answers -------------------------------------------------------------------------------
def test_after_the_deadline_the_answer_is_408_and_the_work_is_dropped(
    people: People, headers: dict[str, str], worker: Any, stored_files: Files, asked: list[Any]
) -> None:
    late: list[dict[str, Any]] = []
    worker(late.append)
    begun = time.monotonic()
    with nothing_is_stored(stored_files, people.team):
        answer = send(headers, "?deadline=0.3")
        assert (answer.status_code, answer.json()["code"]) == (408, "deadline_exceeded")
        assert "0.3 seconds" in answer.json()["detail"]
        assert 0.3 <= time.monotonic() - begun < 2
        # A worker that begins only now finds no picture: nothing is decoded, and nothing is answered.
        (kwargs,) = late
        engine = Asked(kwargs.pop("parts"), kwargs.pop("detection"), asked)
        detect_work.detection_answer(**kwargs, engine=engine)
        assert engine.seen == []
    assert used(people.team) == 0


def test_a_worker_that_took_the_picture_in_time_and_decoded_too_long_asks_no_engine(
    headers: dict[str, str], worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines: list[Asked] = []
    over = threading.Event()
    original = intake.decode_original

    def slowly(file: Any) -> Any:
        time.sleep(0.5)
        return original(file)

    def work(kwargs: dict[str, Any]) -> None:
        engines.append(Asked(kwargs.pop("parts"), kwargs.pop("detection"), []))
        detect_work.detection_answer(**kwargs, engine=engines[0])
        over.set()

    monkeypatch.setattr(detect_work, "decode_original", slowly)
    worker(work)
    assert send(headers, "?deadline=0.2").status_code == 408
    assert over.wait(5)
    assert engines[0].seen == []


def test_a_picture_the_engine_fails_on_is_a_500_that_does_not_count(
    people: People, headers: dict[str, str], worker: Any, stored_files: Files
) -> None:
    def work(kwargs: dict[str, Any]) -> None:
        del kwargs["parts"], kwargs["detection"]
        engine = EngineWithoutNets(fails_on_width=frozenset({60}))
        detect_work.detection_answer(**kwargs, engine=engine)

    worker(work)
    with nothing_is_stored(stored_files, people.team):
        answer = send(headers)
    assert (answer.status_code, answer.json()["code"]) == (500, "detection_failed")
    assert used(people.team) == 0


def test_without_a_broker_it_is_503_and_does_not_count(
    people: People, headers: dict[str, str], worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detect, "broker", lambda: redis.Redis(port=1))
    answer = send(headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
    assert used(people.team) == 0


def test_over_the_quota_nothing_is_sent(
    people: People, headers: dict[str, str], worker: Any, messages: list[Any], settings: Settings
) -> None:
    settings.DEFAULT_PICTURES_PER_MONTH = 1
    assert send(headers).status_code == 200
    answer = send(headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "quota_pictures")
    assert len(messages) == 1
    assert used(people.team) == 1


def test_a_client_too_many_is_sent_away_and_a_place_becomes_free_again(
    headers: dict[str, str], worker: Any, settings: Settings
) -> None:
    settings.DETECT_WAITING = 3
    with detect._a_place(), detect._a_place(), detect._a_place():
        answer = send(headers)
        assert (answer.status_code, answer.json()["code"]) == (503, "detections_waiting")
        assert answer["Retry-After"] == "2"
    assert send(headers).status_code == 200


def test_only_a_few_that_wait_keep_their_connection_to_the_database(
    headers: dict[str, str], worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_back: list[bool] = []
    monkeypatch.setattr(detect, "database_release", lambda: given_back.append(True))
    monkeypatch.setattr(detect, "_connections", threading.BoundedSemaphore(2))
    assert send(headers).status_code == 200
    assert given_back == []
    with detect._database_shared(), detect._database_shared():
        assert send(headers).status_code == 200
        assert given_back == [True]
    # Their places are free again.
    assert send(headers).status_code == 200
    assert given_back == [True]


def test_neither_picture_nor_answer_reaches_the_disk_of_the_broker(
    headers: dict[str, str], worker: Any
) -> None:
    client = redis.Redis.from_url(django_settings.REDIS_URL)
    folder = Path(str(client.config_get("dir")["dir"]))
    assert client.config_get("appendonly")["appendonly"] == "yes"
    client.set("a-control", PICTURE)
    assert send(headers).status_code == 200
    client.set("last", "written")
    end = time.monotonic() + 5
    kept = b""
    while b"written" not in kept and time.monotonic() < end:
        kept = b"".join(path.read_bytes() for path in folder.rglob("*.aof"))
        time.sleep(0.05)
    client.close()
    assert kept.count(PICTURE) == 1, "the control is there, and the picture that was sent is not"
    assert b"happiness" not in kept
