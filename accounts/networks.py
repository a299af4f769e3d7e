"""Addresses and ranges of addresses from which an API key may be used."""

import ipaddress
import re
from collections.abc import Iterable

from django.core.exceptions import ValidationError

MOST_NETWORKS = 20
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks_normalised(texts: Iterable[str]) -> list[str]:
    """Addresses and CIDR ranges in their one written form, in the given order, each once.

    An address stays an address, a range loses what is set behind its prefix (10.1.2.3/8 is 10.0.0.0/8), and
    an IPv4 address inside an IPv6 one is the IPv4 address, as in `emotionsite.client_address`. Raises
    ValidationError for anything else, and for more than MOST_NETWORKS.
    """
    found: dict[str, None] = {}
    for text in filter(None, (piece.strip() for piece in texts)):
        found[_written(_network(text))] = None
    if len(found) > MOST_NETWORKS:
        raise ValidationError(
            f"Give at most {MOST_NETWORKS} addresses or ranges; several can often be one larger range."
        )
    return list(found)


def split_lines(text: str) -> list[str]:
    """What was typed into one field, apart at commas, spaces and ends of lines."""
    return [piece for piece in re.split(r"[\s,;]+", text) if piece]


def address_is_in(address: str | None, networks: Iterable[str]) -> bool:
    """Whether an address of a client lies in one of the networks; one that is not known lies in none."""
    if address is None:
        return False
    known = ipaddress.ip_address(address)
    return any(known in ipaddress.ip_network(network) for network in networks)


def _network(text: str) -> Network:
    try:
        if "%" in text:
            raise ValueError("an interface of one machine says nothing about another one's address")
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise ValidationError(
            "'%(text)s' is no address and no range. Write 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32.",
            params={"text": text[:60]},
        ) from error
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is not None and network.prefixlen >= 96:
        return ipaddress.IPv4Network((mapped, network.prefixlen - 96))
    return network


def _written(network: Network) -> str:
    if network.prefixlen == network.max_prefixlen:
        return str(network.network_address)
    return str(network)
