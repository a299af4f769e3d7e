"""A file kept in parts: written in bounded memory, read as one."""

import hashlib
import io
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage

from accounts.models import Team
from media_jobs import files
from media_jobs.refusals import Refusal, refuse
from media_jobs.video.parts import (
    PartsWriter,
    VideoFile,
    folder_of,
    open_parts,
    parts_size,
    parts_sweep,
    parts_write,
)

CONTENT = bytes(range(256)) * 40
VIDEO = "0d9c8b7a-6f5e-4d3c-8b1a-9f8e7d6c5b4a"
Names = Callable[[], list[str]]


@pytest.fixture()
def folder(in_team: Team) -> str:
    return folder_of(in_team.pk, VIDEO)  # type: ignore[arg-type]  # any text will do


@pytest.mark.parametrize("part_bytes", [1, 7, 1000, len(CONTENT), len(CONTENT) + 1])
def test_what_was_written_is_read(in_team: Team, folder: str, part_bytes: int) -> None:
    content = CONTENT[:300] if part_bytes == 1 else CONTENT
    parts = parts_write(in_team, folder, io.BytesIO(content), part_bytes)
    assert parts_size(parts) == len(content)
    assert all(size <= part_bytes for _, size in parts)
    assert len(parts) == -(-len(content) // part_bytes)
    with open_parts(parts) as file:
        assert file.read() == content


def test_every_place_can_be_read_across_parts(in_team: Team, folder: str) -> None:
    parts = parts_write(in_team, folder, io.BytesIO(CONTENT), 1000)
    with open_parts(parts) as file:
        for start in (0, 999, 1000, 1001, 5500, len(CONTENT) - 1, len(CONTENT), len(CONTENT) + 5):
            for length in (0, 1, 2, 1000, 2500):
                assert file.seek(start) == start
                assert file.read(length) == CONTENT[start : start + length]
        assert file.seek(-10, io.SEEK_END) == len(CONTENT) - 10
        assert file.read() == CONTENT[-10:]
        file.seek(100)
        assert file.seek(50, io.SEEK_CUR) == 150
        assert file.read(1) == CONTENT[150:151]
        with pytest.raises(ValueError, match="nothing before"):
            file.seek(-1)


def test_an_empty_file_has_no_part(in_team: Team, folder: str, stored_files: Names) -> None:
    assert parts_write(in_team, folder, io.BytesIO(b""), 10) == []
    with open_parts([]) as file:
        assert file.read() == b""
    assert stored_files() == []


def test_one_handle_at_a_time_is_open_and_none_after_closing(in_team: Team, folder: str) -> None:
    parts = parts_write(in_team, folder, io.BytesIO(CONTENT), 100)

    def handles() -> int:
        root = os.fsencode(default_storage.path(""))
        links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
        return sum(os.path.exists(link) and os.readlink(os.fsencode(link)).startswith(root) for link in links)

    file = open_parts(parts)
    for start in range(0, len(CONTENT), 90):
        file.seek(start)
        file.read(50)
        assert handles() <= 1
    file.close()
    assert handles() == 0


def test_places_past_two_gigabytes_are_found(in_team: Team, folder: str) -> None:
    """Parts of a gigabyte each, of which the disk holds nothing but what is written into them."""
    giga = 1024**3
    parts = []
    for number in range(4):
        name = f"{folder}/part-{number}"
        path = Path(default_storage.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.truncate(giga)
            file.seek(giga - 4)
            file.write(b"end" + bytes([number]))
        parts.append([name, giga])
    whole = open_parts(parts)
    assert whole.seek(0, io.SEEK_END) == 4 * giga
    for number in range(4):
        whole.seek((number + 1) * giga - 4)
        assert whole.read(5)[:4] == b"end" + bytes([number])
    whole.close()


def test_a_lost_or_shortened_part_is_no_end_of_the_file(in_team: Team, folder: str) -> None:
    parts = parts_write(in_team, folder, io.BytesIO(CONTENT), 4000)
    Path(default_storage.path(parts[1][0])).write_bytes(b"short")
    with open_parts(parts) as file, pytest.raises(FileNotFoundError):
        file.read()
    default_storage.delete(parts[1][0])
    with open_parts(parts) as file:
        assert file.read(4000) == CONTENT[:4000]
        with pytest.raises(FileNotFoundError):
            file.read(1)


def test_the_sum_is_of_all_bytes_and_memory_holds_a_piece(in_team: Team, folder: str) -> None:
    class Endless(io.RawIOBase):
        """48 MB that are nowhere."""

        left = 48 * 1024 * 1024

        def read(self, size: int = -1) -> bytes:
            taken = min(size, self.left)
            self.left -= taken
            return b"x" * taken

    expected = hashlib.sha256(b"x" * Endless.left).hexdigest()
    tracemalloc.start()
    with PartsWriter(folder, part_bytes=16 * 1024 * 1024) as out:
        stream = Endless()
        while piece := stream.read(256 * 1024):
            out.write(piece)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert out.sha256 == expected
    assert (out.size, len(out.parts)) == (Endless.left, 3)
    assert peak < 4 * 1024 * 1024, "a part must not be held in memory"


def test_a_fault_on_the_way_leaves_nothing(
    in_team: Team, folder: str, stored_files: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = files.store

    def full(name: str, content: Any) -> str:
        if "part-00002" in name:
            usual(name, content)
            raise refuse("storage_full")
        return usual(name, content)

    monkeypatch.setattr(files, "store", full)
    with pytest.raises(Refusal):
        parts_write(in_team, folder, io.BytesIO(CONTENT), 1000)
    assert stored_files() == []


def test_nothing_is_written_into_the_folder_of_another_team(in_team: Team, stored_files: Names) -> None:
    with pytest.raises(ValueError, match="team's folder"):
        parts_write(in_team, "teams/another/videos/a", io.BytesIO(b"x"), 10)
    assert stored_files() == []


def test_sweeping_takes_what_no_row_knows(in_team: Team, folder: str, stored_files: Names) -> None:
    known = parts_write(in_team, folder, io.BytesIO(b"known"), 10)
    parts_write(in_team, folder, io.BytesIO(b"left by a process that died"), 10)
    preview = parts_write(in_team, folder, io.BytesIO(b"preview"), 10, prefix="preview")
    parts_sweep(folder, keep=known)
    assert stored_files() == sorted(name for name, _ in known + preview)


def test_a_raw_file_says_what_it_is() -> None:
    file = VideoFile([])
    assert (file.readable(), file.seekable(), file.writable(), file.tell()) == (True, True, False, 0)
