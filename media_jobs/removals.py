"""Removals: deleting a team, a user or many photos, as a job with progress that survives a crash.

A removal is a row. A task takes it up, works in chunks for a while (`media_jobs.removal_steps`), and sends
itself again; when a worker dies, beat sends it. Each step finds by the database what is left to do.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Least
from django.utils import timezone

from accounts.access import Access, across_teams, require_owner, team_scope
from accounts.audit import record
from accounts.models import ApiKey, Membership, Role, Team, TeamUsage, User
from accounts.people_rules import acting_role, people_lock
from accounts.refusals import refuse as accounts_refuse

from .exports import export_row
from .files import STORAGE_FAULTS
from .leases import Lease, LeaseLost, free_rows
from .models import Export, Media, Removal, Video
from .refusals import refuse
from .removal_steps import media_steps, sessions_end, team_steps, user_steps, work_left
from .sending import send_in_background

logger = structlog.get_logger(__name__)

# Well within the broker's visibility timeout; a removal that takes longer sends itself again.
BUDGET_SECONDS = 20.0
MOST_PHOTOS = 10_000
OPEN = [Removal.Status.QUEUED.value, Removal.Status.EXPORTING.value, Removal.Status.RUNNING.value]
#: What goes with a team or a person; everything else is of a team, which stays.
WHOLE = (Removal.Kind.TEAM, Removal.Kind.USER)
#: How each kind is erased, step by step. Apps above add their own kinds.
STEPS: dict[str, Callable[[Removal], Iterator[int]]] = {
    Removal.Kind.MEDIA: media_steps,
    Removal.Kind.TEAM: team_steps,
    Removal.Kind.USER: user_steps,
}
#: What each kind calls the things that it erases.
THINGS = {Removal.Kind.MEDIA: "photos", Removal.Kind.SUBJECT: "people", Removal.Kind.GALLERY: "gallery"}
#: How an erasure of other things than photos begins: (team=, ids=, user=, with_photos=) -> Removal.
#: Apps above add their own.
STARTERS: dict[str, Callable[..., Removal]] = {}


# --- Reads --------------------------------------------------------------------------------------------
def erasures() -> QuerySet[Removal]:
    """Erasures of things of the current team, newest first."""
    return Removal.objects.exclude(kind__in=WHOLE).order_by("-created_at", "-id")


def team_figures(team: Team) -> dict[str, int]:
    """How much goes with a team. The caller is in its scope."""
    return {
        "members": Membership.objects.filter(team=team).count(),
        "photos": Media.objects.count(),
        "videos": Video.objects.count(),
        "bytes": TeamUsage.objects.get(team=team).stored_bytes,
        "keys": ApiKey.objects.filter(revoked_at=None).count(),
    }


def words_of(removal: Removal) -> str:
    """Where a deletion stands, in a sentence."""
    what = "team" if removal.kind == Removal.Kind.TEAM else "account"
    return {
        Removal.Status.QUEUED: "Waiting for a worker.",
        Removal.Status.EXPORTING: "The export is being made; nothing is deleted before it is ready.",
        Removal.Status.RUNNING: "Rows and files are being erased.",
        Removal.Status.SUCCEEDED: f"The {what} is gone, with everything that belonged to it.",
        Removal.Status.FAILED: f"The {what} was not deleted.",
    }[Removal.Status(removal.status)]


# --- Starting -----------------------------------------------------------------------------------------
@transaction.atomic
def media_removal_start(*, team: Team, media_ids: Sequence[UUID], user: User | None) -> Removal:
    """Queue the erasure of photos. Raises Refusal `removal_empty` when none of them is the team's."""
    found = Media.objects.filter(pk__in=list(media_ids)[:MOST_PHOTOS]).values_list("pk", flat=True)
    ids = [str(pk) for pk in found]
    if not ids:
        raise refuse("removal_empty")
    return removal_create(team=team, kind=Removal.Kind.MEDIA, part_ids=ids, total=len(ids), user=user)


@transaction.atomic
def removal_create(
    *, team: Team, kind: str, part_ids: list[str], total: int, user: User | None, with_photos: bool = False
) -> Removal:
    """Queue the erasure of things of a team; `total` is what its progress counts to."""
    removal = Removal.objects.create(
        team=team,
        kind=kind,
        part_ids=part_ids,
        total=total,
        with_photos=with_photos,
        requested_by_id=user.pk if user else None,
    )
    things = THINGS[Removal.Kind(kind)]
    record("removal.started", team=team, obj=removal, name=things, **{things: len(part_ids)})
    removal_send_on_commit(removal.pk)
    return removal


@transaction.atomic
def team_removal_start(*, access: Access, export_first: bool) -> Removal:
    """Begin to delete the caller's team: from now on nobody gets in, and a job erases all of it.

    Raises Refusal: owner_only, and team_is_being_deleted when somebody was faster.
    """
    require_owner(access)
    team = _freeze(access.team)
    # Asked again under the lock: the role may be another one by now.
    if acting_role(access) != Role.OWNER or access.user is None:
        raise accounts_refuse("owner_only")
    export = export_row(team=team, kind=Export.Kind.TEAM, user=access.user) if export_first else None
    removal = Removal.objects.create(
        team=team,
        kind=Removal.Kind.TEAM,
        subject_id=str(team.pk),
        subject_name=team.name,
        requested_by_id=access.user.pk,
        **_first_status(export),
    )
    removal_send_on_commit(removal.pk)
    return removal


def _freeze(team: Team) -> Team:
    people_lock(team=team)
    team = Team.objects.get(pk=team.pk)
    if team.deleting_at is not None:
        raise accounts_refuse("team_is_being_deleted", team=team)
    team.deleting_at = timezone.now()
    team.save(update_fields=["deleting_at"])
    record("team.deletion_started", team=team, obj=team)
    return team


def _first_status(export: Export | None) -> dict[str, Any]:
    if export is None:
        return {"status": Removal.Status.QUEUED}
    return {"status": Removal.Status.EXPORTING, "export": export}


def teams_that_go(user: User) -> tuple[list[Team], list[Team]]:
    """(teams nobody else belongs to, teams of others that would lose their last owner), by name."""
    # Across teams: all memberships of one person.
    with across_teams():
        mine = list(Membership.objects.filter(user=user).select_related("team").order_by("team__name"))
        alone, bereft = [], []
        for one in mine:
            others = Membership.objects.filter(team=one.team).exclude(user=user)
            if not others.exists():
                alone.append(one.team)
            elif one.role == Role.OWNER and not others.filter(role=Role.OWNER).exists():
                bereft.append(one.team)
    return alone, [team for team in bereft if team.deleting_at is None]


@transaction.atomic
def user_removal_start(*, user: User, export_first: bool) -> Removal:
    """Begin to delete a user with the teams that nobody else belongs to. They are signed out everywhere.

    Raises Refusal `last_owner_leaves` while a team of others would be without an owner.
    """
    # Across teams: the deletion of a person reaches all of theirs.
    with across_teams():
        for membership in Membership.objects.filter(user=user).order_by("team_id").select_related("team"):
            people_lock(team=membership.team)
        User.objects.select_for_update().get(pk=user.pk)
        alone, bereft = teams_that_go(user)
        if bereft:
            raise refuse("last_owner_leaves", teams=" and ".join(team.name for team in bereft))
        going = [_freeze(team) for team in alone if team.deleting_at is None]
        export = export_row(team=None, kind=Export.Kind.USER, user=user) if export_first else None
        removal = Removal.objects.create(
            team=None,
            kind=Removal.Kind.USER,
            subject_id=str(user.pk),
            subject_name=user.username,
            part_ids=[str(team.pk) for team in going],
            requested_by_id=user.pk,
            **_first_status(export),
        )
        record("user.deletion_started", team=None, obj=user)
        User.objects.filter(pk=user.pk).update(is_active=False)
        sessions_end(user.pk)
        removal_send_on_commit(removal.pk)
    return removal


def removal_send_on_commit(removal_id: UUID) -> None:
    """Send the task of a removal once the running transaction is committed."""
    transaction.on_commit(lambda: _send(removal_id))


def _send(removal_id: UUID) -> None:
    from .tasks import run_removal

    send_in_background(run_removal, removal_id=str(removal_id))


def forgotten_removals_send() -> int:
    """Send removals that no worker has; returns how many."""
    with across_teams():
        waiting = [removal.pk for removal in free_rows(Removal, OPEN)[:100]]
    for pk in waiting:
        _send(pk)
    return len(waiting)


# --- Running ------------------------------------------------------------------------------------------
def removal_run(
    *, removal_id: UUID, seconds: float = BUDGET_SECONDS, clock: Callable[[], float] = time.monotonic
) -> None:
    """Go on with a removal for a while. Safe to run twice, also at once: one worker has it at a time."""
    lease = Lease.take(Removal, removal_id, OPEN)
    if lease is None:
        return
    # Across teams: its team may be gone already, and a person has many.
    with across_teams():
        removal = Removal.unscoped.select_related("export").get(pk=removal_id)
    again = False
    with lease, structlog.contextvars.bound_contextvars(removal=str(removal_id)):
        try:
            if _is_on(removal):
                again = not _work(removal, lease, clock() + seconds, clock)
        except LeaseLost:
            logger.info("removal_left")
        except STORAGE_FAULTS as fault:
            # Nothing is lost by waiting: beat comes back to it.
            logger.warning("removal_waits_for_storage", reason=type(fault).__name__)
            _note(
                removal, error_message="The storage cannot be reached; the erasure goes on when it is back."
            )
    if again:
        _send(removal_id)


def _note(removal: Removal, **columns: Any) -> None:
    with across_teams():
        Removal.unscoped.filter(pk=removal.pk).update(**columns)


def _is_on(removal: Removal) -> bool:
    """Whether it is time to erase. A removal waits for its export, and fails with it: then nothing goes."""
    if removal.status == Removal.Status.RUNNING:
        return True
    if removal.status == Removal.Status.EXPORTING:
        state = removal.export.status if removal.export else Export.Status.FAILED
        if state in {Export.Status.QUEUED, Export.Status.RUNNING}:
            return False
        if state != Export.Status.READY:
            _give_up(
                removal, "The export could not be made, so nothing was deleted. Try again, or without one."
            )
            return False
    total = removal.total or work_left(removal)
    _note(removal, status=Removal.Status.RUNNING, total=total)
    return True


def _work(removal: Removal, lease: Lease, end: float, clock: Callable[[], float]) -> bool:
    """Take steps until all is done (True) or the time is over (False)."""
    for done in STEPS[removal.kind](removal):
        # More may go than was counted at the beginning: never more than all.
        _note(removal, done=Least(F("done") + done, F("total")), error_message="")
        lease.check()
        if clock() >= end:
            return False
    _succeed(removal)
    return True


def _succeed(removal: Removal) -> None:
    with across_teams(), transaction.atomic():
        row = (
            Removal.unscoped.select_for_update().filter(pk=removal.pk, status=Removal.Status.RUNNING).first()
        )
        if row is None:
            return
        row.status = Removal.Status.SUCCEEDED
        row.done, row.finished_at, row.error_message = row.total, timezone.now(), ""
        # The last names of what is gone, and the ids of its parts.
        row.subject_name, row.part_ids = "", []
        count = len(removal.part_ids)
        team = row.team if row.kind not in WHOLE else None
        row.team = team
        row.save()
        if team is not None:
            _tell(team, row, count)


def _tell(team: Team, removal: Removal, count: int) -> None:
    from .webhooks import emit

    things = THINGS[Removal.Kind(removal.kind)]
    with team_scope(team):
        record("removal.finished", team=team, obj=removal, name=things, **{things: count})
        data = {"removal_id": str(removal.pk), "kind": removal.kind, things: count}
        emit(team=team, event="removal.finished", dedupe=f"removal:{removal.pk}", data=data)


def _give_up(removal: Removal, sentence: str) -> None:
    """End a removal before anything was erased, and let everybody in again."""
    with across_teams(), transaction.atomic():
        teams = removal.part_ids if removal.kind == Removal.Kind.USER else [removal.subject_id]
        Team.objects.filter(pk__in=teams).update(deleting_at=None)
        if removal.kind == Removal.Kind.USER:
            User.objects.filter(pk=removal.subject_id).update(is_active=True)
        _note(
            removal,
            status=Removal.Status.FAILED,
            error_message=sentence,
            finished_at=timezone.now(),
            part_ids=[],
        )
