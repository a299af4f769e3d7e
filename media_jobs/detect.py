"""Detection while a client waits, the web process's side: hand a picture to a worker, wait, forget it.

Nothing of it is stored. The picture waits in the memory of the broker under a random name, for the deadline
at most, and the worker that begins takes it away; the answer comes back the same way. Both are kept out of
the broker's append-only file, which would keep them on its disk. The task itself carries the name only.
"""

import hashlib
import io
import json
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from threading import BoundedSemaphore
from typing import Any

import redis
import structlog
from django.conf import settings
from django.db import connection
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from accounts.limits import file_size_check, pictures_give_back, pictures_take, usage_add
from accounts.models import Team
from analysis.switches import parts_of
from emotionsite.database import together

from .hooks import FACE_KEEPERS
from .intake import check_header
from .refusals import Refusal, refuse

logger = structlog.get_logger(__name__)

QUEUE = "interactive"
#: What a client may ask for -> the part of the engine that answers it.
PARTS: Mapping[str, str] = {
    "emotions": "emotions",
    "age": "age",
    "gender": "gender",
    "attributes": "appearance",
    "landmarks": "landmarks",
    "head_pose": "landmarks",
    "quality": "quality",
}
#: The same for the programs of this server: what a dialect or the live camera says of a face, and no more.
ALL_PARTS: Mapping[str, str] = {**PARTS, "landmarks27": "landmarks", "eyes": "landmarks"}
USUAL_PARTS = ("emotions", "age", "gender")
DETECTIONS = ("detection_01", "detection_02", "detection_03")
LONGEST_DEADLINE = 60.0
#: Seconds for which faces may be kept: a day at most, as in Face API.
SHORTEST_KEPT, LONGEST_KEPT = 60, 86_400
#: The longest single wait at the broker: a connection that has died is noticed after it.
ONE_WAIT = 5.0
# Set in a script, because only a script can keep its writes from the append-only file and from replicas.
_IN_MEMORY = "redis.set_repl(redis.REPL_NONE)\n"
_KEEP = _IN_MEMORY + "return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])"
_ANSWER = _IN_MEMORY + "redis.call('RPUSH', KEYS[1], ARGV[1])\nreturn redis.call('PEXPIRE', KEYS[1], ARGV[2])"


@dataclass(frozen=True)
class Question:
    """What a client wants to know: parts of `ALL_PARTS`, a detection of `DETECTIONS`, and the most faces.

    `max_faces` None is all; `seconds` is how long it waits. What the programs of this server may want to know
    beside it: with the name of a recognition model in `recognition`, each face's vector by it; with `crops`,
    small pictures of the faces (`media_jobs.crops`); `near` (left, top, width, height) leaves both out for
    faces outside this box. `least_side` leaves out faces that are smaller, as
    `media_jobs.detect_work.large_enough` says.
    """

    parts: tuple[str, ...] = USUAL_PARTS
    detection: str | None = None
    max_faces: int | None = None
    seconds: float = LONGEST_DEADLINE
    recognition: str | None = None
    crops: bool = False
    near: tuple[float, float, float, float] | None = None
    least_side: float | None = None


@cache
def broker() -> redis.Redis:
    """The broker, for pictures and answers. Threads share its pool of connections."""
    return redis.Redis.from_url(
        f"{settings.REDIS_URL}/0",
        socket_timeout=2 * ONE_WAIT,
        socket_connect_timeout=ONE_WAIT,
        # A connection that died while it was idle is opened again; a broker that is away is said at once.
        retry=Retry(NoBackoff(), 1),
    )


def picture_name(ticket: str) -> str:
    return f"detect:{ticket}:picture"


def answer_name(ticket: str) -> str:
    return f"detect:{ticket}:answer"


def picture_detect(
    *, team: Team, content: bytes, question: Question, begun: float | None = None
) -> dict[str, Any]:
    """The faces in a picture, as `media_jobs.detect_work` describes them; nothing is stored.

    Counts as one picture of the team's month, and does not when there is no answer. Parts that the team has
    switched off are not computed, and None in the answer. `begun` is when the client began to wait, of
    `time.monotonic`; None: now. Raises Refusal. The caller is inside the team's scope.
    """
    answer, _ = _looked(team, content, question, begun)
    if faces := len(answer["faces"]):
        usage_add(team=team, faces=faces)
    return answer


def _looked(
    team: Team, content: bytes, question: Question, begun: float | None
) -> tuple[dict[str, Any], datetime]:
    """A worker's answer, and when the picture was counted. The faces are not counted yet."""
    end = (time.monotonic() if begun is None else begun) + question.seconds
    file_size_check(team=team, size=len(content))
    check_header(io.BytesIO(content), len(content))
    with _a_place():
        taken_at = timezone.now()
        pictures_take(team=team, count=1)
        try:
            return _asked(team, content, question, end), taken_at
        except BaseException:
            pictures_give_back(team=team, count=1, taken_at=taken_at)
            raise


def picture_detect_and_keep(
    *,
    team: Team,
    content: bytes,
    question: Question,
    seconds: int,
    recognition: str = "",
    begun: float | None = None,
) -> dict[str, Any]:
    """The same, and each face is kept for some seconds: its vector and box, under the `face_id` it then has.

    recognition: name of the model that makes the vectors, '' for the usual one. `expires_at` of the answer is
    when they are forgotten. Raises Refusal, of the model too; then none is kept.
    """
    keeper = FACE_KEEPERS[0]
    model = keeper.model(recognition)
    wanted = replace(
        question,
        parts=tuple({*question.parts, *keeper.asked}),
        recognition=model.name,
        crops=False,
        near=None,
    )
    answer, taken_at = _looked(team, content, wanted, begun)
    keeper.check(team, answer, model, taken_at)
    sha256 = hashlib.sha256(content).hexdigest()
    # One way to the database and one commit for both, as a client waits.
    with together():
        if faces := len(answer["faces"]):
            usage_add(team=team, faces=faces)
        ids, until = keeper.keep(team, answer, model, recognition, sha256, seconds)
    for face, face_id in zip(answer["faces"], ids, strict=True):
        face["face_id"] = str(face_id)
        # Asked for the sake of the kept face alone.
        for name in {"embedding", *keeper.asked} - set(question.parts):
            del face[name]
    return answer | {"expires_at": until}


_places: dict[int, BoundedSemaphore] = {}
#: Of the database's connections a quarter may be kept by those that wait.
_connections = BoundedSemaphore(max(1, settings.DATABASE_POOL_SIZE // 4))


@contextmanager
def _a_place() -> Iterator[None]:
    """One of the places for clients that wait; raises Refusal when all are taken."""
    limit = settings.DETECT_WAITING
    places = _places.setdefault(limit, BoundedSemaphore(limit))
    if not places.acquire(blocking=False):
        raise refuse("detections_waiting", headers={"Retry-After": "2"}, limit=limit)
    try:
        yield
    finally:
        places.release()


def _asked(team: Team, content: bytes, question: Question, end: float) -> dict[str, Any]:
    ticket = secrets.token_urlsafe(24)
    answer = None
    try:
        _send(ticket, team, content, question, end)
        answer = _awaited(ticket, question, end)
    except (RedisError, OperationalError, OSError) as error:
        logger.warning("detection_not_possible", reason=type(error).__name__)
        raise refuse("service_unavailable") from error
    finally:
        # With an answer nothing is left: the worker took the picture away, and this process the answer.
        if answer is None:
            _forget(ticket)
    if refused := answer.get("refusal"):
        raise Refusal(**refused)
    if "failed" in answer:
        raise refuse("detection_failed")
    return answer


def _send(ticket: str, team: Team, content: bytes, question: Question, end: float) -> None:
    from .tasks import detect_picture

    left = max(0.001, end - time.monotonic())
    broker().register_script(_KEEP)([picture_name(ticket)], [content, round(1000 * left) or 1])
    detect_picture.apply_async(
        kwargs={
            "ticket": ticket,
            "asked": list(question.parts),
            "parts": sorted(_engine_parts(team, question)),
            "detection": question.detection,
            "max_faces": question.max_faces,
            **_further_wishes(question),
        },
        queue=QUEUE,
        expires=left,
        # For monitors, which are not told of this; making it takes time while a client waits.
        argsrepr="",
        kwargsrepr="",
    )


def _engine_parts(team: Team, question: Question) -> set[str]:
    """What the engine is asked: nothing that the team has switched off.

    Vectors are no part of an answer to clients. Who asks for them has a client's explicit wish to recognise
    somebody, which the switch for photos does not govern.
    """
    wanted = {ALL_PARTS[name] for name in question.parts} & (parts_of(team) | {"landmarks", "quality"})
    return wanted | ({"embedding"} if question.recognition is not None else set())


def _further_wishes(question: Question) -> dict[str, Any]:
    """What else a task is told: nothing of what is not wanted, which is most often all of it."""
    names = ("recognition", "crops", "near", "least_side")
    wishes = {name: getattr(question, name) for name in names}
    return {name: wish for name, wish in wishes.items() if wish}


def _awaited(ticket: str, question: Question, end: float) -> dict[str, Any]:
    """The worker's answer. Raises Refusal `deadline_exceeded` when there is none in time."""
    with _database_shared():
        while (left := end - time.monotonic()) > 0:
            # 0 would be to wait for ever.
            found = broker().blpop([answer_name(ticket)], timeout=max(0.01, min(ONE_WAIT, left)))
            if found:
                return dict(json.loads(found[1]))
    raise refuse("deadline_exceeded", seconds=question.seconds)


@contextmanager
def _database_shared() -> Iterator[None]:
    """Around a wait: many that wait give their connections back, so that the pool is enough for all; the
    first few keep theirs, because to take another costs each of them a few milliseconds.
    """
    keeps = _connections.acquire(blocking=False)
    try:
        if not keeps:
            database_release()
        yield
    finally:
        if keeps:
            _connections.release()


def database_release() -> None:
    """Give the thread's connection back to the pool before a wait. The next query takes another."""
    if not connection.in_atomic_block:
        connection.close()


def _forget(ticket: str) -> None:
    """Take the picture away from workers that have not begun; what does not work, its expiry does."""
    try:
        broker().delete(picture_name(ticket), answer_name(ticket))
    except RedisError as error:
        logger.warning("detection_not_forgotten", reason=type(error).__name__)


def picture_take(ticket: str) -> tuple[bytes, float] | None:
    """For the worker: the picture, which is gone from the broker then, and until when it is waited for.

    The time is of `time.monotonic`. None when nobody waits any more. How long a picture may still wait is
    told by the broker, whose clock was set going by the web process.
    """
    with broker().pipeline(transaction=True) as pipe:
        pipe.pttl(picture_name(ticket))
        pipe.getdel(picture_name(ticket))
        left, content = pipe.execute()
    if content is None:
        return None
    return content, time.monotonic() + max(0, left) / 1000


def answer_give(ticket: str, answer: Mapping[str, Any]) -> None:
    """For the worker: hand the answer to the web process that waits for it."""
    content = json.dumps(answer, separators=(",", ":"))
    broker().register_script(_ANSWER)([answer_name(ticket)], [content, round(1000 * LONGEST_DEADLINE)])
