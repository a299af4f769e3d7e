"""Connections of the fetcher: looked up once, every address checked, connected to what was checked.

httpcore speaks HTTP over these; it never looks a name up itself. One deadline holds for looking up,
connecting, the TLS handshake, sending and reading together, so that nobody can hold a worker by dripping.
"""

import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

import httpcore

from .addresses import Address, may_connect
from .refusals import refuse

MAX_ADDRESSES = 4
# Lookups that run at once in a process. One that hangs holds its place until the system's resolver gives up.
_lookups = threading.BoundedSemaphore(32)
SocketOptions = Iterable[Any] | None


class Deadline:
    """A moment after which everything is over. With `silence`, no single wait is longer than that."""

    def __init__(self, seconds: float, *, silence: float | None = None) -> None:
        self.seconds = seconds
        self._silence = silence
        self._end = time.monotonic() + seconds

    @property
    def waited(self) -> float:
        """What was waited for in vain, in seconds: everything, or the next sign."""
        if self._silence is None or time.monotonic() >= self._end:
            return self.seconds
        return self._silence

    def left(self) -> float:
        """Seconds to wait, more than 0. Raises httpcore.TimeoutException when none are left."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("The deadline of the fetch has passed.")
        return left if self._silence is None else min(left, self._silence)


@lru_cache(maxsize=1)
def tls_context() -> ssl.SSLContext:
    """Verifies names and certificates against the system's store (or SSL_CERT_FILE), TLS 1.2 or later."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def look_up(host: str, port: int) -> list[Address]:
    """Addresses that the system's resolver gives for a name; also reads 2130706433 and 0x7f.1 as addresses.

    Raises OSError or UnicodeError for a name that has none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(entry[4][0]) for entry in found))


def _look_up_in_time(host: str, port: int, deadline: Deadline) -> list[Address]:
    """`look_up` in a thread, because a lookup cannot be told when to stop."""
    if not _lookups.acquire(timeout=deadline.left()):
        raise httpcore.ConnectTimeout("Too many lookups are waiting.")
    answers: queue.SimpleQueue[list[Address] | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put(look_up(host, port))
        except (OSError, UnicodeError, ValueError) as fault:
            answers.put(fault)
        finally:
            _lookups.release()

    threading.Thread(target=run, daemon=True, name="fetch-lookup").start()
    try:
        answer = answers.get(timeout=deadline.left())
    except queue.Empty:
        raise httpcore.ConnectTimeout("The name was not found in time.") from None
    if isinstance(answer, Exception) or not answer:
        raise refuse("url_unreachable", host=host, why="its name is not known")
    return answer


class GuardedStream(httpcore.NetworkStream):
    """A connection under a deadline; the timeouts that httpcore passes are not used."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._sock.settimeout(self._deadline.left())
        try:
            return self._sock.recv(max_bytes)
        except TimeoutError:
            raise httpcore.ReadTimeout("The answer is late.") from None
        except OSError as fault:
            raise httpcore.ReadError(str(fault)) from fault

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        rest = memoryview(buffer)
        while rest:
            self._sock.settimeout(self._deadline.left())
            try:
                rest = rest[self._sock.send(rest) :]
            except TimeoutError:
                raise httpcore.WriteTimeout("The request is not taken.") from None
            except OSError as fault:
                raise httpcore.WriteError(str(fault)) from fault

    def close(self) -> None:
        self._sock.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> "GuardedStream":
        """Verifies the certificate against the host of the address, not against what it was looked up to."""
        host = server_hostname or ""
        self._sock.settimeout(self._deadline.left())
        try:
            return GuardedStream(
                ssl_context.wrap_socket(self._sock, server_hostname=host.removesuffix(".")), self._deadline
            )
        except TimeoutError:
            raise httpcore.ConnectTimeout("The handshake is late.") from None
        except ssl.SSLCertVerificationError:
            why = "its certificate is not valid for this name"
            raise refuse("url_unreachable", host=host, why=why) from None
        except OSError:
            raise refuse("url_unreachable", host=host, why="no TLS connection can be made") from None
        finally:
            # wrap_socket takes the descriptor over; what is left of a failed handshake is closed here.
            self._sock.close()

    def get_extra_info(self, info: str) -> Any:
        if info == "ssl_object":
            return self._sock if isinstance(self._sock, ssl.SSLSocket) else None
        return self._sock if info == "socket" else None


class GuardedBackend(httpcore.NetworkBackend):
    """Makes the connections of one fetch."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: SocketOptions = None,
    ) -> GuardedStream:
        """Connect to an address that was checked. Raises Refusal when the name has one that must not be."""
        addresses = _look_up_in_time(host, port, self._deadline)
        if not may_connect(host, addresses):
            raise refuse("url_not_allowed", host=host, why="it is not on the public internet")
        tried = addresses[:MAX_ADDRESSES]
        for number, address in enumerate(tried):
            # The addresses that follow keep their share of the time.
            share = self._deadline.left() / (len(tried) - number)
            if sock := _connected(address, port, share):
                return GuardedStream(sock, self._deadline)
        self._deadline.left()
        raise refuse("url_unreachable", host=host, why="nothing answers there")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: SocketOptions = None
    ) -> httpcore.NetworkStream:
        raise NotImplementedError("The fetcher connects to hosts only.")

    def sleep(self, seconds: float) -> None:
        raise NotImplementedError("The fetcher does not try twice.")


def _connected(address: Address, port: int, timeout: float) -> socket.socket | None:
    """A socket connected to the address itself, without another lookup; None when nothing answers in time."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        sock.connect((str(address), port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        sock.close()
        return None
    return sock
