"""What a worker does with one chunk of photos."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from accounts.models import Team
from analysis.services import analyses_store

from . import files
from .engine import Engine, PictureError
from .intake import decode_original
from .models import Job, JobItem
from .progress import items_finish
from .refusals import Refusal

logger = structlog.get_logger(__name__)

# After this many beginnings without an end, a photo is taken to be what kills the worker.
MAX_ATTEMPTS = 4


@dataclass(frozen=True)
class Outcome:
    """What became of one item: faces, or a code and a sentence."""

    item_id: int
    faces: Sequence[Any] | None = None
    error_code: str = ""
    error_message: str = ""


def chunk_analyze(*, team: Team, job_id: UUID, chunk: int, engine: Engine) -> None:
    """Analyse the photos of a chunk that are still pending, and store all results in one transaction.

    Safe to run twice, also at the same time: what another delivery has finished is left alone. A chunk that
    comes back after its worker died goes one photo at a time, so that a photo that kills workers is found
    out (`worker_lost`) without taking its neighbours with it.
    """
    items = _begin(job_id, chunk)
    for group in _groups(items):
        with transaction.atomic():
            JobItem.objects.filter(pk__in=[item.pk for item in group]).update(attempts=group[0].attempts + 1)
        _store(team, job_id, _analyze(group, engine), engine.model_versions)


def _begin(job_id: UUID, chunk: int) -> list[JobItem]:
    """Mark the job as running and return the pending items, in order."""
    Job.objects.filter(pk=job_id, status=Job.Status.QUEUED).update(
        status=Job.Status.RUNNING, started_at=timezone.now()
    )
    return list(
        JobItem.objects.filter(job_id=job_id, chunk=chunk, status=JobItem.Status.PENDING).select_related(
            "media"
        )
    )


def _groups(items: list[JobItem]) -> Iterator[list[JobItem]]:
    fresh = [item for item in items if item.attempts == 0]
    if fresh:
        yield fresh
    for item in items:
        if item.attempts:
            yield [item]


def _analyze(items: list[JobItem], engine: Engine) -> list[Outcome]:
    outcomes: list[Outcome] = []
    pictures: list[Any] = []
    decoded: list[JobItem] = []
    for item in items:
        if item.attempts >= MAX_ATTEMPTS:
            message = "The worker was lost each time it analysed this photo. Look at the worker's log."
            outcomes.append(Outcome(item.pk, error_code="worker_lost", error_message=message))
        elif item.media is None:
            continue
        else:
            try:
                pictures.append(engine.as_array(decode_original(files.fetch(item.media.original))))
                decoded.append(item)
            except FileNotFoundError:
                message = "The stored file of this photo is gone. Upload it again."
                outcomes.append(Outcome(item.pk, error_code="original_missing", error_message=message))
            except Refusal as refusal:
                outcomes.append(Outcome(item.pk, error_code=refusal.code, error_message=refusal.message))
    for item, answer in zip(decoded, engine.analyze(pictures), strict=True):
        if isinstance(answer, PictureError):
            message = (
                "The analysis of this photo failed; the worker's log says why. Upload it again to retry."
            )
            outcomes.append(Outcome(item.pk, error_code="analysis_failed", error_message=message))
        else:
            outcomes.append(Outcome(item.pk, faces=answer))
    return outcomes


@transaction.atomic
def _store(team: Team, job_id: UUID, outcomes: list[Outcome], models: dict[str, str]) -> None:
    # The job first, then its items: the order of `media_delete`, so that neither waits for the other.
    job = Job.objects.select_for_update().filter(pk=job_id).first()
    if job is None:
        return
    pending = {
        item.pk: item
        for item in JobItem.objects.select_for_update(of=("self",))
        .filter(pk__in=[outcome.item_id for outcome in outcomes], status=JobItem.Status.PENDING)
        .order_by("id")
    }
    succeeded: list[JobItem] = []
    found: dict[UUID, Sequence[Any]] = {}
    for outcome in outcomes:
        item = pending.get(outcome.item_id)
        if item is None:
            continue
        if outcome.faces is None:
            items_finish(
                job=job,
                items=[item],
                status=JobItem.Status.FAILED,
                error_code=outcome.error_code,
                error_message=outcome.error_message,
            )
            logger.warning("photo_failed", job_id=str(job_id), code=outcome.error_code)
        elif item.media_id is not None:
            found[item.media_id] = outcome.faces
            succeeded.append(item)
    if found:
        analyses_store(team=team, found=found, model_versions=models)
    items_finish(job=job, items=succeeded, status=JobItem.Status.SUCCEEDED)
