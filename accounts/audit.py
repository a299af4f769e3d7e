"""Writing the record of who did what, in the transaction that does it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, models

from .access import across_teams
from .models import AuditEvent, Team

# Every deed that is recorded. A deed without a line here cannot be recorded; the audit page filters by them.
ACTIONS: dict[str, str] = {
    "team.created": "Team created",
    "team.renamed": "Team renamed",
    "team.settings_changed": "Settings of the team changed",
    "team.plan_changed": "Plan of the team changed",
    "team.deletion_started": "Deletion of the team started",
    "team.deleted": "Team deleted",
    "member.joined": "Member joined",
    "member.role_changed": "Role of a member changed",
    "member.removed": "Member removed",
    "member.left": "Member left",
    "member.ownership_handed_over": "Ownership handed over",
    "invitation.sent": "Invitation sent",
    "invitation.resent": "Invitation sent again",
    "invitation.revoked": "Invitation revoked",
    "api_key.created": "API key made",
    "api_key.revoked": "API key revoked",
    "webhook.created": "Webhook registered",
    "webhook.changed": "Webhook changed",
    "webhook.secret_renewed": "Secret of a webhook renewed",
    "webhook.disabled": "Webhook turned off",
    "webhook.deleted": "Webhook deleted",
    "audit.exported": "Record exported",
    "video.identified": "People of a video looked up in a gallery",
    "video.cancelled": "Analysis of a video cancelled",
    "video.analyzed_again": "Video analysed again",
    "video_person.renamed": "Person of a video named",
    "video_person.excluded": "Person left out of a video's results",
    "video_person.included": "Person taken into a video's results again",
    "video_person.merged": "People of a video merged",
    "video_person.split": "Person of a video split",
    "video.deleted": "Video erased",
    "video.pictures_expired": "Files of videos erased by retention",
    "video.faces_expired": "People in videos erased by retention",
    "video.results_expired": "Videos erased by retention",
    "media.uploaded": "Photo uploaded",
    "media.deleted": "Photo erased",
    "video.uploaded": "Video taken in",
    "face.deleted": "Face erased",
    "media.pictures_expired": "Pictures erased by retention",
    "media.faces_expired": "Faces erased by retention",
    "media.results_expired": "Results erased by retention",
    "gallery.created": "Gallery made",
    "gallery.changed": "Gallery changed",
    "gallery.deleted": "Gallery erased",
    "gallery.trained": "Gallery trained",
    "gallery.reembedded": "Gallery moved to another recognition model",
    "gallery.imported": "People imported into a gallery",
    "gallery.exported": "Gallery exported",
    "snapshot.taken": "Snapshot of a gallery taken",
    "snapshot.changed": "Snapshot of a gallery changed",
    "snapshot.applied": "Gallery made of a snapshot",
    "snapshot.deleted": "Snapshot of a gallery erased",
    "subject.created": "Person added to a gallery",
    "subject.changed": "Person of a gallery changed",
    "subject.merged": "People of a gallery merged",
    "subject.split": "Person of a gallery split",
    "subject.moved": "Person moved to another gallery",
    "subject.erased": "Person erased",
    "subject.consent_ended": "Person erased because consent ended",
    "face.enrolled": "Face enrolled",
    "face.changed": "Notes of an enrolled face changed",
    "face.moved": "Enrolled face given to another person",
    "face.unenrolled": "Enrolled face erased",
    "face.labelled": "Face of a photo named",
    "face.unlabelled": "Name taken off the face of a photo",
    "unnamed.named": "Unnamed people named",
    "unnamed.merged": "Unnamed people merged",
    "unnamed.split": "Unnamed person split",
    "unnamed.ignored": "Unnamed people ignored",
    "unnamed.restored": "Unnamed people asked about again",
    "batch.created": "Batch started",
    "batch.cancelled": "Batch cancelled",
    "batch.retried": "Failed items of a batch tried again",
    "live.started": "Live camera started with consent",
    "export.created": "Export asked for",
    "export.downloaded": "Export fetched",
    "export.deleted": "Export erased",
    "removal.started": "Erasure started",
    "removal.finished": "Erasure finished",
    "user.deletion_started": "Deletion of a user started",
    "user.second_factor_on": "Two-factor sign-in switched on",
    "user.second_factor_off": "Two-factor sign-in switched off",
    "user.second_factor_reset": "New recovery codes made",
    "user.deleted": "User deleted",
    "user.made_staff": "User made staff of the admin panel",
    "user.no_longer_staff": "User no longer staff of the admin panel",
}


@dataclass(frozen=True)
class Actor:
    """Who acts: a user, a key (`api_key` is its identifier), or the system."""

    user_id: int | None = None
    name: str = "system"
    api_key: str = ""
    address: str | None = None
    request_id: str = ""


SYSTEM = Actor()
_actor: ContextVar[Actor] = ContextVar("audit_actor", default=SYSTEM)


def current_actor() -> Actor:
    """Who acts in this request or task; the system when nobody was named."""
    return _actor.get()


def name_actor(actor: Actor) -> None:
    """From here on, in this request, `actor` acts. `acting_as` is the form for a block."""
    _actor.set(actor)


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """Record what happens in the block as done by `actor`."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


def record(
    action: str, *, team: Team | None, obj: models.Model | None = None, name: str = "", **details: Any
) -> None:
    """Add an event to the record of `team` (None: of the installation), in the running transaction.

    `obj` gives type and id, `name` what it is called (else `str(obj)`). `details` must be plain JSON and hold
    no picture, vector, secret or token. Raises KeyError for a deed that ACTIONS does not name.
    """
    ACTIONS[action]
    actor = current_actor()
    with across_teams():
        AuditEvent.objects.create(
            team_id=team.pk if team else None,
            action=action,
            actor_id=actor.user_id,
            actor_name=actor.name[:200],
            api_key=actor.api_key,
            object_type=obj._meta.model_name or "" if obj is not None else "",  # noqa: SLF001
            object_id=str(obj.pk) if obj is not None else "",
            object_name=(name or (str(obj) if obj is not None else ""))[:255],
            details=details,
            address=actor.address,
            request_id=actor.request_id[:64],
        )


def redact_actor(user_id: int) -> None:
    """Take a user's name and address out of all events; the events themselves stay."""
    _call("SELECT accounts_audit_redact_actor(%s)", [user_id])


def redact_object(object_type: str, object_id: str) -> None:
    """Take an object's name and the details out of all events about it; the events themselves stay."""
    _call("SELECT accounts_audit_redact_object(%s, %s)", [object_type, object_id])


def redact_objects(object_type: str, object_ids: Sequence[str]) -> None:
    """`redact_object` for many objects of one kind, in one statement."""
    _call(
        "SELECT accounts_audit_redact_object(%s, id) FROM unnest(%s::text[]) AS id",
        [object_type, list(object_ids)],
    )


def redact_mentions(team_id: UUID, words: Sequence[str]) -> None:
    """Take the names and the details out of a team's events whose details hold one of the words (ids)."""
    if words:
        _call("SELECT accounts_audit_redact_mentions(%s, %s::text[])", [team_id, list(words)])


def redact_team(team_id: str) -> None:
    """Take all names, addresses and details out of a team's events; the events themselves stay."""
    _call("SELECT accounts_audit_redact_team(%s)", [team_id])


def _call(sql: str, params: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
