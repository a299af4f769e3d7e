"""DRF's exceptions, and our refusals, as problem+json."""

from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from .problems import CONTENT_TYPE, Refusal, problem

CODES: dict[type[Exception], str] = {
    exceptions.NotAuthenticated: "not_authenticated",
    exceptions.PermissionDenied: "forbidden",
    exceptions.NotFound: "not_found",
    exceptions.MethodNotAllowed: "method_not_allowed",
    exceptions.UnsupportedMediaType: "content_type_not_supported",
    exceptions.NotAcceptable: "not_acceptable",
    exceptions.ParseError: "request_malformed",
    exceptions.ValidationError: "invalid",
}


def problem_exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler; None for a fault of ours, which then becomes a 500 and is logged."""
    if isinstance(error, Refusal):
        set_rollback()
        return _response(error.status, error.code, error.message, dict(error.headers), **error.extra)
    if isinstance(error, Http404):
        error = exceptions.NotFound("There is no such object in your team.")
    elif isinstance(error, DjangoPermissionDenied):
        error = exceptions.PermissionDenied(str(error) or None)
    if not isinstance(error, exceptions.APIException):
        return None
    set_rollback()
    headers: dict[str, str] = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    if isinstance(error, exceptions.ValidationError):
        return _response(error.status_code, "invalid", "Some fields are wrong.", headers, errors=error.detail)
    code = CODES.get(type(error)) or str(error.get_codes())
    return _response(error.status_code, code, str(error.detail), headers)


def _response(
    status: int, code: str, detail: str, headers: dict[str, str] | None = None, **extra: Any
) -> Response:
    response = Response(
        problem(status=status, code=code, detail=detail, **extra), status=status, headers=headers
    )
    response.content_type = CONTENT_TYPE
    return response
