"""The secrets of one installation: made once, kept in DATA_DIR/secrets.json with mode 600."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, fields, replace

from emotionsite.supervisor.errors import SupervisorError
from emotionsite.supervisor.files import DataDir, write_private


@dataclass(frozen=True, repr=False)
class Secrets:
    """Passwords are hexadecimal, so that they need no quoting in a URL, a shell or a configuration file.

    `api_key_peppers` is "1:hex,2:hex"; the highest number signs new API keys.
    """

    secret_key: str
    api_key_peppers: str
    postgres_admin: str
    postgres_owner: str
    postgres_app: str
    valkey: str

    @classmethod
    def generate(cls) -> Secrets:
        """New random secrets of 256 bits (64 hexadecimal digits) each; the secret key has 384 bits."""
        return cls(
            secret_key=secrets.token_urlsafe(48),
            api_key_peppers=f"1:{secrets.token_hex(32)}",
            postgres_admin=secrets.token_hex(32),
            postgres_owner=secrets.token_hex(32),
            postgres_app=secrets.token_hex(32),
            valkey=secrets.token_hex(32),
        )


def load_or_create(data: DataDir) -> Secrets:
    """Read the secrets of `data`, or make them on the first run.

    Raises SupervisorError when the file is damaged, or missing beside a database that was made with it:
    new secrets would lock the database and silently void every API key.
    """
    path = data.secrets_file
    if not path.exists():
        if (data.postgres / "PG_VERSION").exists():
            raise SupervisorError(
                f"{path} is missing although {data.postgres} holds a database made with it: put the file "
                "back from "
                "a backup, or start with an empty folder (`make run DATA_DIR=...`)."
            )
        created = Secrets.generate()
        write_private(path, json.dumps(asdict(created), indent=2) + "\n")
        return created
    return _read(data)


def peppers_stored(data: DataDir) -> str | None:
    """The peppers in the secrets of `data`; None where there are none, as in a container.

    Raises SupervisorError when the file is damaged.
    """
    return _read(data).api_key_peppers if data.secrets_file.exists() else None


def peppers_replace(data: DataDir, peppers: str) -> None:
    """Put other peppers into the secrets of `data`; the next start uses them. The file keeps its owner.

    Raises SupervisorError when the file is damaged or cannot be written.
    """
    path = data.secrets_file
    changed = replace(_read(data), api_key_peppers=peppers)
    owner = path.stat()
    try:
        write_private(path, json.dumps(asdict(changed), indent=2) + "\n")
        os.chown(path, owner.st_uid, owner.st_gid)
    except OSError as error:
        raise SupervisorError(
            f"{path} cannot be written ({error.strerror}): call this as the user that runs `make run`."
        ) from error


def _read(data: DataDir) -> Secrets:
    path = data.secrets_file
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SupervisorError(
            f"{path} cannot be read ({error}): put it back from a backup; it must be a JSON object."
        ) from error
    if not isinstance(stored, dict):
        raise SupervisorError(f"{path} is not a JSON object: put it back from a backup.")
    if path.stat().st_mode & 0o077:
        os.chmod(path, 0o600)
    names = [field.name for field in fields(Secrets)]
    missing = [name for name in names if not isinstance(stored.get(name), str) or not stored[name]]
    if missing:
        raise SupervisorError(f"{path} lacks {', '.join(missing)}: put the file back from a backup.")
    return Secrets(**{name: stored[name] for name in names})
