"""Reading an address that a client gave, before anything is looked up."""

import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote, urljoin, urlsplit

from .addresses import Address, allow_list, is_host_name, may_connect
from .refusals import refuse

MAX_LENGTH = 4000
DEFAULT_PORTS = {"http": 80, "https": 443}
# Below this are the ports of mail, databases and shells, which some of them could be made to talk to.
FIRST_FREE_PORT = 8000
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\\ud800-\udfff]")
# What may stand in a path or a query as it is; the rest is percent-encoded.
SAFE = "/?:@!$&'()*+,;=-._~%[]"


@dataclass(frozen=True)
class Target:
    """An address in parts. `host` is in ASCII and lower case, an IPv6 address without its brackets."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def netloc(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.path}"

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port


def read_target(url: str, *, base: Target | None = None) -> Target:
    """Take an address apart; with `base`, one that is relative to it.

    Raises Refusal `url_malformed`, or `url_not_allowed` for a port that is not fetched from. Which addresses
    a name stands for is looked at later, at every connection.
    """
    if len(url) > MAX_LENGTH:
        raise refuse("url_malformed", why=f"it is longer than {MAX_LENGTH:,} letters")
    if _FORBIDDEN.search(url):
        raise refuse("url_malformed", why="it contains a space, a backslash or a control character")
    try:
        parts = urlsplit(urljoin(base.url, url) if base else url)
        port = parts.port
    except ValueError:
        raise refuse("url_malformed", why="its host or its port cannot be read") from None
    scheme = parts.scheme.lower()
    if scheme not in DEFAULT_PORTS:
        raise refuse("url_malformed", why="it does not begin with http:// or https://")
    if "@" in parts.netloc:
        raise refuse("url_malformed", why="it contains a user name or a password")
    host = _host(parts.hostname or "", bracketed="[" in parts.netloc)
    target = Target(
        scheme=scheme,
        host=host,
        port=DEFAULT_PORTS[scheme] if port is None else port,
        path=quote(parts.path or "/", safe=SAFE)
        + (f"?{quote(parts.query, safe=SAFE)}" if parts.query else ""),
    )
    _check_port(target)
    return target


def _encoded(path: str, query: str) -> str:
    text = f"{path}?{query}" if query else path
    return quote(text, safe=SAFE)


def _host(text: str, *, bracketed: bool) -> str:
    """The host in ASCII. What looks like a number is left as it is: the address it means is checked later."""
    if bracketed:
        try:
            address = IPv6Address(text)
        except ValueError:
            raise refuse("url_malformed", why="its IPv6 address cannot be read") from None
        if address.scope_id is not None:
            raise refuse("url_malformed", why="its IPv6 address names a network interface")
        return str(address)
    try:
        host = text.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise refuse("url_malformed", why="its host is not a valid name") from None
    if not is_host_name(host.removesuffix(".")):
        raise refuse("url_malformed", why="its host is not a valid name")
    return host


def _check_port(target: Target) -> None:
    usual = target.port in DEFAULT_PORTS.values() or target.port >= FIRST_FREE_PORT
    if not usual and not _is_opened(target.host):
        why = f"port {target.port} is none of 80, 443 and {FIRST_FREE_PORT} or higher"
        raise refuse("url_not_allowed", host=target.host, why=why)


def _is_opened(host: str) -> bool:
    """Whether the operator's list names this host, or the address that is written in its place."""
    address = _written_address(host)
    return allow_list().has_host(host) or (address is not None and allow_list().has_address(address))


def _written_address(host: str) -> Address | None:
    """The address that stands in place of a name, also as 2130706433 or 0x7f.1; None for a name."""
    try:
        return IPv6Address(host) if ":" in host else IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def check_url(url: str) -> None:
    """Raises Refusal for an address that is sure not to be fetched, without looking its name up.

    For addresses that are kept and called later; the call checks again what the name stands for.
    """
    target = read_target(url)
    address = _written_address(target.host)
    if address is not None and not may_connect(target.host, [address]):
        raise refuse("url_not_allowed", host=target.host, why="it is not on the public internet")
