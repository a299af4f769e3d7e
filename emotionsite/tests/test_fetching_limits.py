"""The guarded fetcher against servers that are slow, endless, or send more than they say."""

import gzip
import socket
import time
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings

from emotionsite.fetching import fetch, fetch_to, network
from emotionsite.fetching.addresses import Address
from emotionsite.problems import Refusal

from .fetching_helpers import MB, refused
from .local_servers import LocalServer, Request, always, answer, serving


@pytest.fixture()
def allowed(settings: Settings) -> None:
    """Local servers may be reached, but only at 127.0.0.1."""
    settings.URL_FETCH_ALLOW = ["127.0.0.1"]


# --- Time -------------------------------------------------------------------------------------------
def drip(before: bytes, every: bytes) -> Callable[..., None]:
    """Sends `every` again and again, slowly, so that no single wait is long."""

    def reply(request: Request, connection: socket.socket, server: LocalServer) -> None:
        connection.sendall(before)
        while not server.over.wait(0.1):
            connection.sendall(every)

    return reply


def silent(request: Request, connection: socket.socket, server: LocalServer) -> None:
    server.over.wait(10)


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize(
    "reply",
    [
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"),
        drip(b"HTTP/1.1 200 OK\r\n", b"X-More: 1\r\n"),
        drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        silent,
    ],
    ids=["body", "headers", "informational", "chunks", "silence"],
)
def test_a_slow_server_is_left_at_the_deadline(reply: Any) -> None:
    with serving(reply) as server:
        began = time.monotonic()
        refusal = refused(server.url, deadline=1.0)
        took = time.monotonic() - began
    assert refusal.code == "url_too_slow"
    assert 0.9 < took < 2.0


@pytest.mark.usefixtures("allowed")
def test_the_deadline_is_one_for_all_redirects_together() -> None:
    def reply(request: Request, connection: socket.socket, server: LocalServer) -> None:
        server.over.wait(0.4)
        connection.sendall(answer(status="302 Found", headers={"Location": "/next"}))

    with serving(reply) as server:
        assert refused(server.url, deadline=1.0).code == "url_too_slow"
    assert len(server.requests) == 3


def test_a_lookup_that_hangs_is_left_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(host: str, port: int) -> list[Address]:
        time.sleep(2)
        return []

    monkeypatch.setattr(network, "look_up", look_up)
    began = time.monotonic()
    assert refused("http://slow.example.org/", deadline=0.5).code == "url_too_slow"
    assert time.monotonic() - began < 1.5


# --- Size -------------------------------------------------------------------------------------------
def chunks_for_ever(request: Request, connection: socket.socket, server: LocalServer) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not server.over.is_set():
        connection.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")


def bytes_for_ever(request: Request, connection: socket.socket, server: LocalServer) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not server.over.is_set():
        connection.sendall(b"x" * 0x10000)


def headers_for_ever(request: Request, connection: socket.socket, server: LocalServer) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not server.over.is_set():
        connection.sendall(b"X-More: " + b"x" * 1000 + b"\r\n")


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (chunks_for_ever, "url_too_large"),
        (bytes_for_ever, "url_too_large"),
        (headers_for_ever, "url_answer_broken"),
        (always(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"), "url_too_large"),
        (always(answer(b"x" * (MB + 1))), "url_too_large"),
        (always(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this"), "url_answer_broken"),
        (always(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"), "url_answer_broken"),
        (always(b"220 mail.example.org ESMTP\r\n"), "url_answer_broken"),
        (always(b""), "url_answer_broken"),
    ],
)
def test_too_much_and_what_is_no_answer_is_cut_off(reply: Any, code: str) -> None:
    with serving(reply) as server:
        assert refused(server.url).code == code


@pytest.mark.usefixtures("allowed")
def test_content_after_the_announced_length_is_not_taken() -> None:
    with serving(always(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfour and more")) as server:
        assert fetch(server.url, max_bytes=MB).content == b"four"


@pytest.mark.usefixtures("allowed")
def test_exactly_the_limit_is_taken() -> None:
    with serving(always(answer(b"x" * MB))) as server:
        assert len(fetch(server.url, max_bytes=MB).content) == MB


# --- Compression ------------------------------------------------------------------------------------
def _bare(data: bytes) -> bytes:
    machine = zlib.compressobj(wbits=-15)
    return machine.compress(data) + machine.flush()


TEXT = b"a photo, as it were" * 10_000


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("GZIP", gzip.compress(TEXT[:100], mtime=0) + gzip.compress(TEXT[100:], mtime=0)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", _bare(TEXT)),
        ("identity", TEXT),
    ],
)
def test_answers_that_come_compressed_are_unpacked(encoding: str, content: bytes) -> None:
    with serving(always(answer(content, headers={"Content-Encoding": encoding}))) as server:
        assert fetch(server.url, max_bytes=len(TEXT)).content == TEXT


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_unpacked_no_further_than_the_limit(encoding: str) -> None:
    zeros = bytes(200 * MB)
    bomb = gzip.compress(zeros) if encoding == "gzip" else zlib.compress(zeros)
    assert len(bomb) < MB
    with serving(always(answer(bomb, headers={"Content-Encoding": encoding}))) as server:
        began = time.monotonic()
        assert refused(server.url).code == "url_too_large"
        assert time.monotonic() - began < 1, "200 MB would have taken longer"


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("gzip", gzip.compress(TEXT, mtime=0)[:-20]),
        ("gzip", b"no gzip at all"),
        ("gzip", gzip.compress(TEXT, mtime=0) + b"and something else"),
        ("deflate", b"x"),
        ("br", b"brotli"),
        ("gzip, gzip", gzip.compress(gzip.compress(TEXT, mtime=0), mtime=0)),
    ],
)
def test_damaged_and_unknown_compression_is_refused(encoding: str, content: bytes) -> None:
    with serving(always(answer(content, headers={"Content-Encoding": encoding}))) as server:
        assert refused(server.url).code == "url_answer_broken"


# --- Given on as it comes ---------------------------------------------------------------------------
@pytest.mark.usefixtures("allowed")
def test_pieces_are_given_on_as_they_come() -> None:
    content = bytes(range(256)) * 8000
    pieces: list[bytes] = []
    with serving(always(answer(content))) as server:
        fetched = fetch_to(f"{server.url}/a", pieces.append, max_bytes=len(content), deadline=10)
    assert (b"".join(pieces), fetched.content, fetched.url) == (content, b"", f"{server.url}/a")
    assert len(pieces) > 1


@pytest.mark.usefixtures("allowed")
def test_giving_on_stops_at_the_limit_whatever_was_announced() -> None:
    taken: list[int] = []
    endless = answer(b"x" * MB).replace(b"Content-Length: %d" % MB, b"Connection: close")
    for reply, most in ((endless, 100_000), (answer(b"x" * MB), 0)):
        taken.clear()
        with serving(always(reply)) as server, pytest.raises(Refusal) as refusal:
            fetch_to(server.url, lambda piece: taken.append(len(piece)), max_bytes=100_000, deadline=10)
        assert refusal.value.code == "url_too_large"
        assert sum(taken) <= most


def test_giving_on_is_guarded_like_fetching() -> None:
    taken: list[bytes] = []
    with serving(always(answer(b"secret"))) as server, pytest.raises(Refusal) as refusal:
        fetch_to(server.url, taken.append, max_bytes=100, deadline=10)
    assert (refusal.value.code, taken, server.requests) == ("url_not_allowed", [], [])


@pytest.mark.usefixtures("allowed")
def test_silence_ends_a_fetch_long_before_its_deadline() -> None:
    with serving(silent) as server:
        began = time.monotonic()
        with pytest.raises(Refusal) as refusal:
            fetch_to(server.url, len, max_bytes=100, deadline=600, silence=0.5)
        took = time.monotonic() - began
    assert refusal.value.code == "url_too_slow"
    assert "0.5 seconds" in refusal.value.message
    assert took < 5
