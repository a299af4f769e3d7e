"""Errors of the native API as problem+json (RFC 9457) with a stable `code`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import structlog
from django.http import JsonResponse

CONTENT_TYPE = "application/problem+json"


@dataclass
class Refusal(Exception):
    """A request that is understood and not carried out: a code for programs, a sentence for people.

    `extra` are further members of the problem, `headers` further headers of the answer.
    """

    code: str
    message: str
    status: int
    extra: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message


def problem(*, status: int, code: str, detail: str, **extra: Any) -> dict[str, Any]:
    """The body of an error: what went wrong, in a code for programs and a sentence for people."""
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": request_id,
        **extra,
    }


def problem_response(*, status: int, code: str, detail: str) -> JsonResponse:
    """A problem outside of DRF's views."""
    return JsonResponse(
        problem(status=status, code=code, detail=detail), status=status, content_type=CONTENT_TYPE
    )


def refusal_response(refusal: Refusal) -> JsonResponse:
    """A refusal outside of DRF's views, with all it has to say."""
    body = problem(status=refusal.status, code=refusal.code, detail=refusal.message, **refusal.extra)
    return JsonResponse(body, status=refusal.status, headers=dict(refusal.headers), content_type=CONTENT_TYPE)
