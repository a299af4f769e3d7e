"""`manage.py analyze_folder FOLDER --team TEAM`: a folder of pictures as one batch, from a shell."""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from accounts.access import team_scope
from accounts.limits import limits_of
from accounts.models import Team
from media_jobs.archives import is_hidden
from media_jobs.batch_selectors import batch_items, batches
from media_jobs.batches import Reference, batch_create
from media_jobs.listing import MAX_ITEMS
from media_jobs.models import Job, JobItem
from media_jobs.refusals import Refusal, refuse
from media_jobs.results import FORMATS, results_write
from media_jobs.services import media_from_bytes

POLL_SECONDS = 0.5


class Command(BaseCommand):
    help = (
        "Take the pictures of a folder in, analyse them as one batch and wait until it is over. Running it "
        "again goes on where it was stopped: what is there already is not stored or analysed twice."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--team", required=True, help="id or name of the team")
        parser.add_argument("--recursive", action="store_true", help="the folders inside of it too")
        parser.add_argument(
            "--name", default="", help="what the batch is called (default: the folder's name)"
        )
        parser.add_argument(
            "--results",
            type=Path,
            help=f"write the results to this file: {', '.join(map('.{}'.format, FORMATS))}",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"]
        results: Path | None = options["results"]
        if results is not None and results.suffix.removeprefix(".") not in FORMATS:
            raise CommandError(f"The results' file must end in one of {', '.join(FORMATS)}.")
        if not folder.is_dir():
            raise CommandError(f"{folder} is no folder.")
        paths = sorted(pictures_in(folder, recursive=options["recursive"]))
        if len(paths) > MAX_ITEMS:
            raise CommandError(f"{folder}: {refuse('batch_too_large').message}")
        team = team_named(options["team"])
        with team_scope(team):
            references, refused = self._take_in(team, folder, paths)
            if not references:
                raise CommandError(f"No picture of {folder} could be taken in.")
            job = self._batch(team, references, options["name"] or folder.resolve().name)
            failed = self._follow(job)
        if results is not None:
            with results.open("wb") as file:
                for piece in results_write(team=team, batch_id=job.pk, form=results.suffix.removeprefix(".")):
                    file.write(piece)
            self.stdout.write(f"Results: {results}")
        if refused or failed:
            sys.exit(1)

    def _take_in(self, team: Team, folder: Path, paths: list[Path]) -> tuple[list[Reference], int]:
        """Store the pictures; says of each that is refused why. Returns references and the number refused."""
        references: list[Reference] = []
        refused = 0
        bar = tqdm(paths, desc="Taking in", unit="picture", file=sys.stderr, disable=None)
        for path in bar:
            name = str(path.relative_to(folder))
            try:
                media = media_from_bytes(team=team, content=bytes_of(team, path), filename=path.name)
            except (Refusal, OSError) as fault:
                refused += 1
                tqdm.write(f"{name}: {fault}", file=sys.stderr)
            else:
                references.append(Reference(media_id=media.pk, name=name))
        return references, refused

    def _batch(self, team: Team, references: list[Reference], name: str) -> Job:
        try:
            job = batch_create(team=team, references=references, name=name)
        except Refusal as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(f"Batch {job.pk}: {job.total} pictures")
        return job

    def _follow(self, job: Job) -> int:
        """Wait until the batch is over; returns how many pictures have no result."""
        bar = tqdm(total=job.total, desc="Analysing", unit="picture", file=sys.stderr, disable=None)
        with bar:
            while not job.is_over:
                time.sleep(POLL_SECONDS)
                job = batches().get(pk=job.pk)
                bar.update(job.done - bar.n)
        without = batch_items(batch_id=job.pk).exclude(status=JobItem.Status.SUCCEEDED)
        for item in without.iterator():
            self.stderr.write(f"{item.name}: {item.error_message or item.status}")
        failed = without.count()
        self.stdout.write(f"{job.total - failed} analysed, {failed} without a result.")
        return failed


def pictures_in(folder: Path, *, recursive: bool) -> Iterator[Path]:
    """Files of a folder but hidden ones. Links are not followed: they may lead anywhere."""
    for path in folder.rglob("*") if recursive else folder.iterdir():
        if path.is_file() and not path.is_symlink() and not is_hidden(str(path.relative_to(folder))):
            yield path


def bytes_of(team: Team, path: Path) -> bytes:
    """The bytes of a file that is not too large to be taken in. Raises Refusal."""
    largest = limits_of(team).largest_file_bytes
    if path.stat().st_size > largest:
        raise refuse("file_too_large", limit=f"{largest / 1024**2:g}")
    return path.read_bytes()


def team_named(text: str) -> Team:
    """The team with this id or, when only one is called so, this name. Raises CommandError."""
    try:
        found = list(Team.objects.select_related("plan").filter(pk=UUID(text)))
    except ValueError:
        found = list(Team.objects.select_related("plan").filter(name=text))
    if not found:
        raise CommandError(f"There is no team {text!r}.")
    if len(found) > 1:
        ids = ", ".join(str(team.pk) for team in found)
        raise CommandError(f"Several teams are called {text!r}. Name one by its id: {ids}.")
    return found[0]
