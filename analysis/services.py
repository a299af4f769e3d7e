"""Writes of analysis: the engine's answer becomes rows."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.models import Team
from ml_models import EMOTIONS

from .models import Analysis, Face


class FoundFace(Protocol):
    """The parts of `ml_models.Face` that are stored."""

    box: Any
    confidence: float
    landmarks5: Any
    emotions: Any


@transaction.atomic(savepoint=False)
def analyses_store(
    *, team: Team, found: Mapping[UUID, Sequence[FoundFace]], model_versions: Mapping[str, str]
) -> None:
    """Replace what is stored of some photos by the faces found (media id -> faces, largest first).

    Running it twice with the same answer leaves the same rows. The number of queries does not grow with
    the number of photos. The caller is inside the team's scope.
    """
    Face.objects.filter(media_id__in=found).delete()
    Face.objects.bulk_create(
        [
            _face_row(team, media_id, number, face)
            for media_id, faces in found.items()
            for number, face in enumerate(faces, start=1)
        ],
        batch_size=1000,
    )
    Analysis.objects.bulk_create(
        [
            Analysis(
                media_id=media_id,
                team=team,
                face_count=len(faces),
                model_versions=dict(model_versions),
                created_at=timezone.now(),
            )
            for media_id, faces in found.items()
        ],
        update_conflicts=True,
        unique_fields=["media"],
        update_fields=["face_count", "model_versions", "created_at"],
    )


def _face_row(team: Team, media_id: UUID, number: int, face: FoundFace) -> Face:
    emotions = [float(value) for value in face.emotions]
    left, top, width, height = (float(value) for value in face.box)
    return Face(
        team=team,
        media_id=media_id,
        number=number,
        left=left,
        top=top,
        width=width,
        height=height,
        confidence=min(1.0, float(face.confidence)),
        landmarks=[float(value) for point in face.landmarks5 for value in point],
        strongest=max(zip(emotions, EMOTIONS, strict=True))[1],
        **dict(zip(EMOTIONS, emotions, strict=True)),
    )
