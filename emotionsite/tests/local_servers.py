"""Real servers on addresses of this machine, for tests of what goes out over the network."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Request:
    """What a client sent: the line, headers in lower case, the body."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.line.split(" ")[1]


@dataclass
class LocalServer:
    """Where a server listens, and what it was sent."""

    host: str
    port: int
    scheme: str = "http"
    requests: list[Request] = field(default_factory=list)
    #: Set when the server is to end; answers that drip look at it.
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


#: Answers one request: writes what it likes into the connection, which is closed afterwards.
Reply = Callable[[Request, socket.socket, LocalServer], None]


def answer(content: bytes = b"", *, status: str = "200 OK", headers: dict[str, str] | None = None) -> bytes:
    """A plain answer with its length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + content


def always(data: bytes) -> Reply:
    """Sends the same bytes to everybody."""
    return lambda request, connection, server: connection.sendall(data)


def _read_request(connection: socket.socket) -> Request | None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    line, *rest = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in rest)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    return Request(line, headers, body)


@contextmanager
def serving(
    reply: Reply, *, host: str = "127.0.0.1", port: int = 0, context: ssl.SSLContext | None = None
) -> Iterator[LocalServer]:
    """A server that answers by `reply`, each connection in a thread of its own, until the block ends."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(64)
    listener.settimeout(0.1)
    server = LocalServer(host, listener.getsockname()[1], "https" if context else "http")
    threads: list[threading.Thread] = []

    def one(raw: socket.socket) -> None:
        # A client that gives up half-way is what many tests are about.
        with raw, suppress(OSError):
            raw.settimeout(20)
            connection = context.wrap_socket(raw, server_side=True) if context else raw
            with connection:
                request = _read_request(connection)
                if request is not None:
                    server.requests.append(request)
                    reply(request, connection, server)

    def accept() -> None:
        while not server.over.is_set():
            with suppress(TimeoutError):
                connection, _ = listener.accept()
                thread = threading.Thread(target=one, args=(connection,), daemon=True)
                threads.append(thread)
                thread.start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield server
    finally:
        server.over.set()
        accepting.join(timeout=5)
        listener.close()
        for thread in threads:
            thread.join(timeout=5)
