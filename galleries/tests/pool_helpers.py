"""Analysed photos of people, as rows, for tests of the pool of unknown people."""

import uuid
from typing import Any

from django.utils import timezone

from accounts.models import Team
from analysis.models import Face, FaceEmbedding
from analysis.recognition import photo_model
from galleries.models import FaceLabel
from media_jobs.models import Media
from tests.fakes import embedding_of


def photo(team: Team, *persons: int | list[float], quality: str = "high", view: int = 0) -> list[Face]:
    """An analysed photo of some people; each is a number or a vector. Returns its faces."""
    media = Media.objects.create(
        team=team,
        sha256=uuid.uuid4().hex * 2,
        filename="photo.jpg",
        content_type="image/jpeg",
        size=1000,
        width=400,
        height=300,
        # There are no files.
        pictures_erased_at=timezone.now(),
    )
    faces = Face.objects.bulk_create(
        [
            Face(
                team=team,
                media=media,
                number=number,
                left=10.0 * number,
                top=10,
                width=50,
                height=60,
                confidence=0.9,
                landmarks=[0.0] * 10,
            )
            for number in range(1, len(persons) + 1)
        ]
    )
    model = photo_model()
    FaceEmbedding.objects.bulk_create(
        [
            FaceEmbedding(
                face=face,
                team=team,
                embedding=embedding_of(person, view) if isinstance(person, int) else person,
                model=model.name,
                model_sha256=model.sha256,
                quality=quality,
            )
            for face, person in zip(faces, persons, strict=True)
        ]
    )
    return faces


def album(team: Team, people: dict[int, int], first_view: int = 0) -> dict[int, list[Face]]:
    """Photos of people (number -> how many photos), one person each. Returns the faces of each."""
    return {
        person: [photo(team, person, view=first_view + view)[0] for view in range(photos)]
        for person, photos in people.items()
    }


def grouped() -> list[set[uuid.UUID]]:
    """The faces of each unnamed person, most first."""
    groups: dict[uuid.UUID, set[uuid.UUID]] = {}
    for face, person in FaceLabel.objects.filter(unnamed__isnull=False).values_list("face_id", "unnamed_id"):
        groups.setdefault(person, set()).add(face)
    return sorted(groups.values(), key=lambda faces: (-len(faces), min(faces)))


def ids(faces: list[Face]) -> set[uuid.UUID]:
    return {face.pk for face in faces}


def whose(face: Face) -> Any:
    """The id of the unnamed person a face belongs to; None where it is nobody's."""
    return FaceLabel.objects.filter(face=face).values_list("unnamed_id", flat=True).first()
