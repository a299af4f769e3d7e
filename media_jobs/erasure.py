"""Erasing for good: rows, vectors, files, exports, and the names that other rows keep of what is gone.

`ERASERS` says how each kind of thing is erased, `MEDIA_TRACES` where else a photo has left its name or id.
What may remain is written in docs/privacy.md: the record of who did what keeps ids and loses names.
"""

import json
import re
from collections.abc import Callable, Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import F, TextField
from django.db.models.functions import Cast

from accounts.audit import record, redact_objects
from accounts.models import IdempotentRequest, Team
from analysis.models import Analysis, Face
from emotionsite.sealing import SealBroken, unseal

from .models import Export, Job, JobItem, Media, Webhook, WebhookDelivery
from .progress import items_finish, items_give_back
from .webhooks import emit

# Photos of one transaction.
CHUNK = 50
REDACTED = "[erased]"
UUIDS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@transaction.atomic
def media_erase(*, team: Team, media_ids: Sequence[UUID], recorded: bool = True) -> int:
    """Erase photos with everything about them; returns how many there were.

    Rows are gone with the transaction, files right after it. Work that waits on the photos is cancelled. With
    `recorded`, an event per photo says who erased it. Running it twice changes nothing the second time.
    """
    ids = sorted(media_ids)
    spared = _work_cancel(ids)
    photos = list(Media.objects.select_for_update().filter(pk__in=ids).order_by("id"))
    if not photos:
        return 0
    faces = list(Face.objects.filter(media__in=photos).values_list("pk", flat=True))
    _files_release(team, photos)
    for forget in MEDIA_TRACES:
        forget(team, photos)
    Face.objects.filter(media__in=photos).delete()
    Media.objects.filter(pk__in=[photo.pk for photo in photos]).delete()
    redact_objects("media", [str(photo.pk) for photo in photos])
    redact_objects("face", [str(pk) for pk in faces])
    if recorded:
        for photo in photos:
            record("media.deleted", team=team, obj=photo, name=REDACTED)
    erased = [str(photo.pk) for photo in photos]
    # A photo is erased once, so that its id and the number of those beside it name this event for good.
    dedupe = f"{erased[0]}:{len(erased)}"
    emit(team=team, event="media.deleted", dedupe=dedupe, data={"media_ids": erased})
    # The row that counts what the team uses is locked last, here as everywhere.
    items_give_back(team=team, items=spared)
    return len(photos)


@transaction.atomic
def faces_erase(*, team: Team, face_ids: Sequence[UUID]) -> int:
    """Erase single faces with their scores and vectors; returns how many there were.

    The photo still shows these people: erase the photo for that.
    """
    faces = list(Face.objects.filter(pk__in=face_ids).values_list("pk", "media_id"))
    media_ids = sorted({media_id for _, media_id in faces})
    # Photos first, in order: the lock that everybody takes before rows of faces.
    list(Media.objects.select_for_update().filter(pk__in=media_ids).order_by("id").values("pk"))
    exports_forget(team)
    erased = 0
    for pk, media_id in faces:
        gone, _ = Face.objects.filter(pk=pk).delete()
        if gone:
            erased += 1
            Analysis.objects.filter(media_id=media_id, face_count__gt=0).update(
                face_count=F("face_count") - 1
            )
            redact_objects("face", [str(pk)])
            record("face.deleted", team=team, obj=Face(pk=pk), name=REDACTED)
    return erased


def _work_cancel(ids: Sequence[UUID]) -> list[JobItem]:
    """End what still waits on the photos, and take their names out of jobs that are over.

    Returns the items that were counted as pictures of the month and are not analysed now. Jobs are always
    locked before their items, here and in the worker, so that neither waits for the other.
    """
    items = JobItem.objects.filter(media_id__in=ids)
    jobs = list(Job.objects.select_for_update().filter(pk__in=items.values("job")).order_by("id"))
    touched = list(items.select_for_update().order_by("id"))
    spared: list[JobItem] = []
    for job in jobs:
        mine = [item for item in touched if item.job_id == job.pk]
        # A job that failed repeats the sentence of one of its photos.
        if job.error_message and job.error_message in {item.error_message for item in mine}:
            job.error_message = ""
            job.save(update_fields=["error_message"])
        pending = [item for item in mine if item.status == JobItem.Status.PENDING]
        items_finish(job=job, items=pending, status=JobItem.Status.CANCELLED)
        spared += pending
    items.update(name="", source=None, error_message="")
    return spared


def _files_release(team: Team, photos: Sequence[Media]) -> None:
    from .services import release_files

    release_files(team=team, names=[name for photo in photos for name in photo.file_names])


def exports_forget(team: Team) -> None:
    """Let go of the team's exports that hold photos, faces or their names; one being made begins anew."""
    from .services import release_files

    exports = Export.objects.filter(holds_media=True)
    exports.filter(status=Export.Status.RUNNING).update(
        status=Export.Status.QUEUED, beat_at=None, done=0, total=0
    )
    ready = list(exports.select_for_update().filter(status=Export.Status.READY).order_by("id"))
    release_files(team=team, names=[export.name for export in ready])
    exports.filter(pk__in=[export.pk for export in ready]).update(
        status=Export.Status.ERASED, name="", size=0
    )


def _exports(team: Team, photos: Sequence[Media]) -> None:
    exports_forget(team)


def kept_answers_forget(ids: Sequence[str]) -> int:
    """Forget answers that are kept for repeated requests and name one of the ids; returns how many.

    They are encrypted, so each of the team's is opened; one that cannot be opened can never be sent again.
    The caller is inside the team's scope.
    """
    wanted = set(ids)
    named = []
    answers = IdempotentRequest.objects.exclude(body="").values_list("pk", "body", "headers")
    for pk, body, headers in answers.iterator() if wanted else ():
        try:
            text = unseal(body) + json.dumps(headers)
        except SealBroken:
            continue
        if not wanted.isdisjoint(UUIDS.findall(text)):
            named.append(pk)
    return IdempotentRequest.objects.filter(pk__in=named).delete()[0]


def kept_calls_forget(ids: Sequence[str]) -> int:
    """Forget calls to webhooks that are over and name one of the ids; returns how many.

    Those still to come name ids only. The caller is inside the team's scope.
    """
    if not ids or not Webhook.objects.exists():
        return 0
    over = WebhookDelivery.objects.exclude(status=WebhookDelivery.Status.PENDING)
    named = over.annotate(text=Cast("payload", TextField())).filter(text__regex="|".join(ids))
    return WebhookDelivery.objects.filter(pk__in=named.values("pk")).delete()[0]


def _kept_answers(team: Team, photos: Sequence[Media]) -> None:
    """Answers to uploads of one of the photos, kept for repeated requests; they are found by their job."""
    jobs = JobItem.objects.filter(media__in=photos, job__kind=Job.Kind.PHOTOS).values_list("job", flat=True)
    places = [f"/api/v1/jobs/{pk}" for pk in jobs]
    IdempotentRequest.objects.filter(headers__Location__in=places).delete()


def _kept_calls(team: Team, photos: Sequence[Media]) -> None:
    kept_calls_forget([str(photo.pk) for photo in photos])


#: Everywhere else a photo leaves something that only its erasure takes away. Apps above add their own.
MEDIA_TRACES: list[Callable[[Team, Sequence[Media]], None]] = [_exports, _kept_answers, _kept_calls]

#: How each kind of thing is erased: (team=, ..._ids=) -> number. Apps above add their own kinds.
ERASERS: dict[str, Callable[..., int]] = {"media": media_erase, "face": faces_erase}
