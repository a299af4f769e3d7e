"""Person groups as folders of photos, with what the service before said of them: read and checked.

A group is a folder, a person a folder in it. Two files beside the people are answers of Face API as they are:
`group.json` (Get of the group) and `persons.json` (List of its persons). Both may be missing.
"""

import json
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from media_jobs.archives import is_hidden, label

from .bodies import Fields, uuid_of
from .errors import FaceError, face_error
from .kinds import Kind
from .views import check_key, recognition_named

GROUP, PERSONS = "group.json", "persons.json"
LONGEST_FOLDER = 128


class FolderError(Exception):
    """What of a folder cannot be, and where."""


@dataclass
class Person:
    """Somebody of a group: how they are called, their personId in the service before ('' where it is not
    known), the names of their folders, and the photos in these.
    """

    name: str
    user_data: str = ""
    old_id: str = ""
    folders: list[str] = field(default_factory=list)
    photos: list[Path] = field(default_factory=list)

    @property
    def known_as(self) -> list[str]:
        """What they are found by when the folder is copied again, the best first."""
        return [word for word in (self.old_id, *self.folders) if word] or [_plain(self.name)]


@dataclass
class Group:
    """A group as it is to be, and its folder.

    `model` is '' where nobody says; `loose` are files in no folder of a person.
    """

    place: Path
    key: str
    name: str
    user_data: str
    model: str
    people: list[Person]
    loose: list[Path]


def groups_in(folder: Path, kind: Kind, key: str = "") -> tuple[list[Group], list[Path]]:
    """The groups of a folder, and files of it that are in none; with `key` it is itself the group of that id.

    Without, it is a group of its own name when a file of one lies in it, or its photos lie one folder deep.
    Raises FolderError.
    """
    files = files_in(folder)
    places = sorted({folder / path.relative_to(folder).parts[0] for path in files} - set(files))
    if key or not _holds_groups(folder, files, places):
        return [_group(folder, kind, key or folder.resolve().name, files)] if files else [], []
    groups = [
        _group(place, kind, place.name, [path for path in files if place in path.parents]) for place in places
    ]
    return groups, [path for path in files if path.parent == folder]


def _holds_groups(folder: Path, files: list[Path], places: list[Path]) -> bool:
    """Whether the folders in a folder are groups, not people."""
    if any((folder / name).is_file() for name in (GROUP, PERSONS)):
        return False
    if any((place / name).is_file() for place in places for name in (GROUP, PERSONS)):
        return True
    return any(len(path.relative_to(folder).parts) > 2 for path in files)


def files_in(folder: Path) -> list[Path]:
    """All files below a folder but hidden ones, in order. Links are not followed: they may lead anywhere."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sorted(path for path in found if not is_hidden(str(path.relative_to(folder))))


def _group(place: Path, kind: Kind, key: str, files: list[Path]) -> Group:
    said = Fields(_read(place / GROUP, dict) or {})
    try:
        check_key(kind, key)
        name = said.name(required=False) or key
        user_data = said.user_data() or ""
        model = recognition_named(said) if "recognitionModel" in said else ""
    except FaceError as error:
        raise FolderError(f"{place}: {error}") from error
    own = [path for path in files if path not in (place / GROUP, place / PERSONS)]
    photos: dict[str, list[Path]] = defaultdict(list)
    loose = []
    for path in own:
        first, *further = path.relative_to(place).parts
        if further:
            photos[first].append(path)
        else:
            loose.append(path)
    listed = _read(place / PERSONS, list) or []
    return Group(place, key, name, user_data, model, _people(place, listed, photos), loose)


def _read(file: Path, wanted: type) -> Any:
    """The JSON in a file, None where there is none. Raises FolderError."""
    try:
        said = json.loads(file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise FolderError(f"{file} cannot be read as JSON: {error}") from error
    if not isinstance(said, wanted):
        raise FolderError(f"{file} has to hold {'an object' if wanted is dict else 'a list of persons'}.")
    return said


def _people(place: Path, listed: Iterable[Any], photos: Mapping[str, list[Path]]) -> list[Person]:
    """Those who are listed, with their folders, and those who have a folder only."""
    people = [_listed(place, number, entry) for number, entry in enumerate(listed, 1)]
    _check_ids(place, people)
    of_id = {person.old_id: person for person in people if person.old_id}
    of_name: dict[str, list[Person]] = defaultdict(list)
    for person in people:
        of_name[_plain(person.name)].append(person)
    for folder, paths in photos.items():
        someone = of_id.get(folder.strip().lower())
        if someone is None:
            someone = _of_name(place / folder, of_name[_plain(folder)])
            if someone is None:
                someone = Person(_folder_name(place / folder))
                people.append(someone)
                of_name[_plain(folder)].append(someone)
        someone.folders.append(_folder_name(place / folder))
        someone.photos += paths
    return people


def _listed(place: Path, number: int, entry: Any) -> Person:
    where = f"{place / PERSONS}: entry {number}"
    if not isinstance(entry, dict):
        raise FolderError(f"{where} is no object.")
    said = Fields(entry)
    try:
        old_id = ""
        if "personId" in said:
            old_id = str(uuid_of(said.get("personId"), face_error("person_id_invalid")))
        return Person(str(said.name(required=True)), said.user_data() or "", old_id)
    except FaceError as error:
        raise FolderError(f"{where}: {error}") from error


def _check_ids(place: Path, people: list[Person]) -> None:
    """Without a personId a name has to tell who somebody is."""
    seen: set[str] = set()
    for person in people:
        known_as = person.old_id or _plain(person.name)
        if known_as in seen:
            raise FolderError(f"{place / PERSONS} has {person.old_id or person.name!r} twice.")
        seen.add(known_as)


def _of_name(folder: Path, named: list[Person]) -> Person | None:
    if len(named) > 1:
        raise FolderError(
            f"{folder}: {PERSONS} has {len(named)} persons of this name. Call their folders by personId."
        )
    return named[0] if named else None


def _plain(name: str) -> str:
    """A name as it is compared: file systems write letters with accents in two ways."""
    return unicodedata.normalize("NFC", name.strip())


def _folder_name(folder: Path) -> str:
    """The name of a person's folder, as it can be kept and put into an archive. Raises FolderError."""
    name = _plain(folder.name)
    if not name or len(name) > LONGEST_FOLDER or label(name) != name:
        raise FolderError(
            f"{str(folder)!r} cannot be the folder of a person: its name has to be of 1 to {LONGEST_FOLDER} "
            "letters that can be printed, without a backslash."
        )
    return name
