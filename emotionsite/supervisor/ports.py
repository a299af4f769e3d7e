"""Ports: remembered between runs, found free, and a sentence about who has a taken one."""

from __future__ import annotations

import errno
import json
import random
import socket
from pathlib import Path

import psutil

from emotionsite.supervisor.errors import SupervisorError
from emotionsite.supervisor.files import write_private

# Below the range from which the systems take ports for outgoing connections (Linux from 32768, macOS from
# 49152): a port from that range may be in use by anything at the next start.
_FIRST, _LAST = 20000, 29999
_ATTEMPTS = 200


def can_listen(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on `host` (an IPv4 address) and `port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(preferred: int = 0) -> int:
    """`preferred` when it is not 0 and free on 127.0.0.1, else some free port; SupervisorError if none is."""
    if preferred and can_listen(preferred):
        return preferred
    for _attempt in range(_ATTEMPTS):
        port = random.randint(_FIRST, _LAST)  # noqa: S311 - not a secret
        if can_listen(port):
            return port
    raise SupervisorError(
        f"No free port was found between {_FIRST} and {_LAST} on 127.0.0.1: stop some servers, then start "
        "again."
    )


def load_ports(path: Path) -> dict[str, int]:
    """The ports of the last run by service name; empty when there are none or the file is damaged."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # only a preference: losing it costs nothing
        return {}
    return {str(name): port for name, port in stored.items() if isinstance(port, int)}


def save_ports(path: Path, ports: dict[str, int]) -> None:
    """Remember the ports of this run."""
    write_private(path, json.dumps(ports) + "\n")


def listener_on(port: int) -> str:
    """'name (process 123)' of who listens on `port`, or 'another program' when hidden from us."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:  # macOS shows other users' sockets to root only
        return "another program"
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
            try:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
            except psutil.Error:
                return f"process {connection.pid}"
    return "another program"


def check_web_port(host: str, port: int) -> None:
    """Raise SupervisorError with the way out when the web process could not listen on `host` and `port`."""
    if not 0 < port < 65536:
        raise SupervisorError(f"There is no port {port}: choose one from 1024 to 65535 with PORT=.")
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError) as error:
        raise SupervisorError(
            f"The host name {host} is unknown: use an address of this machine, such as "
            "`make run HOST=127.0.0.1`."
        ) from error
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            raise SupervisorError(_port_sentence(error, host, port)) from error


def _port_sentence(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        other = next((number for number in range(port + 1, port + 100) if can_listen(number)), 9000)
        return (
            f"Port {port} is already taken by {listener_on(port)}: stop it, or choose another port with "
            f"`make run PORT={other}`."
        )
    if error.errno == errno.EACCES:
        return f"Only root may listen on port {port}: choose one from 1024 up, such as `make run PORT=8000`."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine: use 127.0.0.1, or 0.0.0.0 for every address."
    return (
        f"Port {port} of {host} cannot be used ({error.strerror}): choose another with `make run PORT=...`."
    )
