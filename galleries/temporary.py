"""Faces of a detection that are remembered for a while: their vectors and boxes, no picture.

`register` lets `POST /api/v1/detect` keep faces: it lies in an app below, which knows nothing of galleries.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from accounts.access import across_teams
from accounts.models import Team
from analysis.recognition import photo_model
from media_jobs import hooks
from media_jobs.detect_work import vector_of_text
from ml_models.recognition import RecognitionModel

from .models import TemporaryFace
from .probes import ASKED, ProbeFace, worker_check
from .quality import reasons_of
from .refusals import refuse
from .search_sql import text_of
from .services import model_named

SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=1)
# Faces of one statement when beat erases them.
CHUNK = 1000


def register() -> None:
    """Offer detection to keep its faces."""
    hooks.FACE_KEEPERS.append(hooks.FaceKeeper(ASKED, _model, _check, _keep))


def _model(name: str) -> RecognitionModel:
    return model_named(name) if name else photo_model()


def _check(team: Team, answer: Mapping[str, Any], model: RecognitionModel, taken_at: datetime) -> None:
    worker_check(team=team, answer=answer, model=model, taken_at=taken_at, faces=0)


# Written out, because a client waits: to make it of models takes longer than to run it.
_KEEP = """
INSERT INTO galleries_temporaryface (
    id, team_id, embedding, model, model_sha256, model_alias, "left", top, width, height,
    quality, quality_reasons, picture_sha256, created_at, expires_at
)
SELECT id, %(team)s, embedding::halfvec, %(model)s, %(model_sha256)s, %(model_alias)s,
    "left", top, width, height, quality, string_to_array(reasons, ','), %(picture_sha256)s, %(now)s, %(until)s
FROM unnest(
    %(ids)s::uuid[], %(embeddings)s::text[], %(lefts)s::float8[], %(tops)s::float8[], %(widths)s::float8[],
    %(heights)s::float8[], %(qualities)s::text[], %(reasons)s::text[]
) AS face (id, embedding, "left", top, width, height, quality, reasons)
"""


def _keep(
    team: Team, answer: Mapping[str, Any], model: RecognitionModel, asked_as: str, sha256: str, seconds: int
) -> tuple[list[UUID], datetime]:
    """Keep detected faces as the worker described them: the id of each, and when they are forgotten."""
    now = timezone.now()
    until = now + timedelta(seconds=seconds)
    faces = answer["faces"]
    ids = [uuid4() for _ in faces]
    values: dict[str, Any] = {
        "team": team.pk,
        "model": model.name,
        "model_sha256": model.sha256,
        "model_alias": asked_as if asked_as != model.name else "",
        "picture_sha256": sha256,
        "now": now,
        "until": until,
        "ids": ids,
        "embeddings": [text_of(vector_of_text(face["embedding"])) for face in faces],
        **{f"{side}s": [face["box"][side] for face in faces] for side in ("left", "top", "width", "height")},
        "qualities": [face["quality"]["for_recognition"] for face in faces],
        "reasons": [",".join(reasons_of(face)) for face in faces],
    }
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, values)
    return ids, until


def temporary_face_keep(
    *,
    team: Team,
    face: ProbeFace,
    model: RecognitionModel,
    picture_sha256: str = "",
    lasts: timedelta = LONGEST,
) -> TemporaryFace:
    """Keep one face of a probe, from `SHORTEST` to `LONGEST`. The caller is inside the team's scope."""
    left, top, width, height = face.box
    return TemporaryFace.objects.create(
        team=team,
        embedding=face.embedding,
        model=model.name,
        model_sha256=model.sha256,
        left=left,
        top=top,
        width=width,
        height=height,
        quality=face.quality,
        quality_reasons=list(face.reasons),
        picture_sha256=picture_sha256,
        expires_at=timezone.now() + min(max(lasts, SHORTEST), LONGEST),
    )


def temporary_face_get(face_id: UUID) -> TemporaryFace:
    """A face that is still kept. Raises Refusal `temporary_face_unknown`, and `temporary_face_expired` for
    one whose time is over, whether beat has erased it yet or not. The caller is inside the team's scope.
    """
    return temporary_faces_get([face_id])[0]


def temporary_faces_get(face_ids: Sequence[UUID]) -> list[TemporaryFace]:
    """Several, in the order of the ids, in one query; all of them or none. Raises as `temporary_face_get`."""
    found = TemporaryFace.objects.in_bulk(face_ids)
    missing = [str(pk) for pk in face_ids if pk not in found]
    if missing:
        raise refuse("temporary_face_unknown", ids=", ".join(missing[:10]))
    now = timezone.now()
    over = [str(pk) for pk, face in found.items() if face.expires_at <= now]
    if over:
        raise refuse("temporary_face_expired", ids=", ".join(over[:10]))
    return [found[pk] for pk in face_ids]


def temporary_face_forget(face_id: UUID) -> None:
    """Erase a face before its time. Raises as `temporary_face_get`."""
    temporary_face_get(face_id)
    TemporaryFace.objects.filter(pk=face_id).delete()


def temporary_faces_expire(*, most: int = 100_000) -> int:
    """Erase faces of all teams whose time is over, the oldest first; returns how many. Safe to run twice."""
    erased = 0
    while erased < most:
        # Across teams: what is over goes, whose ever it is.
        with across_teams():
            over = TemporaryFace.unscoped.filter(expires_at__lte=Now()).order_by("expires_at")
            gone, _ = TemporaryFace.unscoped.filter(
                pk__in=list(over.values_list("pk", flat=True)[:CHUNK])
            ).delete()
        erased += gone
        if gone < CHUNK:
            break
    return erased
