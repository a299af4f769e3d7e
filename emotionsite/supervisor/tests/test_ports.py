"""Ports: kept when free, and a way out when not."""

import os
import socket
from pathlib import Path

import pytest

from emotionsite.supervisor.errors import SupervisorError
from emotionsite.supervisor.ports import check_web_port, free_port, load_ports, save_ports


def test_taken_port_names_its_owner_and_a_free_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(SupervisorError) as refused:
            check_web_port("127.0.0.1", port)
    sentence = str(refused.value)
    assert f"Port {port} is already taken by" in sentence
    assert f"(process {os.getpid()})" in sentence
    suggested = int(sentence.split("PORT=")[1].split("`")[0])
    assert suggested != port
    check_web_port("127.0.0.1", suggested)


@pytest.mark.parametrize(
    ("host", "port", "sentence"),
    [
        ("127.0.0.1", 70000, "There is no port 70000"),
        ("192.0.2.1", 8000, "is not an address of this machine"),
        ("no such host.invalid", 8000, "is unknown: use an address of this machine"),
    ],
)
def test_impossible_addresses_are_said_in_a_sentence(host: str, port: int, sentence: str) -> None:
    with pytest.raises(SupervisorError, match=sentence):
        check_web_port(host, port)


def test_preferred_port_is_kept_while_it_is_free() -> None:
    port = free_port()
    assert free_port(port) == port
    with socket.create_server(("127.0.0.1", port)):
        assert free_port(port) != port


def test_ports_are_remembered_and_a_damaged_file_is_no_trouble(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    assert load_ports(path) == {}
    save_ports(path, {"postgres": 20001})
    assert load_ports(path) == {"postgres": 20001}
    path.write_text("{half")
    assert load_ports(path) == {}
