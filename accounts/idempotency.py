"""Idempotency-Key: a POST that is sent twice is carried out once, and answered the same way twice.

The row of a key is written before the work begins, and its unique constraint decides between two requests
that come at the same moment. Answers are encrypted, because some show a secret once.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from emotionsite.api.refusals import refuse
from emotionsite.sealing import seal, unseal

from .access import Access, across_teams
from .models import IdempotentRequest

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEPT_FOR = timedelta(hours=24)
# Longer than any request takes: after it, the one that left this row unfinished is known to be dead.
IN_PROGRESS_FOR = timedelta(minutes=10)
RETRY_SECONDS = 2
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_HEADERS = ("Content-Type", "Location", "Cache-Control")
# Refusals for which the request itself is the reason, so that it would always get them again. The others
# depend on rights, limits and the state of things, and are asked anew.
_FINAL = frozenset({400, 413, 415, 422})


@dataclass
class FirstRequest:
    """The first request with a key, at work. Either its answer is kept, or the key is given back."""

    row: IdempotentRequest
    kept: bool = False

    def keep(self, response: HttpResponse) -> None:
        """Keep a rendered answer for repetitions, unless it may be another one the next time."""
        if not (200 <= response.status_code < 300 or response.status_code in _FINAL):
            return
        # A server that was slower than IN_PROGRESS_FOR has lost the row to a repetition; that one counts.
        IdempotentRequest.objects.filter(pk=self.row.pk, created_at=self.row.created_at).update(
            status=response.status_code,
            headers={name: response[name] for name in _HEADERS if name in response},
            body=seal(response.content.decode()),
        )
        self.kept = True

    def give_back(self) -> None:
        """Free the key again when no answer was kept."""
        if not self.kept:
            IdempotentRequest.objects.filter(pk=self.row.pk, created_at=self.row.created_at).delete()


def request_begin(*, access: Access, request: Request) -> FirstRequest | HttpResponse | None:
    """Take the key of a POST: the first with it goes on, a repetition gets the answer of the first.

    None for a request without a key. Raises Refusal `idempotency_key_invalid`, `idempotency_mismatch` and
    `idempotency_in_progress`. The caller is inside the team's scope.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise refuse("idempotency_key_invalid")
    fingerprint = _fingerprint(access, request)
    row, new = IdempotentRequest.objects.get_or_create(
        team=access.team, key=key, defaults={"fingerprint": fingerprint}
    )
    if new or _take_over(row, fingerprint):
        return FirstRequest(row)
    if row.fingerprint != fingerprint:
        raise refuse("idempotency_mismatch")
    if row.status is None:
        raise refuse("idempotency_in_progress", headers={"Retry-After": str(RETRY_SECONDS)})
    return HttpResponse(unseal(row.body), status=row.status, headers={**row.headers, REPLAYED: "true"})


def _take_over(row: IdempotentRequest, fingerprint: str) -> bool:
    """Give a row that is too old to this request; False when it still counts or another was faster."""
    now = timezone.now()
    if row.created_at > now - (IN_PROGRESS_FOR if row.status is None else KEPT_FOR):
        return False
    seen = row.created_at
    row.created_at = now
    return bool(
        IdempotentRequest.objects.filter(pk=row.pk, created_at=seen).update(
            created_at=now, fingerprint=fingerprint, status=None, headers={}, body=""
        )
    )


def _fingerprint(access: Access, request: Request) -> str:
    """SHA-256 of who asks for what. The parsed body counts: a repeated form has another boundary."""
    caller = f"key {access.api_key_id}" if access.api_key_id else f"user {access.user and access.user.pk}"
    address = [caller, request.method, request.path, sorted(request.query_params.lists())]
    content = json.dumps([address, _content(request.data)], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _content(data: Any) -> Any:
    """What a body says, as JSON: files by their name and SHA-256."""
    if isinstance(data, UploadedFile):
        return [data.name, data.size, _digest(data)]
    if isinstance(data, Mapping):
        lists = data.lists() if hasattr(data, "lists") else data.items()
        return {str(name): _content(value) for name, value in lists}
    if isinstance(data, list):
        return [_content(item) for item in data]
    return data


def _digest(file: UploadedFile) -> str:
    digest = hashlib.sha256()
    for piece in file.chunks():
        digest.update(piece)
    file.seek(0)
    return digest.hexdigest()


def requests_forget_old(*, batch: int = 1000) -> int:
    """Remove answers older than KEPT_FOR; returns how many. Beat runs it."""
    removed = 0
    oldest = timezone.now() - KEPT_FOR
    # Across teams: age alone decides, and no content is read.
    with across_teams():
        rows = IdempotentRequest.objects.filter(created_at__lt=oldest).order_by("created_at")
        while ids := list(rows.values_list("pk", flat=True)[:batch]):
            removed += IdempotentRequest.objects.filter(pk__in=ids, created_at__lt=oldest).delete()[0]
    return removed
