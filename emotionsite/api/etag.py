"""ETags of what the API shows: the same answer is not sent twice."""

import hashlib

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags

# Kept by the caller only, and asked for again each time: what was deleted must not live on in a cache.
CACHE_CONTROL = "private, no-cache"
_KEPT = ("ETag", "Cache-Control", "Vary", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


def tag_of(content: bytes) -> str:
    """A strong ETag, in its quotes."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def with_etag(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Give a rendered 200 answer a strong ETag of its bytes; 304 without a body when the caller has it."""
    tag = tag_of(response.content)
    response["ETag"] = tag
    response["Cache-Control"] = CACHE_CONTROL
    patch_vary_headers(response, ["Accept", "Authorization", "Cookie"])
    # If-None-Match compares weakly: a proxy may have made the tag a weak one.
    known = [item.removeprefix("W/") for item in parse_etags(request.headers.get("If-None-Match", ""))]
    if tag not in known and "*" not in known:
        return response
    unchanged = HttpResponseNotModified()
    for name in _KEPT:
        if name in response:
            unchanged[name] = response[name]
    return unchanged
