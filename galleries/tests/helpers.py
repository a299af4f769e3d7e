"""Steps that tests of galleries share."""

from typing import Any

from accounts.models import Team
from galleries.models import EnrolledFace, Gallery, Subject
from galleries.services import gallery_create, subject_create
from tests.fakes import embedding_of


def gallery_of(team: Team, people: dict[str, int], faces: int = 2, **options: Any) -> Gallery:
    """A gallery with these people (name -> number, as in `tests.fakes.embedding_of`), each with some faces.

    The caller is inside the team's scope. Nothing is trained.
    """
    gallery = gallery_create(team=team, name="Staff", **options)
    for name, person in people.items():
        subject = subject_create(gallery=gallery, name=name)
        enrol(subject, *(embedding_of(person, view) for view in range(faces)))
    return gallery


def enrol(subject: Subject, *vectors: list[float]) -> list[EnrolledFace]:
    """Faces of a subject with these vectors, as rows, without pictures."""
    return EnrolledFace.objects.bulk_create(
        [
            EnrolledFace(
                team_id=subject.team_id,
                gallery_id=subject.gallery_id,
                subject=subject,
                embedding=vector,
                quality="high",
            )
            for vector in vectors
        ]
    )
