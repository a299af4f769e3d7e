"""Long answers that are made while they are sent."""

import csv
import io
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse

# A spreadsheet would take a cell that begins like this for a formula and run it.
FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r")


def streamed(
    make: Callable[[], Iterator[bytes]], *, content_type: str, filename: str
) -> StreamingHttpResponse:
    """A file to be saved, sent piece by piece. `make` is called when sending begins.

    The web server is asynchronous, and Django would first collect the whole of an ordinary generator. The
    generator must enter the team's scope for each piece by itself: it runs when the view is over.
    """
    headers = {
        "Content-Disposition": f'attachment; filename="{filename}"',
        "Cache-Control": "private, no-store",
    }
    return StreamingHttpResponse(in_pieces(make), content_type=content_type, headers=headers)


async def in_pieces(make: Callable[[], Iterator[bytes]]) -> AsyncIterator[bytes]:
    """What `make` makes, one piece after the other, for an answer of the asynchronous web server."""
    # In the thread of this request, as its view: the database's connection is the same and is closed with it.
    pieces = await sync_to_async(make)()
    while (piece := await sync_to_async(_next)(pieces)) is not None:
        yield piece


def _next(pieces: Iterator[bytes]) -> bytes | None:
    return next(pieces, None)


def defused(value: Any) -> Any:
    """A value that no spreadsheet takes for a formula."""
    if isinstance(value, str) and value.startswith(FORMULA_BEGINS):
        return f"'{value}"
    return value


def csv_lines(rows: Iterable[Iterable[Any]]) -> bytes:
    """Rows as CSV, with every cell defused."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([defused(value) for value in row] for row in rows)
    return text.getvalue().encode()


class Sink(io.RawIOBase):
    """A file that is only written, and from which what was written is taken away."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._pieces.append(piece)
        self._position += len(piece)
        return len(piece)

    def take(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken
