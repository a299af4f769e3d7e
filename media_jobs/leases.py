"""Long work that one worker has at a time, and that another takes up when it dies.

An export or a removal carries `beat_at`: the last sign of the worker that has it. A second delivery of its
task finds the sign fresh and leaves; when it has become old, beat sends the task again.
"""

import threading
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError, close_old_connections, connections, models
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.access import across_teams

logger = structlog.get_logger(__name__)

BEAT_EVERY = timedelta(seconds=15)
STALE_AFTER = timedelta(seconds=90)


class LeaseLost(Exception):
    """The work was given to somebody else, or is not wanted any more: leave it at once."""


def is_free() -> Q:
    """Condition for rows that no worker has."""
    return Q(beat_at=None) | Q(beat_at__lt=timezone.now() - STALE_AFTER)


def free_rows(model: Any, statuses: list[str]) -> QuerySet[Any]:
    """Unfinished rows of all teams that no worker has."""
    return model.unscoped.filter(is_free(), status__in=statuses).order_by("created_at")


class Lease:
    """`with Lease(...)` gives signs of life from a thread of its own until the block ends."""

    def __init__(self, model: Any, pk: UUID | int, token: datetime) -> None:
        self._rows = model.unscoped.filter(pk=pk)
        self._signs = {token}
        self._last = token
        self._lost = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)

    @classmethod
    def take(cls, model: type[models.Model], pk: UUID | int, statuses: list[str]) -> "Lease | None":
        """The lease of a row in one of `statuses`; None when another worker has it or it is over."""
        now = timezone.now()
        with across_teams():
            taken = free_rows(model, statuses).order_by().filter(pk=pk).update(beat_at=now)
        return cls(model, pk, now) if taken else None

    def __enter__(self) -> "Lease":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the signs. After a fault the last one stays, so that the work is not begun again at once."""
        self._over.set()
        self._thread.join()
        if error is None:
            with across_teams():
                self._rows.filter(beat_at=self._last).update(beat_at=None)

    def check(self) -> None:
        """Raises LeaseLost when somebody else has the row now, or it is gone. Call it between steps."""
        with across_teams():
            sign = self._rows.values_list("beat_at", flat=True).first()
        if self._lost or not self.holds(sign):
            raise LeaseLost

    def holds(self, sign: datetime | None) -> bool:
        """Whether `beat_at` of a row that was just read was written by this lease."""
        return sign in self._signs

    def _beat(self) -> None:
        try:
            while not self._over.wait(BEAT_EVERY.total_seconds()):
                self._sign()
        finally:
            connections.close_all()

    def _sign(self) -> None:
        now = timezone.now()
        # Known before it is written: the worker may read the row in between.
        self._signs.add(now)
        try:
            close_old_connections()
            with across_teams():
                mine = self._rows.filter(beat_at=self._last).update(beat_at=now)
        except DatabaseError as fault:
            # The database restarts: the next sign is soon enough.
            logger.warning("no_sign_of_life", reason=type(fault).__name__)
            return
        if mine:
            self._last = now
        else:
            self._lost = True
