"""Request ids: one per request, in the log, in the answer and in the tasks it starts."""

import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

HEADER = "X-Request-ID"
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
