"""What is in an export: a ZIP written piece by piece, with one page of rows in memory at most."""

import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

from django.core.files.storage import default_storage
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet

from accounts.access import across_teams, team_scope
from accounts.models import ApiKey, AuditEvent, Invitation, Membership, Team, UsageDay, User
from analysis.models import Analysis, Face

from .models import Job, JobItem, Media, Webhook

PAGE = 500
COPY_BYTES = 1024 * 1024
# Pieces of `COPY_BYTES` after which a long file looks whether the export is still wanted.
PIECES = 64
Step = Callable[[int], None]

READ_ME = """This archive holds what EmotionSite stored, as of the moment it was made.

team.json       name, settings and retention of the team
members.json    people and their roles; invitations
keys.json       API keys without their secrets
webhooks.json   addresses and events, without secrets
photos.jsonl    one photo per line; `file` is its name in this archive, null where no picture was kept
analyses.jsonl  when each photo was analysed, by which models, with how many faces
faces.jsonl     one face per line: box in pixels of the upright picture, scores from 0 to 1
jobs.jsonl, job_items.jsonl, usage.jsonl, audit.jsonl
photos/         the pictures as they were uploaded
VIDEOS.txt      what there is of videos and the people in them
GALLERIES.txt   what there is of galleries and the people in them

A score says how an expression looks to people, not what somebody feels.
"""


class Archive:
    """A ZIP being written; `step(n)` is called with the number of things that were added."""

    def __init__(self, file: IO[bytes], step: Step) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, allowZip64=True)
        self._step = step

    def close(self) -> None:
        """Write the directory of the archive: without it nothing can be read."""
        self._zip.close()

    def text(self, name: str, content: str) -> None:
        self._zip.writestr(name, content)

    def json(self, name: str, content: Any) -> None:
        self._zip.writestr(name, json.dumps(content, cls=DjangoJSONEncoder, indent=2, ensure_ascii=False))

    def lines(self, name: str, rows: Iterable[dict[str, Any]]) -> None:
        """One JSON object a line."""
        with self._zip.open(name, "w", force_zip64=True) as target:
            for number, row in enumerate(rows, start=1):
                line = json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False)
                target.write(line.encode() + b"\n")
                if number % PAGE == 0:
                    self._step(0)

    def file(self, name: str, stored: str) -> None:
        """A file of the storage; one that was erased in the meantime is left out."""
        try:
            source = default_storage.open(stored, "rb")
        except FileNotFoundError:
            return
        with source:
            self.stream(name, source)

    def stream(self, name: str, source: IO[bytes]) -> None:
        """A file that is read piece by piece. Raises what reading raises, and LeaseLost before that when the
        export is not wanted any more: then what it reads may have been erased.
        """
        entry = zipfile.ZipInfo(name)
        # Pictures and videos are compressed already.
        entry.compress_type = zipfile.ZIP_STORED
        with self._zip.open(entry, "w", force_zip64=True) as target:
            try:
                for number, piece in enumerate(iter(lambda: source.read(COPY_BYTES), b""), start=1):
                    target.write(piece)
                    if number % PIECES == 0:
                        self._step(0)
            except FileNotFoundError:
                self._step(0)
                raise
        self._step(1)

    def table(self, name: str, rows: Iterable[str]) -> None:
        """Lines of a table, as text without line ends."""
        with self._zip.open(name, "w", force_zip64=True) as target:
            for number, row in enumerate(rows, start=1):
                target.write(row.encode() + b"\n")
                if number % (20 * PAGE) == 0:
                    self._step(0)


#: What else an export of a team holds: (archive, folder in it), and how many files that adds. Both are called
#: inside of the team's scope. Apps above add their own.
PARTS: list[Callable[[Archive, str], None]] = []
COUNTS: list[Callable[[], int]] = []


def pages(queryset: QuerySet[Any]) -> Iterator[Any]:
    """Rows in the order of their keys, a page at a time: no long transaction, no cursor held open."""
    last = None
    while True:
        page = queryset.order_by("pk")
        rows = list((page.filter(pk__gt=last) if last is not None else page)[:PAGE])
        yield from rows
        if len(rows) < PAGE:
            return
        last = rows[-1].pk


def plain(row: Any, *, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """All columns of a row but those named and the team."""
    skipped = {"team_id", *without}
    return {
        field.attname: getattr(row, field.attname)
        for field in row._meta.concrete_fields  # noqa: SLF001
        if field.attname not in skipped
    }


def _rows(model: Any, *, without: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
    for row in pages(model.objects.all()):
        yield plain(row, without=without)


def _photo(photo: Media) -> dict[str, Any]:
    row = plain(photo, without=("original", "preview", "thumbnail"))
    return row | {"file": _name_of(photo) if photo.original else None}


def _name_of(photo: Media) -> str:
    return f"photos/{photo.pk}.{photo.original.rpartition('.')[2]}"


def team_write(archive: Archive, team: Team, *, folder: str = "") -> None:
    """Everything of a team. The caller is in no scope; this enters the team's."""
    with team_scope(team):
        archive.text(f"{folder}README.txt", READ_ME)
        archive.json(f"{folder}team.json", plain(team) | {"plan": team.plan.name if team.plan else None})
        archive.json(f"{folder}members.json", _people(team))
        secret = ("digest", "pepper")
        archive.json(f"{folder}keys.json", [plain(key, without=secret) for key in ApiKey.objects.all()])
        archive.json(
            f"{folder}webhooks.json",
            [plain(hook, without=("sealed_secret", "old_sealed_secret")) for hook in Webhook.objects.all()],
        )
        photos = Media.objects.all()
        archive.lines(f"{folder}photos.jsonl", (_photo(photo) for photo in pages(photos)))
        archive.lines(f"{folder}analyses.jsonl", _rows(Analysis))
        archive.lines(f"{folder}faces.jsonl", _rows(Face))
        archive.lines(f"{folder}jobs.jsonl", _rows(Job, without=("sealed_source", "archive")))
        archive.lines(f"{folder}job_items.jsonl", _rows(JobItem, without=("source",)))
        archive.lines(f"{folder}usage.jsonl", _rows(UsageDay))
        archive.lines(f"{folder}audit.jsonl", _rows(AuditEvent))
        for photo in pages(photos.exclude(original="")):
            archive.file(f"{folder}{_name_of(photo)}", photo.original)
        for write in PARTS:
            write(archive, folder)


def _people(team: Team) -> dict[str, Any]:
    members = Membership.objects.filter(team=team).select_related("user")
    return {
        "members": [
            {"name": one.user.username, "email": one.user.email, "role": one.role, "since": one.created_at}
            for one in members
        ],
        "invitations": [plain(one, without=("token_digest",)) for one in Invitation.objects.all()],
    }


def audit_write(archive: Archive, team: Team) -> None:
    """The team's record, as JSON Lines."""
    with team_scope(team):
        archive.lines("audit.jsonl", _rows(AuditEvent))


def user_write(archive: Archive, user: User, teams: list[Team]) -> None:
    """A person's account, what the record holds of their deeds, and the teams that go with them."""
    secret = ("password", "is_superuser", "is_staff")
    archive.json("account.json", plain(user, without=secret))
    # Across teams: these are the person's own memberships and deeds, whichever team they belong to.
    with across_teams():
        memberships = list(Membership.objects.filter(user=user).select_related("team"))
        archive.json(
            "memberships.json",
            [{"team": one.team.name, "role": one.role, "since": one.created_at} for one in memberships],
        )
        deeds = AuditEvent.objects.filter(actor_id=user.pk)
        archive.lines("audit.jsonl", (plain(event) for event in pages(deeds)))
    for team in teams:
        team_write(archive, team, folder=f"teams/{team.pk}/")


def photos_count(team: Team) -> int:
    """Pictures that an export of the team holds: what its progress counts."""
    with team_scope(team):
        return Media.objects.exclude(original="").count() + sum(count() for count in COUNTS)
