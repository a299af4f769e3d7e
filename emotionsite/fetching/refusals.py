"""Every reason for which an address that a client gave is not fetched: one code, one status, one sentence.

No sentence repeats what the other side answered, nor which address a name stands for: a client could
otherwise look around in the network of the server.
"""

from emotionsite.problems import Refusal

REFUSALS: dict[str, tuple[int, str]] = {
    "url_malformed": (
        400,
        "This is not an address that can be fetched: {why}. Send one such as https://example.org/photo.jpg.",
    ),
    "url_not_allowed": (
        422,
        "{host} is not fetched: {why}. Use an address on the public internet; whoever runs this server "
        "can allow others with URL_FETCH_ALLOW.",
    ),
    "url_unreachable": (422, "{host} cannot be reached: {why}. Check the address and try again."),
    "url_too_slow": (
        422,
        "{host} did not answer in full within {seconds:g} seconds. Try again later or use a faster server.",
    ),
    "url_too_large": (
        413,
        "What {host} sends is larger than the {limit:,} bytes that may be fetched. Make it smaller.",
    ),
    "url_answered_error": (
        422,
        "{host} answered with the status {status} instead of the file. Check that the address works without "
        "signing in.",
    ),
    "url_answer_broken": (
        422,
        "{host} sent an answer that cannot be read: {why}. Try again or use another server.",
    ),
    "url_too_many_redirects": (
        422,
        "{host} leads from one address to the next, more than {limit} times. Send the last address.",
    ),
}


def refuse(code: str, **figures: object) -> Refusal:
    """The exception for a code of the table, with its sentence filled in."""
    status, sentence = REFUSALS[code]
    return Refusal(code=code, message=sentence.format(**figures), status=status)


__all__ = ["REFUSALS", "Refusal", "refuse"]
