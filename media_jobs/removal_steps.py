"""What a removal does, step by step: each function yields after a chunk with the number of things that went.

They keep nothing in memory between chunks: a worker that takes a removal up finds what is left.
"""

from collections.abc import Iterator
from graphlib import TopologicalSorter
from itertools import islice
from typing import Any
from uuid import UUID

import redis
from allauth.account.models import EmailAddress
from django.apps import apps
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import models, transaction
from django.utils import timezone

from accounts.access import across_teams, team_scope
from accounts.audit import record, redact_actor, redact_objects, redact_team
from accounts.models import AuditEvent, IdempotentRequest, Invitation, Membership, Team, User

from . import files
from .erasure import CHUNK, REDACTED, media_erase
from .models import Export, Job, JobItem, ReleasedFile, Removal, Video, VideoChunk
from .services import release_files, released_files_erase

ROWS = 500
FILES = 200
# The record stays, redacted; a removal tells its own end; files that are let go of are erased one by one.
KEPT = (AuditEvent, Removal, ReleasedFile, Export)


# --- Photos -------------------------------------------------------------------------------------------
def media_steps(removal: Removal) -> Iterator[int]:
    """Erase the photos of a removal, in the scope of its team."""
    ids = [UUID(text) for text in removal.part_ids]
    for some in _parts(ids[removal.done :], CHUNK):
        if (team := removal.team) is not None:
            with team_scope(team):
                media_erase(team=team, media_ids=some)
        yield len(some)


def _parts(things: list[Any], size: int) -> Iterator[list[Any]]:
    """Parts of a list."""
    for start in range(0, len(things), size):
        yield things[start : start + size]


# --- A team -------------------------------------------------------------------------------------------
def team_models() -> list[Any]:
    """Models whose rows belong to a team and go with it, those that point to others first."""
    mine = {
        model
        for model in apps.get_models()
        if model not in KEPT and any(field.column == "team_id" for field in model._meta.concrete_fields)  # noqa: SLF001
    }
    order: TopologicalSorter[Any] = TopologicalSorter()
    for model in sorted(mine, key=lambda one: one._meta.label):  # noqa: SLF001
        order.add(model)
        for field in model._meta.concrete_fields:  # noqa: SLF001
            if field.remote_field and field.related_model in mine - {model}:
                order.add(field.related_model, model)
    return list(order.static_order())


def work_left(removal: Removal) -> int:
    """How many rows go: what the progress of a removal counts."""
    if removal.kind not in {Removal.Kind.TEAM, Removal.Kind.USER}:
        return len(removal.part_ids)
    with across_teams():
        return sum(_rows(model, pk).count() for pk in _team_ids(removal) for model in team_models()) or 1


def _team_ids(removal: Removal) -> list[str]:
    return [removal.subject_id] if removal.kind == Removal.Kind.TEAM else list(removal.part_ids)


def _rows(model: Any, team_id: str) -> Any:
    return model._base_manager.filter(team_id=team_id).order_by()  # noqa: SLF001


def team_steps(removal: Removal) -> Iterator[int]:
    """Erase one team."""
    keep = removal.export_id
    yield from _team_gone(removal.subject_id, keep)


def _team_gone(team_id: str, keep: UUID | None) -> Iterator[int]:
    # Across teams from here on: the team is let go of by parts, and in the end there is none to enter.
    with across_teams():
        _work_stop(team_id)
    for model in team_models():
        while True:
            with across_teams():
                gone = _rows_erase(model, team_id)
            if not gone:
                break
            yield gone
    with across_teams():
        _team_end(team_id, keep)
    yield from _files_gone(team_id)
    _redis_forget(team_id)


@transaction.atomic
def _work_stop(team_id: str) -> None:
    """Cancel what still waits, so that no worker begins with it."""
    Job.objects.filter(team_id=team_id, finished_at=None).update(
        status=Job.Status.CANCELLED, finished_at=timezone.now()
    )
    JobItem.objects.filter(team_id=team_id, status=JobItem.Status.PENDING).update(
        status=JobItem.Status.CANCELLED
    )
    Video.objects.filter(
        team_id=team_id, status__in=[Video.Status.FETCHING, Video.Status.ANALYZING, Video.Status.LINKING]
    ).update(status=Video.Status.CANCELLED, finished_at=timezone.now())
    VideoChunk.objects.filter(team_id=team_id, status=VideoChunk.Status.PENDING).update(
        status=VideoChunk.Status.CANCELLED
    )


@transaction.atomic
def _rows_erase(model: Any, team_id: str) -> int:
    """Erase some rows of a table; returns how many of this table went."""
    some = list(_rows(model, team_id).values_list("pk", flat=True)[:ROWS])
    if some:
        model._base_manager.filter(pk__in=some).delete()  # noqa: SLF001
    return len(some)


@transaction.atomic
def _team_end(team_id: str, keep: UUID | None) -> None:
    """Erase the row of the team, and with it what came in while the rest was going."""
    # From here on nobody can write a row that points to the team.
    team = Team.objects.select_for_update().filter(pk=team_id).first()
    if team is None:
        return
    exports = Export.objects.filter(team=team)
    if keep is not None:
        exports = exports.exclude(pk=keep)
    release_files(team=None, names=[export.name for export in exports if export.name])
    exports.delete()
    Removal.objects.filter(team=team).exclude(subject_id=team_id).delete()
    for model in team_models():
        while _rows_erase(model, team_id):
            pass
    ReleasedFile.objects.filter(team=team).update(team=None)
    team.delete()
    redact_team(team_id)
    record("team.deleted", team=Team(pk=team_id), obj=Team(pk=team_id), name=REDACTED)


def _files_gone(team_id: str) -> Iterator[int]:
    """Erase every file below the team's folder, whether a row knew of it or not."""
    while some := list(islice(files.names_below(f"teams/{team_id}"), FILES)):
        files.erase(some)
        yield 0
    files.folder_erase(f"teams/{team_id}")
    with across_teams():
        mine = ReleasedFile.unscoped.filter(name__startswith=f"teams/{team_id}/")
        left = list(mine.values_list("pk", flat=True))
    for ids in _parts(left, FILES):
        released_files_erase(ids=ids)
        yield 0


def _redis_forget(team_id: str) -> None:
    """Erase what broker and cache hold under names with the team's id: counts of requests, answers."""
    for number in (0, 1):
        client = redis.Redis.from_url(f"{settings.REDIS_URL}/{number}")
        try:
            for name in (team_id, team_id.replace("-", "")):
                for key in client.scan_iter(match=f"*{name}*", count=1000):
                    client.delete(key)
        finally:
            client.close()


# --- A user -------------------------------------------------------------------------------------------
def user_steps(removal: Removal) -> Iterator[int]:
    """Erase a user, and first the teams that go with them."""
    for team_id in removal.part_ids:
        yield from _team_gone(team_id, removal.export_id)
    user_id = int(removal.subject_id)
    yield from _pointers_clear(user_id)
    with across_teams():
        _user_end(user_id)
    yield 1


def sessions_end(user_id: int) -> None:
    """Sign a user out everywhere. Sessions do not tell whose they are before they are read."""
    for session in Session.objects.filter(expire_date__gte=timezone.now()).iterator():
        if session.get_decoded().get("_auth_user_id") == str(user_id):
            session.delete()


def _pointers_clear(user_id: int) -> Iterator[int]:
    """Take the user out of rows that stay (`created_by` and the like), in chunks of their own.

    At once they would hold the rows of several tables against the order in which everybody locks them.
    """
    for relation in User._meta.related_objects:  # noqa: SLF001
        if relation.on_delete is not models.SET_NULL or not isinstance(relation.field, models.ForeignKey):
            continue
        column, manager = relation.field.attname, relation.related_model._base_manager  # noqa: SLF001
        while True:
            with across_teams(), transaction.atomic():
                some = list(manager.filter(**{column: user_id}).values_list("pk", flat=True)[:ROWS])
                manager.filter(pk__in=some).update(**{column: None})
            if not some:
                break
            yield 0


@transaction.atomic
def _user_end(user_id: int) -> None:
    user = User.objects.select_for_update().filter(pk=user_id).first()
    if user is None:
        return
    mails = {user.email, *EmailAddress.objects.filter(user=user).values_list("email", flat=True)}
    invitations = Invitation.objects.filter(email__in=mails)
    memberships = Membership.objects.filter(user=user)
    for kind, rows in (("invitation", invitations), ("membership", memberships)):
        redact_objects(kind, [str(pk) for pk in rows.values_list("pk", flat=True)])
    redact_objects("user", [str(user_id)])
    # Kept answers that show an address are found by what they made.
    places = [f"/api/v1/invitations/{pk}" for pk in invitations.values_list("pk", flat=True)]
    IdempotentRequest.objects.filter(headers__Location__in=places).delete()
    invitations.delete()
    LogEntry.objects.filter(object_id=str(user_id), content_type__model="user").delete()
    sessions_end(user_id)
    user.delete()
    record("user.deleted", team=None, obj=User(pk=user_id), name=REDACTED)
    redact_actor(user_id)
