"""The address a request comes from, behind as many proxies as the operator says."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """IPv4 or IPv6 address of the client; None where the server does not know one (a local socket).

    With `TRUSTED_PROXIES` = n, the n-th entry of X-Forwarded-For from the right counts, because only the
    entries that our own proxies wrote can be believed; with 0, the header is not looked at.
    """
    text = request.META.get("REMOTE_ADDR", "")
    if settings.TRUSTED_PROXIES:
        hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
        if len(hops) >= settings.TRUSTED_PROXIES:
            text = hops[-settings.TRUSTED_PROXIES]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(address)
