"""`manage.py import_person_groups FOLDER --team TEAM`: person groups of Face API from folders of photos."""

import json
import os
import sys
from argparse import ArgumentParser, BooleanOptionalAction
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from accounts.access import team_scope
from accounts.models import Team
from compat.face_v1 import group_import
from compat.face_v1.group_folders import FolderError, Group, groups_in
from compat.face_v1.group_import import Copied, CopyError
from compat.face_v1.kinds import LARGE_PERSON_GROUP, PERSON_GROUP, Kind
from compat.face_v1.views import RECOGNITION_MODELS
from galleries.refusals import Refusal
from media_jobs.management.commands.analyze_folder import team_named


class Command(BaseCommand):
    help = (
        "Copy person groups of Face API over: FOLDER/<group id>/<person>/<photos>, or one group alone. Waits "
        "until workers have enrolled the photos, names each that was refused, and trains. Running it again "
        "goes on where it was stopped: nobody is made twice."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--team", required=True, help="id or name of the team")
        parser.add_argument("--group", default="", help="the folder is one group, of this id")
        parser.add_argument("--large", action="store_true", help="make large person groups")
        parser.add_argument(
            "--recognition-model",
            choices=RECOGNITION_MODELS,
            default="",
            help="by which name of the model programs ask (default: that of group.json, else recognition_01)",
        )
        parser.add_argument(
            "--train", action=BooleanOptionalAction, default=True, help="train the groups at the end"
        )
        parser.add_argument(
            "--ids",
            type=Path,
            metavar="FILE",
            help="write old and new ids to this JSON file; else print them",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"]
        ids: Path | None = options["ids"]
        if not folder.is_dir():
            raise CommandError(f"{folder} is no folder.")
        if ids is not None:
            _check_place(ids, folder)
        kind = LARGE_PERSON_GROUP if options["large"] else PERSON_GROUP
        team = team_named(options["team"])
        done: list[Copied] = []
        outside: list[Path] = []
        with team_scope(team):
            try:
                outside = self._all(team, kind, folder, options, done)
            except (FolderError, CopyError, Refusal) as error:
                raise CommandError(str(error)) from error
            except ValidationError as error:
                raise CommandError(" ".join(error.messages)) from error
            finally:
                # What was copied before a stop has its ids too.
                self._tell_ids(kind, done, ids)
        refused = len(outside) + sum(len(copied.refused) for copied in done)
        self.stdout.write(
            f"{len(done)} groups, {sum(len(copied.subjects) for copied in done)} persons, "
            f"{sum(copied.new_faces for copied in done)} faces added, "
            f"{sum(copied.known_faces for copied in done)} there already, {refused} photos refused."
        )
        if refused:
            sys.exit(1)

    def _all(
        self, team: Team, kind: Kind, folder: Path, options: dict[str, Any], done: list[Copied]
    ) -> list[Path]:
        """Look at everything before anything is made, then copy group after group into `done`.

        Returns the files that are in no group.
        """
        groups, outside = groups_in(folder, kind, options["group"])
        if not any(group.people for group in groups):
            raise CommandError(f"{folder} has no folder of a person with photos in it.")
        model = options["recognition_model"]
        for group in groups:
            group_import.group_find(kind=kind, group=group, model=model)
        for path in outside:
            self.stderr.write(f"{path.relative_to(folder)}: It lies in no folder of a group.")
        for group in groups:
            copied = group_import.people_make(team=team, kind=kind, group=group, model=model)
            done.append(copied)
            self._faces(folder, group, copied)
            if options["train"]:
                group_import.group_train(copied)
            self._summary(copied, trained=options["train"])
        return outside

    def _faces(self, folder: Path, group: Group, copied: Copied) -> None:
        total = len(group.loose) + sum(len(person.photos) for person in group.people)
        bar = tqdm(total=total, desc=group.key, unit="photo", file=sys.stderr, disable=None)
        with bar:
            for path, reason in group_import.faces_send(copied, bar):
                tqdm.write(f"{path.relative_to(folder)}: {reason}", file=sys.stderr)

    def _summary(self, copied: Copied, *, trained: bool) -> None:
        for subject in group_import.without_faces(copied):
            self.stderr.write(f"{copied.group.key}: {subject.name} has no face.")
        self.stdout.write(
            f"{copied.group.key}: {len(copied.subjects)} persons ({copied.new_people} new), "
            f"{copied.new_faces} faces added, {copied.known_faces} there already, "
            f"{len(copied.refused)} photos refused, {'trained' if trained else 'not trained'}."
        )

    def _tell_ids(self, kind: Kind, done: Sequence[Copied], file: Path | None) -> None:
        rows = [row for copied in done for row in group_import.ids_of(kind, copied)]
        if file is None:
            for row in rows:
                old = row.get("oldPersonId", "")
                self.stdout.write(
                    f"{row[kind.field]}: {old}{' -> ' if old else ''}{row['personId']} {row['name']}"
                )
        elif rows:
            # Written beside it and then put in its place: who reads it sees all of it.
            new = file.with_name(f"{file.name}.new")
            new.write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
            os.replace(new, file)


def _check_place(ids: Path, folder: Path) -> None:
    """Where the ids are to be written, before hours of work. Raises CommandError."""
    parent = ids.resolve().parent
    if not parent.is_dir():
        raise CommandError(f"{parent} is no folder.")
    if folder.resolve() in (parent, *parent.parents):
        raise CommandError(
            "Write the ids to a file outside of the folder: what lies in it is taken for photos."
        )
