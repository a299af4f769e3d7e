"""From an item of a job to the picture that the engine gets: bytes, stored photo, decoded picture."""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, F, OuterRef
from PIL import Image

from accounts.models import Team
from analysis.models import Analysis, Face
from analysis.switches import SWITCHES

from . import files
from .intake import decode_original
from .models import Job, JobItem
from .refusals import Refusal, refuse
from .services import media_from_bytes
from .sources import contents_read

# After this many beginnings without an end, a photo is taken to be what kills the worker.
MAX_ATTEMPTS = 4
Content = bytes | Refusal


@dataclass(frozen=True)
class Outcome:
    """What became of one item: faces, a code with a sentence, or (`known`) a result that is there already."""

    item_id: int
    faces: Sequence[Any] | None = None
    error_code: str = ""
    error_message: str = ""
    known: bool = False

    @property
    def succeeded(self) -> bool:
        return self.known or self.faces is not None


def contents_of(*, team: Team, job: Job, items: Sequence[JobItem]) -> dict[int, Content]:
    """Bytes of the items that have no stored picture yet, fetched at the same time; or why there are none."""
    wanted = [
        item
        for item in items
        if item.source is not None
        and item.attempts < MAX_ATTEMPTS
        and not (item.media is not None and item.media.original)
    ]
    return contents_read(team=team, items=wanted, archive=job.archive) if wanted else {}


def item_take_in(*, job: Job, item: JobItem, content: Content | None) -> Outcome | None:
    """Take the bytes of an item in, where it came with some; the photo they become is noted in the item.

    Bytes that the team already has are the photo it has. Returns what became of an item that ends here.
    """
    if item.attempts >= MAX_ATTEMPTS:
        message = "The worker was lost each time it analysed this photo. Look at the worker's log."
        return Outcome(item.pk, error_code="worker_lost", error_message=message)
    try:
        if isinstance(content, Refusal):
            raise content
        if content is not None:
            _take_in(job, item, content)
    except FileNotFoundError:
        return _original_missing(item)
    except Refusal as refusal:
        return Outcome(item.pk, error_code=refusal.code, error_message=refusal.message)
    return None


def item_decode(*, item: JobItem, content: Content | None) -> Image.Image | Outcome:
    """The picture of an item that has a photo, from the bytes it came with or from the storage."""
    media = item.media
    try:
        if isinstance(content, bytes):
            return decode_original(io.BytesIO(content))
        if media is not None and media.pictures_erased_at is not None:
            raise refuse("pictures_erased")
        if media is None or not media.original:
            return _original_missing(item)
        return decode_original(files.fetch(media.original))
    except FileNotFoundError:
        return _original_missing(item)
    except Refusal as refusal:
        return Outcome(item.pk, error_code=refusal.code, error_message=refusal.message)


def _original_missing(item: JobItem) -> Outcome:
    message = "The stored file of this photo is gone. Upload it again."
    return Outcome(item.pk, error_code="original_missing", error_message=message)


def _take_in(job: Job, item: JobItem, content: bytes) -> None:
    media = media_from_bytes(team=job.team, content=content, filename=item.name, user=job.created_by)
    try:
        with transaction.atomic():
            JobItem.objects.filter(pk=item.pk).update(media=media)
    except IntegrityError as error:
        # Somebody deleted the photo in the moment it came in.
        raise FileNotFoundError from error
    item.media = media


def known_results(*, team: Team, media_ids: Iterable[UUID], models: Mapping[str, str]) -> set[UUID]:
    """Those of the photos whose stored result these nets would only repeat.

    A result whose faces were erased by retention is none, nor is one that lacks what the team has switched on
    since.
    """
    lacking = Face.objects.filter(media=OuterRef("media"))
    wanted = [~switch.stored for switch in SWITCHES if getattr(team, switch.field)]
    rows = Analysis.objects.filter(media_id__in=media_ids, model_versions=dict(models))
    if wanted:
        rows = rows.exclude(Exists(lacking.filter(reduce(or_, wanted))))
    whole = rows.annotate(stored=Count("media__faces")).filter(stored=F("face_count"))
    return set(whole.values_list("media_id", flat=True))
