"""What a worker does with one chunk of photos."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from accounts.models import Team
from analysis.services import analyses_store

from .engine import Engine, PictureError
from .hooks import photos_analyzed
from .models import Job, JobItem, Media
from .preparing import Content, Outcome, contents_of, item_decode, item_take_in, known_results
from .progress import items_finish, items_give_back
from .refusals import Refusal
from .retention import analyses_settled

logger = structlog.get_logger(__name__)


def chunk_analyze(*, team: Team, job_id: UUID, chunk: int, engine: Engine) -> None:
    """Analyse the photos of a chunk that are still pending, and store all results in one transaction.

    Safe to run twice, also at the same time: what another delivery has finished is left alone. A chunk that
    comes back after its worker died goes one photo at a time, so that a photo that kills workers is found
    out (`worker_lost`) without taking its neighbours with it.
    """
    items = _begin(job_id, chunk)
    if not items:
        return
    job = items[0].job
    contents = contents_of(team=team, job=job, items=items)
    for group in _groups(items):
        with transaction.atomic():
            JobItem.objects.filter(pk__in=[item.pk for item in group]).update(attempts=group[0].attempts + 1)
        _store(team, job_id, _analyze(job, group, contents, engine), engine.model_versions)


def _begin(job_id: UUID, chunk: int) -> list[JobItem]:
    """Mark the job as running and return the pending items, in order."""
    Job.objects.filter(pk=job_id, status=Job.Status.QUEUED).update(
        status=Job.Status.RUNNING, started_at=timezone.now()
    )
    return list(
        JobItem.objects.filter(job_id=job_id, chunk=chunk, status=JobItem.Status.PENDING).select_related(
            "media", "job__team__plan", "job__created_by"
        )
    )


def _groups(items: list[JobItem]) -> Iterator[list[JobItem]]:
    fresh = [item for item in items if item.attempts == 0]
    if fresh:
        yield fresh
    for item in items:
        if item.attempts:
            yield [item]


def _analyze(
    job: Job, items: list[JobItem], contents: Mapping[int, Content], engine: Engine
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    pictures: list[Any] = []
    decoded: list[JobItem] = []
    for item in _new(job, items, contents, engine, outcomes):
        picture = item_decode(item=item, content=contents.get(item.pk))
        if isinstance(picture, Outcome):
            outcomes.append(picture)
        else:
            pictures.append(engine.as_array(picture))
            decoded.append(item)
    for item, answer in zip(decoded, engine.analyze(pictures), strict=True):
        if isinstance(answer, PictureError):
            message = (
                "The analysis of this photo failed; the worker's log says why. Upload it again to retry."
            )
            outcomes.append(Outcome(item.pk, error_code="analysis_failed", error_message=message))
        else:
            outcomes.append(Outcome(item.pk, faces=answer))
    return outcomes


def _new(
    job: Job,
    items: list[JobItem],
    contents: Mapping[int, Content],
    engine: Engine,
    outcomes: list[Outcome],
) -> list[JobItem]:
    """The items that have a photo to analyse; what became of the others is added to `outcomes`.

    A batch does not repeat a result that its photo has: the same folder twice costs one analysis.
    """
    ended = [item_take_in(job=job, item=item, content=contents.get(item.pk)) for item in items]
    outcomes += [outcome for outcome in ended if outcome is not None]
    # A photo that was deleted has taken its items with it.
    there = [item for item, end in zip(items, ended, strict=True) if end is None and item.media is not None]
    known: set[UUID] = set()
    if job.kind == Job.Kind.BATCH:
        ids = {item.media_id for item in there if item.media_id}
        known = known_results(team=job.team, media_ids=ids, models=engine.model_versions)
    outcomes += [Outcome(item.pk, known=True) for item in there if item.media_id in known]
    return [item for item in there if item.media_id not in known]


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
    succeeded = [(pending[one.item_id], one) for one in outcomes if one.item_id in pending and one.succeeded]
    failed = [(pending[one.item_id], one) for one in outcomes if one.item_id in pending and not one.succeeded]
    found = {item.media_id: one.faces for item, one in succeeded if one.faces is not None and item.media_id}
    # Two chunks can have the same photo: the second waits here, and then replaces the same answer.
    photos = Media.objects.filter(pk__in=[item.media_id for item in pending.values() if item.media_id])
    list(photos.select_for_update().order_by("id").values("pk"))
    analyses_settled(team=team, items=list(pending.values()))
    refused = _store_faces(team, found, models)
    photos_analyzed(team=team, media_ids=sorted(found.keys() - refused.keys()))
    for item, _ in succeeded:
        if item.media_id in refused:
            refusal = refused[item.media_id]
            over = Outcome(item.pk, error_code=refusal.code, error_message=refusal.message)
            failed.append((item, over))
    for item, one in failed:
        _fail(job, item, one)
    ended_well = [(item, one) for item, one in succeeded if item.media_id not in refused]
    items_finish(job=job, items=[item for item, _ in ended_well], status=JobItem.Status.SUCCEEDED)
    spared = [item for item, one in ended_well if one.known] + [item for item, _ in failed]
    items_give_back(team=team, items=spared)


def _fail(job: Job, item: JobItem, outcome: Outcome) -> None:
    items_finish(
        job=job,
        items=[item],
        status=JobItem.Status.FAILED,
        error_code=outcome.error_code,
        error_message=outcome.error_message,
    )
    logger.warning("photo_failed", job_id=str(job.pk), code=outcome.error_code)


def _store_faces(team: Team, found: dict[UUID, Sequence[Any]], models: dict[str, str]) -> dict[UUID, Refusal]:
    """Store the faces of some photos; returns those that are over the team's limit, each with why.

    All at once first, which is the usual case; then one by one, so that what fits is kept.
    """
    if not found:
        return {}
    try:
        with transaction.atomic():
            analyses_store(team=team, found=found, model_versions=models)
    except Refusal as refusal:
        if len(found) == 1:
            return dict.fromkeys(found, refusal)
    else:
        return {}
    refused: dict[UUID, Refusal] = {}
    for media_id, faces in found.items():
        refused |= _store_faces(team, {media_id: faces}, models)
    return refused
