"""PostgreSQL refuses to run as root. This finds a user for it, and a place that user can reach."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from emotionsite.supervisor.errors import SupervisorError
from emotionsite.supervisor.processes import SystemUser

SHARED_FOLDER = Path("/var/lib/emotionsite")
_CANDIDATES = ("postgres", "nobody", "daemon")


def postgres_user(data_dir: Path) -> SystemUser | None:
    """Whom PostgreSQL must run as: None means as ourselves.

    As root it is the owner of an existing data folder, else the first of some accounts that every system has.
    As an ordinary user an existing folder must be ours: SupervisorError says so otherwise.
    """
    owner = data_dir.stat().st_uid if data_dir.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner != os.geteuid():
            raise SupervisorError(
                f"{data_dir} belongs to another user (number {owner}): start as that user or as root, or "
                "choose "
                "another folder with `make run DATA_DIR=...`."
            )
        return None
    if owner:
        try:
            entry = pwd.getpwuid(owner)
        except KeyError:
            return SystemUser(f"number {owner}", owner, data_dir.stat().st_gid)
        return SystemUser(entry.pw_name, entry.pw_uid, entry.pw_gid)
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return SystemUser(name, entry.pw_uid, entry.pw_gid)
    raise SupervisorError(
        f"PostgreSQL does not run as root, and none of the users {', '.join(_CANDIDATES)} exists: start "
        "EmotionSite "
        "as an ordinary user."
    )


def can_enter(folder: Path, user: SystemUser | None) -> bool:
    """Whether `user` can enter `folder`, found by trying, so that every kind of access rule counts."""
    if user is None:
        return os.access(folder, os.X_OK)
    try:
        attempt = subprocess.run(
            ["/bin/sh", "-c", 'cd -- "$0"', str(folder)],
            cwd="/",
            user=user.uid,
            group=user.gid,
            extra_groups=[],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    except PermissionError as error:
        raise SupervisorError(
            f"PostgreSQL does not run as root, and this system does not let root start it as {user.name}: "
            "start "
            "EmotionSite as an ordinary user."
        ) from error
    return attempt.returncode == 0


def reachable_data_folder(wanted: Path, user: SystemUser | None) -> Path:
    """Where `user` can reach the data folder: `wanted`, or a folder that `wanted` then points to.

    The parent of `wanted` is opened for passing through (not for listing) when that is enough. Otherwise, as
    in /root, the data goes under /var/lib/emotionsite and `wanted` becomes a link to it.
    Raises SupervisorError when the data would be lost or cannot be reached.
    """
    if wanted.is_symlink():
        target = wanted.resolve()
        if not target.parent.exists():
            raise SupervisorError(
                f"The database of {wanted} was in {target}, which is gone: put it back from a backup, or "
                "remove "
                f"{wanted} to start with an empty database."
            )
        return target
    parent = wanted.parent
    if user is None or can_enter(parent, user):
        return wanted
    if can_enter(parent.parent, user) and parent.stat().st_uid == 0:
        parent.chmod(parent.stat().st_mode | 0o011)
        return wanted
    if wanted.exists():
        raise SupervisorError(
            f"PostgreSQL's files are in {wanted}, which user {user.name} cannot enter: let it pass with "
            "`chmod o+x` on the folders above."
        )
    home = Path(tempfile.mkdtemp(prefix="postgres-", dir=_shared_folder(user)))
    home.chmod(0o711)
    wanted.symlink_to(home / "data")
    return home / "data"


def reachable_package(folders: Sequence[Path], version: str, user: SystemUser | None) -> Path:
    """The folder with `folders` (siblings) where `user` can run their programs, copied once if needed."""
    parent = folders[0].parent
    if user is None or can_enter(folders[0], user):
        return parent
    target = _shared_folder(user) / f"programs-{version}"
    if target.exists():
        return target
    temporary = target.with_name(f"{target.name}.{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(mode=0o755)
    for folder in folders:
        shutil.copytree(folder, temporary / folder.name, ignore=shutil.ignore_patterns("*.a", "include"))
    for path in [temporary, *temporary.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    try:
        temporary.rename(target)
    except OSError:  # another start was quicker
        shutil.rmtree(temporary)
        if not target.exists():
            raise
    return target


def _shared_folder(user: SystemUser) -> Path:
    """A folder of root's that everybody can pass through but nobody else can write to."""
    try:
        SHARED_FOLDER.mkdir(mode=0o711, parents=True, exist_ok=True)
        SHARED_FOLDER.chmod(0o711)
    except OSError as error:
        raise SupervisorError(
            f"PostgreSQL runs as user {user.name}, which cannot reach this folder, and {SHARED_FOLDER} "
            "cannot be made "
            f"({error.strerror}): move the project and DATA_DIR out of private folders, or start as an "
            "ordinary user."
        ) from error
    if SHARED_FOLDER.stat().st_uid != 0 or not can_enter(SHARED_FOLDER, user):
        raise SupervisorError(
            f"{SHARED_FOLDER} must belong to root and be passable for user {user.name}: correct it with "
            f"`chown root {SHARED_FOLDER}; chmod 711 {SHARED_FOLDER}`."
        )
    return SHARED_FOLDER
