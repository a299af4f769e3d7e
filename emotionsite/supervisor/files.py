"""The folders of DATA_DIR, room on its disk, the lock that keeps a second run away, private files."""

from __future__ import annotations

import fcntl
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from emotionsite.supervisor.errors import SupervisorError

MINIMUM_FREE_BYTES = 500 * 1024 * 1024
LOG_ROTATE_BYTES = 20 * 1024 * 1024


@dataclass(frozen=True)
class DataDir:
    """Where one installation keeps everything it knows. Made by `create`; all paths are absolute."""

    root: Path

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def valkey(self) -> Path:
        return self.root / "valkey"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def secrets_file(self) -> Path:
        return self.root / "secrets.json"

    @property
    def first_login_file(self) -> Path:
        return self.root / "first-login.json"

    @property
    def services_env(self) -> Path:
        return self.run / "services.env"

    @property
    def processes_file(self) -> Path:
        return self.run / "processes.json"

    @property
    def ports_file(self) -> Path:
        return self.run / "ports.json"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def create(self) -> None:
        """Make the folders. The inner ones are for the owner only, because they hold photos of faces.

        Raises SupervisorError when a folder cannot be made or written to.
        """
        try:
            if not self.root.exists():
                self.root.mkdir(parents=True, mode=0o711)
            for folder in (self.valkey, self.root / "files", self.logs, self.root / "mail", self.run):
                folder.mkdir(mode=0o700, exist_ok=True)
            probe = self.run / ".writable"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise SupervisorError(
                f"The data folder {self.root} cannot be used ({error.strerror}): choose a folder that "
                "belongs to "
                "you with `make run DATA_DIR=...`."
            ) from error
        for path in self.logs.glob("*.log"):
            if path.stat().st_size > LOG_ROTATE_BYTES:
                path.replace(path.with_suffix(".log.1"))


def free_bytes(folder: Path) -> int:
    """Bytes free for us on the disk of `folder`, or of its nearest parent that exists."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def check_free_space(folder: Path, minimum: int = MINIMUM_FREE_BYTES) -> None:
    """Raise SupervisorError when the disk of `folder` has less than `minimum` bytes free."""
    free = free_bytes(folder)
    if free < minimum:
        raise SupervisorError(
            f"Only {free // 2**20} MB are free on the disk of {folder}, and EmotionSite needs at least "
            f"{minimum // 2**20} MB: free some space, or choose a folder on another disk with "
            "`make run DATA_DIR=...`."
        )


def write_private(path: Path, text: str) -> None:
    """Write a file only its owner can read, in one move: a reader sees the old text or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)


class RunLock:
    """Holds DATA_DIR for one run. The kernel lets go of it when the process ends, however it ends."""

    def __init__(self, data: DataDir) -> None:
        self._data = data
        self._path = data.run / "supervisor.lock"
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock and write our process id into it; SupervisorError names the holder otherwise."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise SupervisorError(
                f"EmotionSite is already running on {self._data.root} (process "
                f"{self.holder() or 'unknown'}): stop it "
                f'with Ctrl-C there or `make stop DATA_DIR="{self._data.root}"`, or choose another one with '
                "`make run DATA_DIR=...`."
            ) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go of the lock; does nothing when it is not held."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def is_held(self) -> bool:
        """Whether some process, this one included, holds the lock now."""
        try:
            descriptor = os.open(self._path, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def holder(self) -> int | None:
        """The process id written by the last holder, or None."""
        try:
            text = self._path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None
        return int(text) if text.isdigit() else None
