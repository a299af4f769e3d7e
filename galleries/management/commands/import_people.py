"""`manage.py import_people FOLDER --team TEAM --gallery KEY`: people of a folder into a gallery."""

import sys
import tempfile
import time
import zipfile
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from accounts.access import team_scope
from accounts.models import Team
from galleries.archive_import import import_start
from galleries.job_files import gallery_jobs
from galleries.models import Gallery, GalleryJob
from galleries.refusals import Refusal
from galleries.services import gallery_create
from media_jobs.management.commands.analyze_folder import pictures_in, team_named

POLL_SECONDS = 0.5
# Photos of one archive: few enough that a list of them is short.
MOST_FILES = 5_000


class Command(BaseCommand):
    help = (
        "Enrol the people of a folder, in which each person has a folder of photos, and wait until a worker "
        "has done it. Running it again goes on where it was stopped: nobody is enrolled twice."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--team", required=True, help="id or name of the team")
        parser.add_argument(
            "--gallery", required=True, help="key of the gallery; a new one is made when there is none"
        )
        parser.add_argument(
            "--model", default="", help="recognition model of a new gallery (default: the usual one)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        folder = Path(options["folder"])
        if not folder.is_dir():
            raise CommandError(f"{folder} is no folder.")
        team = team_named(options["team"])
        names = sorted(str(path.relative_to(folder)) for path in pictures_in(folder, recursive=True))
        inside = [name for name in names if "/" in name]
        if not inside:
            raise CommandError(f"{folder} has no folder of a person with files in it.")
        with team_scope(team):
            failed = self._import(team, folder, inside, options)
        if failed or len(inside) < len(names):
            sys.exit(1)

    def _import(self, team: Team, folder: Path, names: list[str], options: dict[str, Any]) -> int:
        """Import part by part; returns how many photos were not enrolled."""
        failed = made = 0
        bar = tqdm(total=len(names), desc="Enrolling", unit="photo", file=sys.stderr, disable=None)
        with bar:
            try:
                gallery = gallery_named(team, options["gallery"], options["model"])
                for part in parts_of(folder, names):
                    job = self._send(team, gallery, folder, part)
                    job = self._follow(job, bar)
                    made += job.options.get("cursor", {}).get("made", 0)
                    failed += self._say(job)
            except Refusal as refusal:
                raise CommandError(refusal.message) from refusal
        self.stdout.write(f"Gallery {gallery.key}: {made} faces enrolled, {failed} photos without one.")
        return failed

    def _send(self, team: Team, gallery: Gallery, folder: Path, names: list[str]) -> GalleryJob:
        with tempfile.TemporaryFile() as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                for name in names:
                    archive.write(folder / name, name)
            size = file.tell()
            file.seek(0)
            return import_start(team=team, file=file, size=size, gallery=gallery)

    def _follow(self, job: GalleryJob, bar: Any) -> GalleryJob:
        """Wait until a job is over."""
        seen = 0
        while not job.is_over:
            time.sleep(POLL_SECONDS)
            job = gallery_jobs().get(pk=job.pk)
            bar.update(job.done - seen)
            seen = job.done
        return job

    def _say(self, job: GalleryJob) -> int:
        """Say what was wrong; returns how many photos were not enrolled."""
        for note in job.notes:
            self.stderr.write(f"{note['entry']}: {note['message']}")
        if job.status != GalleryJob.Status.SUCCEEDED:
            raise CommandError(job.error_message or f"The import was {job.status}.")
        return job.failed


def gallery_named(team: Team, key: str, model: str) -> Gallery:
    """The team's gallery with this key; a new one when there is none. Raises Refusal."""
    found = Gallery.objects.filter(namespace="", key=key).first()
    return found or gallery_create(team=team, name=key, key=key, model=model)


def parts_of(folder: Path, names: list[str]) -> Iterator[list[str]]:
    """The photos in parts that an archive can hold."""
    part: list[str] = []
    size = 0
    for name in names:
        # Names stand twice in an archive, with some figures.
        own = (folder / name).stat().st_size + 2 * len(name.encode()) + 200
        if part and (len(part) >= MOST_FILES or size + own > settings.MAX_ARCHIVE_BYTES):
            yield part
            part, size = [], 0
        part.append(name)
        size += own
    if part:
        yield part
