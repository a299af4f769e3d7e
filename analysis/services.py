"""Writes of analysis: the engine's answer becomes rows."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.limits import faces_check, usage_add
from accounts.models import Team
from ml_models import EMOTIONS
from ml_models.attribute_types import FaceAttributes

from .attributes import attributes_as_json
from .models import Analysis, Face, FaceEmbedding
from .recognition import photo_model
from .switches import SWITCHES, blank, hidden_columns, switched_off

#: Parts of an analysis by the name of their net, with the switch that keeps them from being stored. Age and
#: gender share their net with what is always stored.
_SWITCHED_NETS = {"emotion": "analyze_emotion", "recognition": "analyze_identity"}
#: A face of an earlier analysis is the same face when the boxes share this much (intersection over union).
SAME_FACE = 0.5
#: What a new analysis of a photo changes of a face that was there before.
_FRESH = [
    field.name
    for field in Face._meta.concrete_fields  # noqa: SLF001
    if field.name not in {"id", "team", "media", "created_at"}
]


class FoundFace(Protocol):
    """The parts of `ml_models.Face` that are stored."""

    box: Any
    confidence: float
    landmarks5: Any
    emotions: Any
    age: float | None
    attributes: FaceAttributes | None
    embedding: Any
    quality: Any

    @property
    def gender(self) -> str | None: ...

    @property
    def gender_confidence(self) -> float | None: ...


@transaction.atomic(savepoint=False)
def analyses_store(
    *, team: Team, found: Mapping[UUID, Sequence[FoundFace]], model_versions: Mapping[str, str]
) -> None:
    """Replace what is stored of some photos by the faces found (media id -> faces, largest first).

    A face that was there before keeps its id, and with it what people have said of it. Running it twice with
    the same answer leaves the same rows. The number of queries does not grow with the number of photos. The
    caller is inside the team's scope. Raises Refusal `quota_faces` when the team would have more faces than
    it may; the transaction must then be rolled back.
    """
    # Read anew: what was switched off while the engine was at work is not stored either.
    now = Team.objects.only(*(switch.field for switch in SWITCHES)).get(pk=team.pk)
    versions = {
        part: version
        for part, version in model_versions.items()
        if part not in _SWITCHED_NETS or getattr(now, _SWITCHED_NETS[part])
    }
    _faces_store(team, found, hidden_columns(now), identity=now.analyze_identity)
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


def _faces_store(
    team: Team, found: Mapping[UUID, Sequence[FoundFace]], hidden: frozenset[str], *, identity: bool
) -> None:
    """Write the rows of the faces of some photos, with the vectors they are recognised by."""
    rows = [
        (_face_row(team, media_id, number, face, hidden), face)
        for media_id, faces in found.items()
        for number, face in enumerate(faces, start=1)
    ]
    known = Face.objects.filter(media_id__in=found)
    before = list(known.order_by("number").values_list("pk", "media_id", "left", "top", "width", "height"))
    if before:
        _keep_ids([row for row, _ in rows], before)
        known.exclude(pk__in=[row.pk for row, _ in rows]).delete()
        # Out of the way: numbers are unique in a photo at every moment.
        known.update(number=F("number") + 1_000_000)
        FaceEmbedding.objects.filter(face__media_id__in=found).delete()
    again: dict[str, Any] = (
        {"update_conflicts": True, "unique_fields": ["id"], "update_fields": _FRESH} if before else {}
    )
    Face.objects.bulk_create([row for row, _ in rows], batch_size=1000, **again)
    if identity:
        _embeddings_store(team, rows)


def _embeddings_store(team: Team, rows: Sequence[tuple[Face, FoundFace]]) -> None:
    vectors = [(row, face) for row, face in rows if face.embedding is not None]
    if not vectors:
        return
    model = photo_model()
    FaceEmbedding.objects.bulk_create(
        [
            FaceEmbedding(
                face=row,
                team=team,
                embedding=face.embedding,
                model=model.name,
                model_sha256=model.sha256,
                quality=face.quality.for_recognition if face.quality is not None else "",
            )
            for row, face in vectors
        ],
        batch_size=1000,
    )


def _keep_ids(rows: Sequence[Face], before: Sequence[tuple[Any, ...]]) -> None:
    """Give each new row the id of the face that was there before, the best overlaps first."""
    overlaps = [
        (_overlap((row.left, row.top, row.width, row.height), box), row, pk)
        for row in rows
        for pk, media_id, *box in before
        if media_id == row.media_id
    ]
    taken: set[Any] = set()
    for overlap, row, pk in sorted(overlaps, key=lambda one: (-one[0], one[1].number, str(one[2]))):
        if overlap < SAME_FACE:
            break
        if pk not in taken and row not in taken:
            taken |= {pk, row}
            row.pk = pk


def _overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """Intersection over union of two boxes (left, top, width, height), 0 to 1."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    if across <= 0 or down <= 0:
        return 0.0
    return across * down / (one[2] * one[3] + other[2] * other[3] - across * down)


@transaction.atomic(savepoint=False)
def switched_off_erase(*, team: Team, limit: int = 5000) -> int:
    """Erase what is still stored of emotion, age, gender and identity where the team has switched it off.

    Returns how many rows were changed, at most `limit`: call it again until it says 0. The caller is inside
    the team's scope.
    """
    changed = 0
    for switch in switched_off(Team.objects.get(pk=team.pk)):
        stored = Face.objects.filter(switch.stored).order_by().values("pk")[: limit - changed]
        if switch.columns:
            changed += Face.objects.filter(pk__in=stored).update(**blank(switch))
        else:
            changed += FaceEmbedding.objects.filter(face__in=stored).delete()[0]
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
