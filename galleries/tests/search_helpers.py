"""Galleries with known answers, and what plain numpy says about them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from django.db import connection

from accounts.models import Team
from galleries import search_tables
from galleries.jobs import job_run
from galleries.models import EnrolledFace, Gallery, GalleryJob, Subject, TrainedState
from galleries.services import gallery_create
from galleries.training import gallery_train
from ml_models.recognition import default_model

CALIBRATION = default_model().calibration


def crowd(
    team: Team, people: int, *, seed: int = 0, spread: float = 0.05, most: int = 5, **options: Any
) -> Gallery:
    """A gallery of people with 1 to `most` faces each, at random but the same for one seed.

    spread: how far faces are from their person, per number of the vector.
    """
    random = np.random.default_rng(seed)
    gallery = gallery_create(team=team, name=f"Crowd {seed}", **options)
    rows: list[EnrolledFace] = []
    subjects = [Subject(team=team, gallery=gallery, name=f"Person {number}") for number in range(people)]
    Subject.objects.bulk_create(subjects)
    for subject in subjects:
        base = random.normal(size=128) * (0.4 + random.random() * 0.2)
        for _ in range(random.integers(1, most + 1)):
            vector = base + 1.0 + random.normal(size=128) * spread * 4
            rows.append(face_row(subject, unit(vector)))
    EnrolledFace.objects.bulk_create(rows)
    return gallery


def face_row(subject: Subject, vector: Sequence[float]) -> EnrolledFace:
    """An enrolled face that is not stored yet."""
    return EnrolledFace(
        team_id=subject.team_id, gallery_id=subject.gallery_id, subject=subject, embedding=list(vector)
    )


def unit(vector: Any) -> list[float]:
    """The vector made one long."""
    return [float(value) for value in np.asarray(vector) / np.linalg.norm(vector)]


def train(gallery: Gallery) -> TrainedState:
    """Train a gallery as the worker does; its state."""
    job = gallery_train(gallery=gallery)
    job_run(job_id=job.pk)
    job.refresh_from_db()
    assert job.status == GalleryJob.Status.SUCCEEDED, job.error_message
    return TrainedState.objects.get(gallery=gallery, is_current=True)


def brute_force(
    gallery: Gallery, probe: Sequence[float], count: int, most: float
) -> list[tuple[UUID, float]]:
    """(subject, distance) of the nearest people, by numpy over all enrolled faces and their means."""
    faces: dict[UUID, list[Any]] = {}
    for subject_id, vector in EnrolledFace.objects.filter(gallery=gallery).values_list(
        "subject", "embedding"
    ):
        faces.setdefault(subject_id, []).append(np.array(vector))
    found = []
    for subject_id, vectors in faces.items():
        looked_at = list(vectors)
        if len(vectors) > 1:
            mean = np.mean(vectors, axis=0)
            looked_at.append((mean / np.linalg.norm(mean)).astype(np.float16).astype(np.float64))
        given = np.asarray(probe).astype(np.float16).astype(np.float64)
        found.append((subject_id, min(float(np.linalg.norm(one - given)) for one in looked_at)))
    found.sort(key=lambda one: one[1])
    return [one for one in found if one[1] <= most][:count]


def tables_of_states() -> list[str]:
    """Names of the tables that states have of their own, of all teams."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relname ~ '^galleries_vectors_[0-9a-f]{32}$' ORDER BY 1"
        )
        return [name for (name,) in cursor.fetchall()]


@pytest.fixture(params=[False, True], ids=["shared", "own table"])
def own_tables(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Every test runs with the vectors in the table that all share, and in a table of the state's own."""
    if request.param:
        monkeypatch.setattr(search_tables, "OWN_TABLE_FROM", 1)
    return bool(request.param)
