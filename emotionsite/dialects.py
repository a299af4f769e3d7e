"""In which form errors are answered that arise outside of any view: too large a body, a fault, no route.

The native API's form is the usual one; apps above add those of the dialects they speak.
"""

import re
from collections.abc import Callable
from typing import Any

#: Paths of a dialect (matched from their beginning), and what makes the body of an error: of a status, a code
#: and a sentence.
DIALECTS: list[tuple[re.Pattern[str], Callable[[int, str, str], dict[str, Any]]]] = []


def error_in_dialect(path: str, *, status: int, code: str, sentence: str) -> dict[str, Any] | None:
    """The body of an error in the words of the dialect that is spoken at a path; None for other paths."""
    for paths, body in DIALECTS:
        if paths.match(path):
            return body(status, code, sentence)
    return None
