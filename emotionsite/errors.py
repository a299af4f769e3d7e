"""Pages for what goes wrong: each says what happened and what to do next."""

import sys
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from redis.exceptions import RedisError

from .dialects import error_in_dialect
from .problems import problem_response

API_PREFIX = "/api/"
SENTENCES: dict[int, tuple[str, str]] = {
    400: (
        "request_malformed",
        "The request could not be understood. Go back, reload the page and try again.",
    ),
    403: ("forbidden", "Your account may not do this here. Ask an owner of the team for the right role."),
    404: ("not_found", "There is no such page, or it belongs to another team, or it was deleted."),
    500: (
        "server_error",
        "Something went wrong on the server, and it was logged. Try again; if it stays, give the request id "
        "below to whoever runs this server.",
    ),
    503: (
        "service_unavailable",
        "The database, the message broker or the storage cannot be reached. Nothing you did is lost; try "
        "again in a minute. Whoever runs this server finds the reason with `make doctor`.",
    ),
}
CSRF_SENTENCE = (
    "This form was open for too long, or cookies are blocked. Go back, reload the page and try again."
)


def _answer(request: HttpRequest, status: int, sentence: str = "") -> HttpResponse:
    code, usual = SENTENCES[status]
    sentence = sentence or usual
    said = error_in_dialect(request.path, status=status, code=code, sentence=sentence)
    if said is not None:
        return JsonResponse(said, status=status)
    if request.path.startswith(API_PREFIX):
        return problem_response(status=status, code=code, detail=sentence)
    # The frame asks the database who is signed in; an error page must not need the database.
    context = {"status": status, "sentence": sentence, "request_id": request.META.get("HTTP_X_REQUEST_ID")}
    return render(request, "error.html", context, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 403, str(exception))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _answer(request, 403, CSRF_SENTENCE)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 404)


def server_error(request: HttpRequest, **_: Any) -> HttpResponse:
    """The last answer. Called while the exception is handled, so its type is still known."""
    fault = sys.exc_info()[1]
    away = isinstance(fault, OperationalError | InterfaceError | RedisError | BotoCoreError | ClientError)
    return _answer(request, 503 if away else 500)
