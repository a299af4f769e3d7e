"""Every error the API can answer: its code, status and sentence, and which routes can answer which."""

from collections import defaultdict
from typing import Any

from rest_framework.permissions import SAFE_METHODS

from accounts.refusals import REFUSALS as OF_ACCOUNTS
from analysis.refusals import REFUSALS as OF_ANALYSIS
from emotionsite.errors import SENTENCES
from emotionsite.fetching import REFUSALS as OF_FETCHING
from emotionsite.problems import problem
from galleries.refusals import REFUSALS as OF_GALLERIES
from media_jobs.refusals import REFUSALS as OF_MEDIA

from .refusals import REFUSALS as OF_THE_FRAME

# What DRF itself refuses (emotionsite.api_errors.CODES), with a sentence of those it says.
_OF_DRF: dict[str, tuple[int, str]] = {
    "request_malformed": (400, "JSON parse error - Expecting value: line 1 column 1 (char 0)"),
    "invalid": (400, "Some fields are wrong."),
    "not_authenticated": (401, "Sign in, or send 'Authorization: Bearer es_...' with a key of your team."),
    "key_invalid": (
        401,
        "This API key is unknown, revoked or expired. Send 'Authorization: Bearer es_...' with a key of your "
        "team.",
    ),
    "forbidden": (403, "This needs the right 'analyze', which your key or role does not have."),
    "not_found": (404, "There is no such object in your team."),
    "method_not_allowed": (405, 'Method "PUT" not allowed.'),
    "not_acceptable": (406, "Could not satisfy the request Accept header."),
    "content_type_not_supported": (415, 'Unsupported media type "text/plain" in request.'),
}
_OF_THE_SERVER = {code: (status, sentence) for status, (code, sentence) in SENTENCES.items()}

ERRORS: dict[str, tuple[int, str]] = {
    **_OF_THE_SERVER,
    **OF_ACCOUNTS,
    **OF_FETCHING,
    **OF_ANALYSIS,
    **OF_MEDIA,
    **OF_GALLERIES,
    **OF_THE_FRAME,
    **_OF_DRF,
}

# What stands in the sentences of examples.
_FIGURES: dict[str, object] = {
    "names": "'filname'",
    "key": "staff",
    "external_id": "employee-17",
    "model": "arcface-r50",
    "known": "created_after, created_before, filename",
    "size": 512,
    "count": 250,
    "limit": 25,
    "width": 12,
    "height": 300,
    "team": "Red team",
    "name": "Maria",
    "email": "maria@example.org",
    "address": "203.0.113.7",
    "missing": "manage",
    "seconds": 12,
    "left": 0,
    "day": "1 December 2026",
    "days": 7,
    "ids": "8e16d2f4-f529-4364-a7cc-f311d2068e71",
    "reason": "access was denied.",
    "host": "example.org",
    "why": "its certificate is not valid",
    "teams": "Red team",
    "status": 404,
    "wanted": 128,
    "codec": "prores",
    "offset": 8_388_608,
    "received": 8_388_608,
    "length": 41_943_040,
    "version": 2,
    "one": "Person 1",
    "other": "Person 2",
    "at_ms": 12400,
    "first_ms": 200,
    "last_ms": 58400,
}
_MEMBERS: dict[str, dict[str, Any]] = {
    "invalid": {"errors": {"page_size": ["Send a whole number from 1 to 200."]}},
}

ALWAYS = (
    *("request_malformed", "parameter_unknown", "not_authenticated", "key_invalid", "address_not_allowed"),
    *(
        "forbidden",
        "team_is_being_deleted",
        "mfa_required",
        "not_acceptable",
        "rate_limited",
        "server_error",
        "service_unavailable",
    ),
)
WITH_A_BODY = ("invalid", "content_type_not_supported", "body_too_large", "file_too_large", "storage_full")
IDEMPOTENT = ("idempotency_key_invalid", "idempotency_in_progress", "idempotency_mismatch")


def codes_of(view: Any, method: str, *, addressed: bool) -> set[str]:
    """The codes that a view of a team can answer to a method; `addressed` when its path names an object."""
    reading = method in SAFE_METHODS
    codes = {*ALWAYS, *view.problems.get("GET" if reading else method, ())}
    if addressed:
        codes.add("not_found")
    if reading and view.reads is not None:
        codes.add("fields_unknown")
    if reading and view.pagination_class is not None:
        codes |= {"cursor_invalid", "invalid"}
    if reading and view.filters is not None:
        codes.add("invalid")
    if method in {"POST", "PUT", "PATCH"}:
        codes |= set(WITH_A_BODY)
    if method == "POST" and view.keeps_answers:
        codes |= set(IDEMPOTENT)
    return codes


def by_status(codes: set[str]) -> dict[int, list[str]]:
    """Codes in alphabetical order under their HTTP status. Raises KeyError for a code of no table."""
    found: dict[int, list[str]] = defaultdict(list)
    for code in sorted(codes):
        found[ERRORS[code][0]].append(code)
    return dict(sorted(found.items()))


def example_of(code: str) -> dict[str, Any]:
    """An answer with this code, as it comes over the wire."""
    status, sentence = ERRORS[code]
    text = sentence if code in _OF_DRF else sentence.format(**_FIGURES)
    body = problem(status=status, code=code, detail=text, **_MEMBERS.get(code, {}))
    return {**body, "request_id": "d1c8d760bda2498f8c6597307c273e09"}
