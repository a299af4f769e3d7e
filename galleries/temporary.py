"""Faces of a detection that are remembered for a while: their vectors and boxes, no picture.

`register` lets `POST /api/v1/detect` keep faces: it lies in an app below, which knows nothing of galleries.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

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
from .services import model_named

SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=1)
# Faces of one statement when beat erases them.
CHUNK = 1000


def register() -> None:
    """Offer detection to keep its faces."""
    hooks.FACE_KEEPERS.append(hooks.FaceKeeper(ASKED, _model, _keep))


def _model(name: str) -> RecognitionModel:
    return model_named(name) if name else photo_model()


def _keep(
    team: Team, answer: Mapping[str, Any], model: RecognitionModel, asked_as: str, sha256: str, seconds: int
) -> tuple[list[UUID], datetime]:
    """Keep detected faces as the worker described them: the id of each, and when they are forgotten."""
    worker_check(team=team, answer=answer, model=model, taken_at=timezone.now())
    until = timezone.now() + timedelta(seconds=seconds)
    rows = [
        TemporaryFace(
            team=team,
            embedding=vector_of_text(face["embedding"]),
            model=model.name,
            model_sha256=model.sha256,
            model_alias=asked_as if asked_as != model.name else "",
            quality=face["quality"]["for_recognition"],
            quality_reasons=reasons_of(face),
            picture_sha256=sha256,
            expires_at=until,
            **face["box"],
        )
        for face in answer["faces"]
    ]
    if len(rows) == 1:
        # By itself it needs no transaction around it, and a client waits.
        rows[0].save(force_insert=True)
    else:
        TemporaryFace.objects.bulk_create(rows)
    return [row.pk for row in rows], until


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
