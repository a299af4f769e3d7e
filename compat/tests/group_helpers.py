"""What these tests have in common."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management import call_command

from accounts.models import Team
from galleries.models import EnrolledFace, Gallery, Subject

ADA, BOB, EVE = (f"{letter * 8}-0000-4000-8000-000000000000" for letter in "abe")


def write(place: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)


def run(folder: Path, team: Team, **options: Any) -> None:
    call_command("import_person_groups", str(folder), team=str(team.pk), **options)


def rows() -> tuple[int, int, int]:
    """Groups, persons and faces of the team."""
    return Gallery.objects.count(), Subject.objects.count(), EnrolledFace.objects.count()


def ids_in(file: Path) -> dict[str, dict[str, Any]]:
    """What the command has written, by name."""
    return {row["name"]: row for row in json.loads(file.read_text(encoding="utf-8"))}
