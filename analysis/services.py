"""Writes of analysis: the engine's answer becomes rows."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.limits import faces_check, usage_add
from accounts.models import Team
from ml_models import EMOTIONS
from ml_models.attribute_types import FaceAttributes

from .attributes import attributes_as_json
from .models import Analysis, Face
from .switches import SWITCHES, blank, hidden_columns, switched_off


class FoundFace(Protocol):
    """The parts of `ml_models.Face` that are stored."""

    box: Any
    confidence: float
    landmarks5: Any
    emotions: Any
    age: float | None
    attributes: FaceAttributes | None

    @property
    def gender(self) -> str | None: ...

    @property
    def gender_confidence(self) -> float | None: ...


@transaction.atomic(savepoint=False)
def analyses_store(
    *, team: Team, found: Mapping[UUID, Sequence[FoundFace]], model_versions: Mapping[str, str]
) -> None:
    """Replace what is stored of some photos by the faces found (media id -> faces, largest first).

    Running it twice with the same answer leaves the same rows. The number of queries does not grow with
    the number of photos. The caller is inside the team's scope. Raises Refusal `quota_faces` when the team
    would have more faces than it may; the transaction must then be rolled back.
    """
    # Read anew: what was switched off while the engine was at work is not stored either.
    now = Team.objects.only(*(switch.field for switch in SWITCHES)).get(pk=team.pk)
    hidden = hidden_columns(now)
    # Age and gender share their net with what is always stored.
    versions = {
        part: version for part, version in model_versions.items() if part != "emotion" or now.analyze_emotion
    }
    Face.objects.filter(media_id__in=found).delete()
    Face.objects.bulk_create(
        [
            _face_row(team, media_id, number, face, hidden)
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
                model_versions=versions,
                created_at=timezone.now(),
            )
            for media_id, faces in found.items()
        ],
        update_conflicts=True,
        unique_fields=["media"],
        update_fields=["face_count", "model_versions", "created_at"],
    )
    if number := sum(len(faces) for faces in found.values()):
        faces_check(team=team)
        usage_add(team=team, faces=number)


@transaction.atomic(savepoint=False)
def switched_off_erase(*, team: Team, limit: int = 5000) -> int:
    """Erase what is still stored of emotion, age and gender where the team has switched it off.

    Returns how many rows were changed, at most `limit`: call it again until it says 0. The caller is inside
    the team's scope.
    """
    changed = 0
    for switch in switched_off(Team.objects.get(pk=team.pk)):
        stored = Face.objects.filter(switch.stored).order_by().values("pk")[: limit - changed]
        changed += Face.objects.filter(pk__in=stored).update(**blank(switch))
        if changed >= limit:
            break
    return changed


def _face_row(team: Team, media_id: UUID, number: int, face: FoundFace, hidden: frozenset[str]) -> Face:
    scores: dict[str, Any] = {
        "age": face.age,
        "gender": face.gender or "",
        "gender_confidence": face.gender_confidence,
    }
    if face.emotions is not None:
        emotions = [float(value) for value in face.emotions]
        scores |= dict(zip(EMOTIONS, emotions, strict=True))
        scores["strongest"] = max(zip(emotions, EMOTIONS, strict=True))[1]
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
        attributes=None if face.attributes is None else attributes_as_json(face.attributes),
        **{name: value for name, value in scores.items() if name not in hidden},
    )
