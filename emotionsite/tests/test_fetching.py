"""The guarded fetcher against real servers: what it reaches, what it refuses, where it is led."""

import socket
from ipaddress import ip_address

import pytest
from pytest_django import Settings

from emotionsite.fetching import Fetched, call, fetch, network
from emotionsite.fetching.addresses import Address

from .fetching_helpers import refused
from .local_servers import LocalServer, Request, always, answer, serving


@pytest.fixture()
def allowed(settings: Settings) -> None:
    """Local servers may be reached, but only at 127.0.0.1."""
    settings.URL_FETCH_ALLOW = ["127.0.0.1"]


def names(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let every name stand for the next of `answers` (the last one from then on); returns what was asked."""
    asked: list[str] = []

    def look_up(host: str, port: int) -> list[Address]:
        asked.append(host)
        return [ip_address(text) for text in answers[min(len(asked), len(answers)) - 1]]

    monkeypatch.setattr(network, "look_up", look_up)
    return asked


def connections(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses that were connected to; none of them really is."""
    made: list[str] = []

    def connected(address: Address, port: int, timeout: float) -> None:
        made.append(str(address))

    monkeypatch.setattr(network, "_connected", connected)
    return made


# --- What works -------------------------------------------------------------------------------------
@pytest.mark.usefixtures("allowed")
def test_an_allowed_host_is_fetched_with_its_headers() -> None:
    with serving(always(answer(b"photo", headers={"Content-Type": "image/png"}))) as server:
        fetched = fetch(f"{server.url}/a%20b/ä?q=ö#part", max_bytes=5, headers={"X-Own": "1"})
    assert (fetched.status, fetched.content, fetched.headers["content-type"]) == (200, b"photo", "image/png")
    (request,) = server.requests
    assert request.line == "GET /a%20b/%C3%A4?q=%C3%B6 HTTP/1.1"
    assert request.headers["host"] == f"127.0.0.1:{server.port}"
    assert request.headers["x-own"] == "1"
    assert request.headers["accept-encoding"] == "identity"


@pytest.mark.usefixtures("allowed")
def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with serving(always(answer(b"direct"))) as server:
        assert fetch(server.url, max_bytes=10).content == b"direct"


@pytest.mark.parametrize("entry", ["127.0.0.1", "127.0.0.0/8", "localhost", " LOCALHOST "])
def test_the_allow_list_takes_addresses_networks_and_hosts(settings: Settings, entry: str) -> None:
    host = "localhost" if "local" in entry.lower() else "127.0.0.1"
    with serving(always(answer(b"inside"))) as server:
        assert refused(f"http://{host}:{server.port}/").code == "url_not_allowed"
        settings.URL_FETCH_ALLOW = [entry]
        assert fetch(f"http://{host}:{server.port}/", max_bytes=10).content == b"inside"


def test_an_allowed_host_does_not_open_its_neighbours(settings: Settings) -> None:
    settings.URL_FETCH_ALLOW = ["127.0.0.1", "intranet.example"]
    with serving(always(answer()), host="127.0.0.2") as server:
        assert refused(server.url).code == "url_not_allowed"
    assert server.requests == []


# --- Private addresses, by name and in every spelling -----------------------------------------------
@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "017700000001",
        "0177.0.0.1",
        "127.1",
        "0",
        "0.0.0.0",  # noqa: S104
        "\uff11\uff12\uff17.0.0.1",
        "127\u30020\u30020\u30021",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:7f00:0001]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
    ],
)
def test_this_machine_is_not_reached_however_it_is_spelled(host: str) -> None:
    with serving(always(answer(b"secret")), host="0.0.0.0") as server:  # noqa: S104
        refusal = refused(f"http://{host}:{server.port}/")
    assert refusal.code == "url_not_allowed"
    assert "secret" not in refusal.message
    assert server.requests == []


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "198.18.0.1",
        "192.0.2.1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "2001:0:0a00:1::",
        "3fff::1",
        "100::1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a00:1",
        "2002:a9fe:a9fe::1",
        "::ffff:169.254.169.254",
        "2606:4700::5efe:a9fe:a9fe",
    ],
)
def test_names_that_stand_for_closed_addresses_are_refused(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    asked = names(monkeypatch, [address])
    made = connections(monkeypatch)
    refusal = refused("http://photos.example.org/")
    assert (refusal.code, refusal.status) == ("url_not_allowed", 422)
    assert address not in refusal.message, "a client does not learn what a name stands for inside"
    assert (asked, made) == (["photos.example.org"], [])


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:4700::6810:84e5", "64:ff9b::5db8:d822", "::ffff:93.184.216.34"]
)
def test_public_addresses_are_connected_to(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    names(monkeypatch, [address])
    made = connections(monkeypatch)
    assert refused("http://photos.example.org/").code == "url_unreachable"
    assert made == [str(ip_address(address))]


def test_a_name_with_one_closed_address_among_public_ones_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, ["93.184.216.34", "10.0.0.1"])
    made = connections(monkeypatch)
    assert refused("http://photos.example.org/").code == "url_not_allowed"
    assert made == []


# --- DNS rebinding ----------------------------------------------------------------------------------
def test_the_connection_goes_to_the_address_that_was_checked(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that stands for an allowed address when it is checked, and for another one ever after."""
    settings.URL_FETCH_ALLOW = ["127.0.0.2"]
    asked = names(monkeypatch, ["127.0.0.2"], ["127.0.0.1"])
    with (
        serving(always(answer(b"checked")), host="127.0.0.2") as checked,
        serving(always(answer(b"inside")), host="127.0.0.1", port=checked.port) as inside,
    ):
        fetched = fetch(f"http://rebind.example.org:{checked.port}/", max_bytes=100)
    assert fetched.content == b"checked"
    assert asked == ["rebind.example.org"], "looked up once: what is checked is what is used"
    assert checked.requests[0].headers["host"] == f"rebind.example.org:{checked.port}"
    assert inside.requests == []


def test_a_name_that_changes_between_redirects_is_checked_anew(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.URL_FETCH_ALLOW = ["127.0.0.2"]
    asked = names(monkeypatch, ["127.0.0.2"], ["127.0.0.1"])
    leads = always(answer(status="302 Found", headers={"Location": "/again"}))
    with (
        serving(leads, host="127.0.0.2") as checked,
        serving(always(answer(b"inside")), host="127.0.0.1", port=checked.port) as inside,
    ):
        refusal = refused(f"http://rebind.example.org:{checked.port}/")
    assert refusal.code == "url_not_allowed"
    assert asked == ["rebind.example.org"] * 2
    assert (len(checked.requests), inside.requests) == (1, [])


# --- Redirects --------------------------------------------------------------------------------------
@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("status", ["301 A", "302 B", "303 C", "307 D", "308 E"])
def test_redirects_are_followed(status: str) -> None:
    def reply(request: Request, connection: socket.socket, server: LocalServer) -> None:
        moved = answer(status=status, headers={"Location": "../there?a=1"})
        connection.sendall(moved if request.path == "/a/b" else answer(b"here"))

    with serving(reply) as server:
        fetched = fetch(f"{server.url}/a/b", max_bytes=10)
    assert (fetched.content, fetched.url) == (b"here", f"{server.url}/there?a=1")


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("http://127.0.0.2:{port}/", "url_not_allowed"),
        ("http://169.254.169.254/latest/meta-data/", "url_not_allowed"),
        ("//[::1]:{port}/", "url_not_allowed"),
        ("http://2130706434:{port}/", "url_not_allowed"),
        ("http://user:word@127.0.0.1:{port}/", "url_malformed"),
        ("file:///etc/passwd", "url_malformed"),
        ("gopher://127.0.0.1:{port}/", "url_malformed"),
        ("http://127.0.0.2:25/", "url_not_allowed"),
    ],
)
def test_redirects_to_what_is_closed_are_refused(location: str, code: str) -> None:
    def reply(request: Request, connection: socket.socket, server: LocalServer) -> None:
        headers = {"Location": location.format(port=server.port)}
        connection.sendall(answer(status="302 Found", headers=headers))

    with serving(always(answer(b"inside")), host="127.0.0.2") as inside:
        with serving(reply) as server:
            assert refused(server.url).code == code
        assert (len(server.requests), inside.requests) == (1, [])


@pytest.mark.usefixtures("allowed")
def test_an_endless_row_of_redirects_ends_after_five() -> None:
    with serving(always(answer(status="302 Found", headers={"Location": "/next"}))) as server:
        refusal = refused(server.url)
    assert refusal.code == "url_too_many_redirects"
    assert len(server.requests) == 6


@pytest.mark.usefixtures("allowed")
def test_headers_of_the_caller_do_not_go_to_another_origin() -> None:
    with serving(always(answer(b"end"))) as second:
        leads = always(answer(status="302 Found", headers={"Location": f"{second.url}/x"}))
        with serving(leads) as first:
            fetch(first.url, max_bytes=10, headers={"Authorization": "Bearer of-the-first"})
    assert first.requests[0].headers["authorization"] == "Bearer of-the-first"
    assert "authorization" not in second.requests[0].headers


@pytest.mark.usefixtures("allowed")
def test_redirects_are_an_error_where_they_are_not_wanted() -> None:
    with serving(always(answer(status="302 Found", headers={"Location": "/x"}))) as server:
        refusal = refused(server.url, follow_redirects=False)
        called = call(server.url, body=b"{}", headers={}, keep_bytes=10)
    assert refusal.code == "url_answered_error"
    assert called.status == 302
    assert len(server.requests) == 2


# --- Answers ----------------------------------------------------------------------------------------
@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("status", ["304 X", "403 X", "404 X", "500 secret reason"])
def test_an_error_says_its_status_and_nothing_of_its_content(status: str) -> None:
    with serving(always(answer(b"secret body", status=status))) as server:
        refusal = refused(server.url)
    assert refusal.code == "url_answered_error"
    assert status[:3] in refusal.message
    assert "secret" not in refusal.message


@pytest.mark.usefixtures("allowed")
def test_a_call_brings_back_the_beginning_of_any_answer() -> None:
    with serving(always(answer(b"no" * 50_000, status="503 Away"))) as server:
        called = call(
            server.url, body=b'{"a": 1}', headers={"Content-Type": "application/json"}, keep_bytes=7
        )
    assert isinstance(called, Fetched)
    assert (called.status, called.content) == (503, b"nononon")
    (request,) = server.requests
    assert (request.line, request.body) == ("POST / HTTP/1.1", b'{"a": 1}')


@pytest.mark.usefixtures("allowed")
def test_nobody_listening_is_unreachable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert refused(f"http://127.0.0.1:{port}/").code == "url_unreachable"


def test_a_name_that_nobody_has_is_unreachable() -> None:
    assert refused("http://nobody-has-this.invalid/").code == "url_unreachable"
