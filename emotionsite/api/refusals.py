"""What the frame of the API refuses, whatever the route: one code, one status, one sentence."""

from emotionsite.problems import Refusal

REFUSALS: dict[str, tuple[int, str]] = {
    "cursor_invalid": (
        400,
        "This cursor belongs to no page of this list. Take it unchanged from 'next' or 'previous', or leave "
        "it out to begin with the first page.",
    ),
    "parameter_unknown": (
        400,
        "This address knows no query parameter {names}. It knows {known}; correct the spelling or leave it "
        "out.",
    ),
    "fields_unknown": (
        400,
        "This answer has no field {names}. Ask for some of {known}, with a comma between two.",
    ),
    "body_too_large": (413, "The body is larger than {limit} MB. Send less at once."),
    "idempotency_key_invalid": (
        400,
        "An Idempotency-Key has 1 to 255 visible ASCII characters. Send a new UUID for each thing you want "
        "done.",
    ),
    "idempotency_in_progress": (
        409,
        "The first request with this Idempotency-Key is still at work. Send it again in a few seconds to get "
        "its answer.",
    ),
    "idempotency_mismatch": (
        422,
        "This Idempotency-Key came before with another request. Take a new key for a new request, or repeat "
        "the first one unchanged.",
    ),
}


def refuse(code: str, *, headers: dict[str, str] | None = None, **figures: object) -> Refusal:
    """The exception for a code of the table, with its sentence filled in."""
    status, sentence = REFUSALS[code]
    return Refusal(code=code, message=sentence.format(**figures), status=status, headers=headers or {})
