"""Reading what programs send: leniently where Face API was, with its errors where it was not.

Names of fields and parameters count in any letter case, what is null counts as not given, and what nobody
knows is ignored.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import QueryDict
from rest_framework.request import Request

from .errors import FaceError, face_error

JSON = "application/json"
#: A thousand ids are 40 KB; 16 KB of user data, escaped, are 100 KB.
MOST_BYTES = 1024 * 1024
ID = re.compile(r"[a-z0-9_-]{1,64}")
LONGEST_NAME, LONGEST_DATA, LONGEST_FACE_DATA = 128, 16_384, 1_024


def media_type(request: Request) -> str:
    """What the body is, without its parameters."""
    return str(request.content_type or "").split(";")[0].strip().lower()


def read_json(request: Request, broken: str = "json_broken") -> "Fields":
    """The JSON object in a body. Raises FaceError: for another media type, `broken` for what is no object."""
    if media_type(request) != JSON:
        raise face_error("media_type")
    stream = request.stream
    content = stream.read(MOST_BYTES + 1) if stream is not None else b""
    if len(content) > MOST_BYTES:
        raise face_error("body_invalid", why="It is longer than 1 MB.")
    try:
        body = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise face_error(broken) from error
    if not isinstance(body, dict):
        raise face_error(broken)
    return Fields(body)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON.")


class Fields:
    """The fields of a body, or the parameters of an address."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = {name.lower(): value for name, value in values.items() if value is not None}

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._values

    def get(self, name: str) -> Any:
        """The value as it was sent; None when there is none."""
        return self._values.get(name.lower())

    def text(self, name: str) -> str | None:
        """A string. Raises FaceError for anything else, and for one that Postgres cannot hold."""
        value = self.get(name)
        if value is not None and (not isinstance(value, str) or "\x00" in value or not _encodable(value)):
            raise face_error("body_invalid", why=f"'{name}' has to be text.")
        return value

    def name(self, *, required: bool) -> str | None:
        """'name' of a person or a collection, 1 to 128 characters."""
        value = self.text("name")
        if value is None and not required:
            return None
        if not value or not value.strip():
            raise face_error("name_empty")
        if len(value) > LONGEST_NAME:
            raise face_error("name_long", limit=LONGEST_NAME)
        return value

    def user_data(self, longest: int = LONGEST_DATA) -> str | None:
        """'userData', as long as it may be."""
        value = self.text("userData")
        if value is not None and len(value) > longest:
            raise face_error("user_data_long", limit=longest)
        return value

    def changes(self) -> dict[str, str]:
        """A new name, new user data, or both, as galleries and their people name them. Raises FaceError."""
        given = {"name": self.name(required=False), "notes": self.user_data()}
        changes = {name: value for name, value in given.items() if value is not None}
        if not changes:
            raise face_error("nothing_to_change")
        return changes

    def integer(self, name: str, wrong: FaceError) -> int | None:
        """A whole number. Raises `wrong` for anything else."""
        value = self.get(name)
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}", value):
            return int(value)
        if isinstance(value, float) and value.is_integer() and abs(value) < 1e9:
            return int(value)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise wrong
        return value

    def number(self, name: str, wrong: FaceError) -> float | None:
        """A finite number. Raises `wrong` for anything else."""
        value = self.get(name)
        if value is None:
            return None
        if isinstance(value, str) and re.fullmatch(r"-?\d{1,9}(\.\d{1,20})?", value, re.ASCII):
            return float(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong
        try:
            found = float(value)
        except OverflowError as error:
            raise wrong from error
        if not math.isfinite(found):
            raise wrong
        return found

    def flag(self, name: str, usual: bool) -> bool:
        """true or false, in any letter case."""
        value = self.get(name)
        if value is None:
            return usual
        word = str(value).strip().lower()
        if word not in ("true", "false"):
            raise face_error("parameter_invalid", name=name, why="Valid values are true and false.")
        return word == "true"


def _encodable(text: str) -> bool:
    """False for half of a surrogate pair, which JSON can escape and nothing can store."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def read_query(request: Request) -> Fields:
    """The parameters of an address; of one that is repeated the last counts."""
    query: QueryDict = request.query_params
    return Fields({name: query[name] for name in query})


def uuid_of(value: Any, wrong: FaceError) -> UUID:
    """An id that this server gave. Raises `wrong` for what cannot be one."""
    if isinstance(value, str) and re.fullmatch(r"[0-9A-Fa-f-]{32,36}", value):
        try:
            return UUID(value)
        except ValueError:
            pass
    raise wrong


def uuids_of(value: Any, wrong: FaceError) -> list[UUID]:
    """Several of them, in a list."""
    if not isinstance(value, list):
        raise face_error("body_invalid", why="'faceIds' has to be a list of ids.")
    return [uuid_of(one, wrong) for one in value]


def identifiers_of(value: Any, wrong: FaceError) -> list[str]:
    """A list of texts."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise wrong
    return value
