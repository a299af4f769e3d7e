"""Request ids, in the log, in the answer and in the tasks a request starts; what the log tells of it; and
what pages may ask of browsers."""

import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django_structlog.middlewares import RequestMiddleware

HEADER = "X-Request-ID"
# What a page may ask of the browser: nothing. A view that needs more sends the header itself.
PERMISSIONS_POLICY = "camera=(), microphone=(), geolocation=(), display-capture=()"
# Who has the key of such a link can set a password, confirm an address or join a team.
_LINK_KEY = re.compile(r"^(/accounts/(?:password/reset/key|confirm-email|invitations)/)[^/]+")
_ACCEPTED = re.compile(r"^[A-Za-z0-9._-]{8,64}$")


def request_id_middleware(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Keep a client's well-formed X-Request-ID, make one otherwise, and send it back.

    Runs before django_structlog, which reads the header and binds it to every line of the log.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        sent = request.headers.get(HEADER, "")
        request_id = sent if _ACCEPTED.match(sent) else uuid.uuid4().hex
        request.META["HTTP_X_REQUEST_ID"] = request_id
        # `request.headers` is computed once; the header may have changed above.
        request.__dict__.pop("headers", None)
        response = get_response(request)
        response[HEADER] = request_id
        return response

    return middleware


def permissions_middleware(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Keep pages from the visitor's camera, microphone, place and screen."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        return response

    return middleware


class RequestLogMiddleware(RequestMiddleware):
    """Logs method and path of requests: no query, and no key of a link sent by mail."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        path = _LINK_KEY.sub(r"\1…", request.path)
        return f"{request.method} {path}"
