"""`manage.py import_people FOLDER --team TEAM --gallery KEY`: people of a folder into a gallery."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from accounts.access import team_scope
from accounts.models import Team
from galleries.folder_send import job_follow, parts_of, photos_send
from galleries.models import Gallery, GalleryJob
from galleries.refusals import Refusal
from galleries.services import gallery_create
from media_jobs.management.commands.analyze_folder import pictures_in, team_named

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
                for part in parts_of([(name, folder / name) for name in names], MOST_FILES):
                    job = job_follow(photos_send(team=team, gallery=gallery, photos=part), bar)
                    made += job.options.get("cursor", {}).get("made", 0)
                    failed += self._say(job)
            except Refusal as refusal:
                raise CommandError(refusal.message) from refusal
        self.stdout.write(f"Gallery {gallery.key}: {made} faces enrolled, {failed} photos without one.")
        return failed

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
