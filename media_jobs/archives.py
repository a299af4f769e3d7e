"""ZIP archives in the storage: what they hold, and single entries read without the rest.

Nothing is ever unpacked to disk, so names in an archive are labels and never paths. What an entry may become
is bounded twice: by what the archive says of it, and by what decompressing it really gives.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from . import files
from .refusals import Refusal, refuse

# A central directory of this size names more than a hundred thousand entries.
MAX_DIRECTORY_BYTES = 8 * 1024**2
# Photos hardly shrink; only drawings and blank scans do, and those are small.
MAX_RATIO = 100
RATIO_COUNTS_FROM = 1024**2
LOCAL_HEADER = struct.Struct("<4s5H3I2H")
END_OF_DIRECTORY = struct.Struct("<4s4H2IH")
END_64 = struct.Struct("<4sQ2H2I4Q")
LOCATOR_64_BYTES = 20
LONGEST_COMMENT = 65535
PIECE = 256 * 1024


@dataclass(frozen=True)
class Entry:
    """One file of an archive. `refusal` says why it cannot be taken; then the figures are not to be used."""

    name: str
    offset: int
    compressed: int
    size: int
    method: int
    crc: int
    refusal: Refusal | None = None

    @property
    def source(self) -> dict[str, Any]:
        """What `entry_read` needs, as plain JSON."""
        return {
            "offset": self.offset,
            "compressed": self.compressed,
            "size": self.size,
            "method": self.method,
            "crc": self.crc,
        }


def looks_like_archive(file: IO[bytes]) -> bool:
    """Whether a file ends as a ZIP archive does. Leaves it at its beginning."""
    found = _directory_size(file) is not None
    file.seek(0)
    return found


def entries(name: str, *, largest_file: int) -> list[Entry]:
    """All files in a stored archive but hidden ones, in the archive's order.

    Raises Refusal for an archive that is none, is damaged, or is made to burst; and `archive_gone`.
    """
    try:
        with files.ranged(name) as file:
            size = _directory_size(file)
            if size is None:
                raise refuse("archive_not_zip")
            if size > MAX_DIRECTORY_BYTES:
                raise refuse("batch_too_large")
            with zipfile.ZipFile(file) as archive:
                infos = archive.infolist()
    except FileNotFoundError as error:
        raise refuse("archive_gone") from error
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
        raise refuse("archive_damaged") from error
    _refuse_overlaps(infos)
    return [_entry(info, largest_file) for info in infos if not (info.is_dir() or is_hidden(info.filename))]


def entry_read(name: str, source: dict[str, Any], *, largest_file: int) -> bytes:
    """The bytes of one entry. Raises Refusal when the archive is gone or does not hold what it promised."""
    try:
        header = files.read_range(name, source["offset"], LOCAL_HEADER.size)
        if len(header) < LOCAL_HEADER.size or not header.startswith(b"PK\x03\x04"):
            raise refuse("archive_damaged")
        name_length, extra_length = LOCAL_HEADER.unpack(header)[-2:]
        start = source["offset"] + LOCAL_HEADER.size + name_length + extra_length
        packed = files.read_range(name, start, source["compressed"])
    except FileNotFoundError as error:
        raise refuse("archive_gone") from error
    content = _unpacked(packed, source["method"], min(largest_file, source["size"]))
    if len(content) != source["size"] or zlib.crc32(content) != source["crc"]:
        raise refuse("archive_damaged")
    return content


def is_hidden(name: str) -> bool:
    """Whether a name is one that systems leave behind, not people: `.DS_Store`, `__MACOSX/`, `Thumbs.db`."""
    parts = name.replace("\\", "/").split("/")
    leavings = {"__macosx", "thumbs.db", "desktop.ini"}
    return any(
        part.lower() in leavings or (part.startswith(".") and part not in {".", ".."}) for part in parts
    )


def _directory_size(file: IO[bytes]) -> int | None:
    """Bytes of the central directory as the end of the file states them; None when it is no archive.

    Where a 64-bit record stands before the end, `zipfile` believes that one, so it is looked at as well.
    """
    length = file.seek(0, io.SEEK_END)
    start = max(0, length - LONGEST_COMMENT - END_OF_DIRECTORY.size - END_64.size - LOCATOR_64_BYTES)
    file.seek(start)
    tail = file.read(length - start)
    position = tail.rfind(b"PK\x05\x06")
    if position < 0 or len(tail) - position < END_OF_DIRECTORY.size:
        return None
    size = int(END_OF_DIRECTORY.unpack_from(tail, position)[5])
    locator = position - LOCATOR_64_BYTES
    if locator >= END_64.size and tail.startswith(b"PK\x06\x07", locator):
        return int(END_64.unpack_from(tail, locator - END_64.size)[8])
    return size


def _refuse_overlaps(infos: list[zipfile.ZipInfo]) -> None:
    """Entries that share bytes are how a small archive claims to hold a world."""
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise refuse("archive_bomb")
        end = info.header_offset + LOCAL_HEADER.size + info.compress_size


def _entry(info: zipfile.ZipInfo, largest_file: int) -> Entry:
    return Entry(
        name=label(info.filename),
        offset=info.header_offset,
        compressed=info.compress_size,
        size=info.file_size,
        method=info.compress_type,
        crc=info.CRC,
        refusal=_refusal(info, largest_file),
    )


def _refusal(info: zipfile.ZipInfo, largest_file: int) -> Refusal | None:
    parts = info.filename.replace("\\", "/").split("/")
    if ".." in parts or info.filename.startswith(("/", "\\")) or ":" in parts[0]:
        return refuse("archive_entry_path")
    if info.flag_bits & 0x1:
        return refuse("archive_entry_encrypted")
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        return refuse("archive_entry_packing")
    if info.file_size > largest_file:
        return refuse("file_too_large", limit=f"{largest_file / 1024**2:g}")
    if info.file_size > RATIO_COUNTS_FROM and info.file_size > MAX_RATIO * info.compress_size:
        return refuse("archive_bomb")
    return None


def label(name: str) -> str:
    """A name for people: printable, and the end of it where it is longer than 255 letters."""
    return "".join(letter for letter in name.replace("\\", "/") if letter.isprintable())[-255:]


def _unpacked(packed: bytes, method: int, most: int) -> bytes:
    """Decompress at most `most` bytes; one more tells that the entry lies about its size."""
    if method == zipfile.ZIP_STORED:
        return packed
    machine = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = b"".join(_pieces(machine, packed, most + 1))
    except zlib.error as error:
        raise refuse("archive_damaged") from error
    if len(content) > most:
        raise refuse("archive_bomb")
    return content


def _pieces(machine: Any, packed: bytes, most: int) -> Iterator[bytes]:
    while most > 0 and (piece := machine.decompress(packed, min(most, PIECE))):
        most -= len(piece)
        packed = machine.unconsumed_tail
        yield piece
