"""Unpacking an answer that came compressed, no further than the limit.

Answers are asked for as they are; servers that compress all the same are understood.
"""

import zlib
from collections.abc import Iterable, Iterator

STEP = 64 * 1024
# zlib's number for "read the header of gzip", and the one for data without any header.
GZIP = 16 + zlib.MAX_WBITS
BARE = -zlib.MAX_WBITS


class NotDecodable(ValueError):
    """The content is not in the encoding that its header names, or in one that is not understood."""


def decoded(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The content in pieces of at most STEP bytes, so that the reader can stop at its limit.

    Raises NotDecodable.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        yield from pieces
    elif name in ("gzip", "x-gzip"):
        yield from _inflated(pieces, GZIP)
    elif name == "deflate":
        yield from _deflated(pieces)
    else:
        raise NotDecodable("it is compressed in a way that was not asked for")


def _deflated(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """`deflate` means zlib's form, but some servers send it without zlib's header."""
    rest = iter(pieces)
    first = b""
    while len(first) < 2:
        piece = next(rest, None)
        if piece is None:
            raise NotDecodable("it ends too early")
        first += piece
    has_header = first[0] & 0x0F == 8 and int.from_bytes(first[:2], "big") % 31 == 0

    def all_pieces() -> Iterator[bytes]:
        yield first
        yield from rest

    yield from _inflated(all_pieces(), zlib.MAX_WBITS if has_header else BARE)


def _inflated(pieces: Iterable[bytes], form: int) -> Iterator[bytes]:
    machine = zlib.decompressobj(form)
    for piece in pieces:
        rest = piece
        while rest:
            if machine.eof:
                if form != GZIP:
                    return
                # The next member of a file that was put together from several.
                machine = zlib.decompressobj(form)
            try:
                found = machine.decompress(rest, STEP)
            except zlib.error:
                raise NotDecodable("its compressed content is damaged") from None
            rest = machine.unused_data if machine.eof else machine.unconsumed_tail
            if found:
                yield found
    yield from _last(machine)


def _last(machine: "zlib._Decompress") -> Iterator[bytes]:
    """What the machine still holds when all input is in it, again in steps."""
    while not machine.eof:
        try:
            found = machine.decompress(b"", STEP)
        except zlib.error:
            raise NotDecodable("its compressed content is damaged") from None
        if not found:
            raise NotDecodable("its compressed content ends too early")
        yield found
