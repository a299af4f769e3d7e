"""Which addresses may be fetched from: those on the public internet, and those that the operator allows.

The registries are https://www.iana.org/assignments/iana-ipv4-special-registry and its sibling for IPv6. They
are written out here, because what `ipaddress` takes for global differs between versions of Python.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

Address = IPv4Address | IPv6Address

_CLOSED_V4 = [
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network; 0.0.0.0 is the machine itself on Linux
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by customers of a provider; also a metadata service (Alibaba)
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's own service for its machines, in the middle of public addresses
        "169.254.0.0/16",  # link-local, metadata services
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments; also a metadata service (Oracle)
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
]
# Of IPv6 only what is handed out as global unicast is open, without what is special inside of it.
_GLOBAL_V6 = IPv6Network("2000::/3")
_CLOSED_V6 = [
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
]
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = {0x00005EFE, 0x02005EFE}
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\Z")


def embedded(address: IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses that an IPv6 address stands for: mapped, 6to4, Teredo, NAT64."""
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.sixtofour is not None:
        return [address.sixtofour]
    if address.teredo is not None:
        return list(address.teredo)
    if address in _NAT64:
        return [_last_part(address)]
    return []


def _last_part(address: IPv6Address) -> IPv4Address:
    return IPv4Address(int(address) & 0xFFFF_FFFF)


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet, and so are those it carries inside."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _CLOSED_V4)
    if address.scope_id is not None:
        return False
    if inside := embedded(address):
        return all(is_public(one) for one in inside)
    # ISATAP hides an IPv4 address in the last part of an ordinary one.
    isatap = (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP
    if isatap and not is_public(_last_part(address)):
        return False
    return address in _GLOBAL_V6 and not any(address in network for network in _CLOSED_V6)


@dataclass(frozen=True)
class AllowList:
    """What URL_FETCH_ALLOW opens: names of hosts, addresses, and networks."""

    hosts: frozenset[str]
    networks: tuple[IPv4Network | IPv6Network, ...]

    def has_host(self, host: str) -> bool:
        return host.rstrip(".") in self.hosts

    def has_address(self, address: Address) -> bool:
        """Whether the address is in a network of the list, by itself or as the IPv4 address it maps."""
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return any(one in network for one in (address, mapped) if one for network in self.networks)


@lru_cache(maxsize=8)
def _parsed(entries: tuple[str, ...]) -> AllowList:
    hosts: set[str] = set()
    networks: list[IPv4Network | IPv6Network] = []
    for entry in entries:
        text = entry.strip().lower()
        try:
            networks.append(ip_network(text, strict=False))
        except ValueError:
            if not _HOST.match(text):
                raise ImproperlyConfigured(
                    f"URL_FETCH_ALLOW holds {entry!r}, which is neither a host nor an address nor a network "
                    "such as 10.0.0.0/8. Separate the entries with commas."
                ) from None
            hosts.add(text)
    return AllowList(frozenset(hosts), tuple(networks))


def allow_list() -> AllowList:
    """The list of the settings. Raises ImproperlyConfigured when an entry cannot be understood."""
    return _parsed(tuple(entry for entry in settings.URL_FETCH_ALLOW if entry.strip()))


def may_connect(host: str, addresses: Sequence[Address]) -> bool:
    """Whether a host may be fetched from that stands for these addresses: all of them must be allowed.

    A name that mixes public addresses with others is one that somebody points at two places on purpose.
    """
    allowed = allow_list()
    return allowed.has_host(host) or all(
        allowed.has_address(address) or is_public(address) for address in addresses
    )


def is_host_name(text: str) -> bool:
    """Whether a text has the form of a host name or of an IPv4 address: lower case, no dot at the end."""
    return _HOST.match(text) is not None
