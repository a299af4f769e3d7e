"""People and faces of an archive become rows, so that doing it twice leaves the same rows.

A thing keeps its id where that is free; where somebody has it already, it gets one that is made of the
gallery's id and its own, which is the same every time.
"""

import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid5

from django.db.models import Count

from accounts.access import across_teams
from accounts.models import User
from media_jobs import files
from media_jobs.intake import decode_original

from .archive_format import FaceLine, SubjectLine, checked
from .crops import crop_store
from .models import MAX_FACES_PER_SUBJECT, EnrolledFace, Gallery, Subject
from .refusals import Refusal, refuse

_OF_FACE = ("team", "gallery", "subject", "source", "created_by", "embedding", "next_embedding", "crop")


@dataclass(frozen=True)
class Note:
    """Why an entry was not taken, or not as it was."""

    entry: str
    code: str
    message: str

    @classmethod
    def of(cls, entry: str, refusal: Refusal) -> "Note":
        return cls(entry, refusal.code, refusal.message)

    def as_json(self) -> dict[str, str]:
        return {"entry": self.entry[-300:], "code": self.code, "message": self.message[:300]}


@dataclass
class Outcome:
    """What became of a part: how many rows are new, how many entries failed, and why."""

    made: int = 0
    failed: int = 0
    notes: list[Note] = field(default_factory=list)

    def fail(self, entry: str, refusal: Refusal) -> None:
        self.failed += 1
        self.notes.append(Note.of(entry, refusal))


@dataclass(frozen=True)
class Arriving:
    """A face of an archive with its picture, if it has one, as it will be enrolled."""

    entry: str
    line: FaceLine
    crop: bytes | None = None


# --- People -------------------------------------------------------------------------------------------
class People:
    """Who of an archive is whom in the gallery: ids of the archive -> ids of subjects."""

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._known: dict[UUID, UUID] = {}

    def __getitem__(self, archive_id: UUID) -> UUID:
        """Raises Refusal `archive_subject_missing`."""
        if archive_id not in self._known:
            raise refuse("archive_subject_missing", ids=archive_id)
        return self._known[archive_id]

    def known(self, archive_ids: Iterable[UUID | None]) -> set[UUID]:
        """The subjects that these are; who is not in the gallery is left out."""
        return {self._known[pk] for pk in archive_ids if pk is not None and pk in self._known}

    def look_up(self, lines: Sequence[SubjectLine]) -> list[SubjectLine]:
        """Find those who are in the gallery; returns the others.

        One with the same id is the same person, and so is one with the same external id.
        """
        gallery = self._gallery
        wanted = {new for line in lines for new in (line.id, _own_id(gallery, line.id))}
        ids = set(gallery.subjects.filter(pk__in=wanted).values_list("pk", flat=True))
        names = {line.fields["external_id"] for line in lines} - {""}
        by_name = dict(gallery.subjects.filter(external_id__in=names).values_list("external_id", "pk"))
        left = []
        for line in lines:
            mine = [pk for pk in (line.id, _own_id(gallery, line.id)) if pk in ids]
            found = mine[0] if mine else by_name.get(line.fields["external_id"])
            if found is None:
                left.append(line)
            else:
                self._known[line.id] = found
        return left

    def put(self, lines: Sequence[tuple[str, SubjectLine]], outcome: Outcome, user: User | None) -> None:
        """Write those who are not in the gallery yet. The caller has locked it and is in a transaction."""
        entries = {id(line): entry for entry, line in lines}
        new = self.look_up([line for _, line in lines])
        taken = _taken(Subject, [line.id for line in new])
        rows: list[Subject] = []
        by_name: dict[str, UUID] = {}
        for line in new:
            name = line.fields["external_id"]
            if line.id in self._known or name in by_name:
                # Twice in the archive: one person.
                self._known[line.id] = self._known.get(line.id) or by_name[name]
                continue
            pk = _own_id(self._gallery, line.id) if line.id in taken else line.id
            row = Subject(id=pk, team_id=self._gallery.team_id, gallery=self._gallery, **line.fields)
            row.created_by = user
            try:
                checked(row, without=("team", "gallery", "created_by"))
            except Refusal as refusal:
                outcome.fail(entries[id(line)], refusal)
                continue
            rows.append(row)
            self._known[line.id] = pk
            if name:
                by_name[name] = pk
        Subject.objects.bulk_create(rows)
        outcome.made += len(rows)


def _own_id(gallery: Gallery, archive_id: UUID) -> UUID:
    """The id that a thing of an archive gets in this gallery when its own is somebody else's."""
    return uuid5(gallery.pk, str(archive_id))


def _taken(model: Any, ids: Iterable[UUID]) -> set[UUID]:
    """Of these ids, those that rows have."""
    # Across teams: ids are unique in the whole table, and a row of another team is not looked at otherwise.
    with across_teams():
        return set(model.objects.filter(pk__in=list(ids)).values_list("pk", flat=True))


# --- Faces --------------------------------------------------------------------------------------------
def faces_there(gallery: Gallery, ids: Iterable[UUID]) -> set[UUID]:
    """Of these ids of an archive, those whose faces are in the gallery already."""
    ways = {new: pk for pk in ids for new in (pk, _own_id(gallery, pk))}
    found = gallery.faces.filter(pk__in=list(ways)).values_list("pk", flat=True)
    return {ways[pk] for pk in found}


def faces_put(
    *,
    gallery: Gallery,
    arriving: Sequence[Arriving],
    crops: Mapping[UUID, str],
    people: People,
    outcome: Outcome,
    user: User | None,
) -> set[UUID]:
    """Write faces that are not in the gallery yet; returns which. crops: id of the archive -> stored name.

    The caller has locked the gallery, is in a transaction, and checks the team's limits afterwards.
    """
    there = faces_there(gallery, [one.line.id for one in arriving])
    new = {one.line.id: one for one in arriving if one.line.id not in there}
    taken = _taken(EnrolledFace, new)
    room = _Room(people.known(one.line.subject_id for one in new.values()))
    rows, written = [], set()
    for pk, one in new.items():
        try:
            subject_id = _subject_of(gallery, people, one.line)
            room.take(subject_id)
            row = EnrolledFace(
                id=_own_id(gallery, pk) if pk in taken else pk,
                team_id=gallery.team_id,
                gallery=gallery,
                subject_id=subject_id,
                embedding=one.line.vector,
                crop=crops.get(pk, ""),
                stored_bytes=len(one.crop or b"") if pk in crops else 0,
                created_by=user,
                **one.line.fields,
            )
            checked(row, without=_OF_FACE)
        except Refusal as refusal:
            outcome.fail(one.entry, refusal)
            continue
        if pk not in crops:
            row.crop_box = None
        rows.append(row)
        written.add(pk)
    EnrolledFace.objects.bulk_create(rows)
    outcome.made += len(rows)
    return written


def _subject_of(gallery: Gallery, people: People, line: FaceLine) -> UUID | None:
    if gallery.holds == Gallery.Holds.FACES:
        return None
    if line.subject_id is None:
        raise refuse("archive_entry_wrong")
    return people[line.subject_id]


class _Room:
    """How many more faces each of these people may have."""

    def __init__(self, subject_ids: set[UUID]) -> None:
        rows = EnrolledFace.objects.filter(subject__in=subject_ids).values("subject").annotate(n=Count("pk"))
        self._counts: Counter[UUID] = Counter({row["subject"]: row["n"] for row in rows.order_by()})

    def take(self, subject_id: UUID | None) -> None:
        """Raises Refusal `subject_full`."""
        if subject_id is None:
            return
        count = self._counts[subject_id] + 1
        if count > MAX_FACES_PER_SUBJECT:
            name = Subject.objects.values_list("name", flat=True).get(pk=subject_id)
            raise refuse("subject_full", name=name, count=count, limit=MAX_FACES_PER_SUBJECT)
        self._counts[subject_id] = count


# --- Crops --------------------------------------------------------------------------------------------
def crop_check(content: bytes) -> None:
    """Raises Refusal when the picture of a face is no whole JPEG."""
    if not content.startswith(b"\xff\xd8\xff"):
        raise refuse("archive_crop_wrong")
    decode_original(io.BytesIO(content))


@contextmanager
def crops_stored(gallery: Gallery, arriving: Sequence[Arriving]) -> Iterator[dict[UUID, str]]:
    """Store the pictures of faces: id of the archive -> name. When the block fails, they are erased again.

    The block takes out of the names those that no row has come to use: these are erased after it.
    """
    names: dict[UUID, str] = {}
    unused: list[str] = []
    try:
        for one in arriving:
            if one.crop is not None:
                names[one.line.id] = crop_store(team_id=gallery.team_id, content=one.crop)
        every = list(names.values())
        yield names
        unused = sorted(set(every) - set(names.values()))
    except BaseException:
        unused = list(names.values())
        raise
    finally:
        files.erase(unused)
