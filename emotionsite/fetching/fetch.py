"""The one way in which this server fetches an address that somebody else chose."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

import httpcore

from .decoding import NotDecodable, decoded
from .network import Deadline, GuardedBackend, tls_context
from .refusals import refuse
from .targets import SAFE, Target, read_target

MAX_REDIRECTS = 5
REDIRECTS = {301, 302, 303, 307, 308}
OWN_HEADERS = {"User-Agent": "EmotionSite", "Accept-Encoding": "identity", "Connection": "close"}


@dataclass(frozen=True)
class Fetched:
    """An answer. Names of headers are in lower case; `url` is where it came from, after redirects."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    url: str


def fetch(
    url: str,
    *,
    max_bytes: int,
    deadline: float = 15.0,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    follow_redirects: bool = True,
) -> Fetched:
    """Fetch an address with a status of 200 to 299, at most `max_bytes` of content (unpacked).

    `deadline` is in seconds, for everything together, redirects included. Redirects are followed for GET,
    at most 5, each checked like the first address; `headers` go to the first origin only. Raises Refusal with
    a code of `emotionsite.fetching.REFUSALS`.
    """
    follow = follow_redirects and method == "GET"
    with _good_answer(url, method, dict(headers or {}), body, follow, Deadline(deadline)) as (answer, target):
        content = b"".join(_pieces(answer, target, max_bytes))
        return Fetched(answer.status, _headers(answer), content, target.url)


def fetch_to(
    url: str,
    sink: Callable[[bytes], object],
    *,
    max_bytes: int,
    deadline: float,
    silence: float = 60.0,
) -> Fetched:
    """`fetch` for what is too large for memory: each piece is given to `sink` as it comes.

    Guarded as `fetch` is, and left besides when nothing comes for `silence` seconds. The `content` of the
    outcome is empty. What was given to `sink` before a Refusal is not whole. What `sink` raises passes
    through.
    """
    end = Deadline(deadline, silence=silence)
    with _good_answer(url, "GET", {}, None, True, end) as (answer, target):
        for piece in _pieces(answer, target, max_bytes):
            sink(piece)
        return Fetched(answer.status, _headers(answer), b"", target.url)


def call(
    url: str,
    *,
    body: bytes,
    headers: Mapping[str, str],
    keep_bytes: int,
    deadline: float = 15.0,
) -> Fetched:
    """POST to an address and return its answer, whatever its status, with the first `keep_bytes` of content.

    Redirects are not followed. Raises Refusal when there is no answer.
    """
    end = Deadline(deadline)
    target = read_target(url)
    with _answer(target, "POST", headers, body, end) as answer:
        content = _beginning(answer, target, keep_bytes)
        return Fetched(answer.status, _headers(answer), content, target.url)


@contextmanager
def _good_answer(
    url: str, method: str, headers: Mapping[str, str], body: bytes | None, follow: bool, end: Deadline
) -> Iterator[tuple[httpcore.Response, Target]]:
    """The answer at the end of all redirects, with a status of 200 to 299, and where it came from."""
    target = read_target(url)
    origin = target.origin
    for _ in range(MAX_REDIRECTS + 1):
        sent = headers if target.origin == origin else {}
        with _answer(target, method, sent, body, end) as answer:
            location = _headers(answer).get("location") if answer.status in REDIRECTS else None
            if follow and location:
                target = _next_target(target, location)
                continue
            if not 200 <= answer.status <= 299:
                raise refuse("url_answered_error", host=target.host, status=answer.status)
            yield answer, target
            return
    raise refuse("url_too_many_redirects", host=target.host, limit=MAX_REDIRECTS)


def _next_target(target: Target, location: str) -> Target:
    # A location may hold bytes of any encoding; they are passed on as they are.
    following = read_target(quote(location.encode("latin-1"), safe=SAFE), base=target)
    if target.scheme == "https" and following.scheme == "http":
        why = "it leads from https to http, where the answer could be changed on its way"
        raise refuse("url_not_allowed", host=target.host, why=why)
    return following


@contextmanager
def _answer(
    target: Target, method: str, headers: Mapping[str, str], body: bytes | None, end: Deadline
) -> Iterator[httpcore.Response]:
    """Send one request over a connection of its own; its faults become refusals, also while it is read."""
    address = httpcore.URL(
        scheme=target.scheme, host=target.host, port=target.port, target=target.path.encode("ascii")
    )
    sent = list({**OWN_HEADERS, **headers, "Host": target.netloc}.items())
    try:
        with (
            httpcore.ConnectionPool(ssl_context=tls_context(), network_backend=GuardedBackend(end)) as pool,
            pool.stream(method, address, headers=sent, content=body) as answer,
        ):
            yield answer
    except httpcore.TimeoutException:
        raise refuse("url_too_slow", host=target.host, seconds=end.waited) from None
    except (httpcore.RemoteProtocolError, httpcore.NetworkError):
        why = "it breaks off or is not HTTP"
        raise refuse("url_answer_broken", host=target.host, why=why) from None
    except NotDecodable as fault:
        raise refuse("url_answer_broken", host=target.host, why=str(fault)) from None


def _headers(answer: httpcore.Response) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}


def _pieces(answer: httpcore.Response, target: Target, max_bytes: int) -> Iterator[bytes]:
    """The content, unpacked. Raises Refusal `url_too_large` as soon as more is announced or has come."""
    headers = _headers(answer)
    announced = headers.get("content-length", "")
    if announced.isdigit() and int(announced) > max_bytes:
        raise refuse("url_too_large", host=target.host, limit=max_bytes)
    size = 0
    for piece in decoded(_counted(answer, target, max_bytes), headers.get("content-encoding", "")):
        size += len(piece)
        if size > max_bytes:
            raise refuse("url_too_large", host=target.host, limit=max_bytes)
        yield piece


def _counted(answer: httpcore.Response, target: Target, max_bytes: int) -> Iterator[bytes]:
    """The content as it comes, never more than `max_bytes`, whatever it unpacks to."""
    size = 0
    for piece in answer.iter_stream():
        size += len(piece)
        if size > max_bytes:
            raise refuse("url_too_large", host=target.host, limit=max_bytes)
        yield piece


def _beginning(answer: httpcore.Response, target: Target, keep_bytes: int) -> bytes:
    kept = bytearray()
    for piece in decoded(answer.iter_stream(), _headers(answer).get("content-encoding", "")):
        kept += piece
        if len(kept) >= keep_bytes:
            break
    return bytes(kept[:keep_bytes])
