"""Who may do what to whom in a team, and the lock under which that is asked."""

from .access import Access
from .models import Membership, Role, Scope, Team
from .refusals import refuse

# What each role may make of others, and whom it may touch.
MANAGED_BY: dict[str, frozenset[str]] = {
    Role.OWNER: frozenset(Role.values),
    Role.ADMIN: frozenset({Role.ADMIN, Role.ANALYST, Role.VIEWER}),
    Role.ANALYST: frozenset(),
    Role.VIEWER: frozenset(),
}


def roles_given_by(access: Access) -> list[str]:
    """Roles that the caller may give, highest first; a key that manages gives what an admin gives."""
    return [role for role in Role.values if role in MANAGED_BY[_role_of(access)]]


def may_touch(access: Access, role: str) -> bool:
    """Whether the caller may change or remove a member of this role."""
    return role in MANAGED_BY[_role_of(access)]


def _role_of(access: Access) -> str:
    if access.role is not None:
        return access.role
    return Role.ADMIN if access.allows(Scope.MANAGE) else Role.VIEWER


def people_lock(*, team: Team) -> None:
    """Let nobody else change members or invitations of `team` until the transaction ends.

    Whatever adds or takes members takes it first, the deletion of a user too. It holds nothing else up: rows
    that only point to the team are written all the same.
    """
    Team.objects.select_for_update(no_key=True).only("pk").get(pk=team.pk)


def acting_role(access: Access) -> str:
    """The caller's role as it is now; call it under the people lock. Raises Refusal `role_too_low`."""
    if access.user is None:
        role = _role_of(access)
    else:
        found = Membership.objects.filter(team=access.team, user=access.user).values_list("role", flat=True)
        role = found.first() or Role.VIEWER
    if not MANAGED_BY[role]:
        raise refuse("role_too_low")
    return role


def check_may_give(*, acting: str, role: str) -> None:
    """Raises Refusal `owner_only` when `acting` may neither give nor touch `role`."""
    if role not in MANAGED_BY[acting]:
        raise refuse("owner_only")


def check_owner_stays(*, membership: Membership) -> None:
    """Raises Refusal `last_owner` when the team would have none without this one. Under the people lock."""
    if membership.role != Role.OWNER:
        return
    others = Membership.objects.filter(team=membership.team_id, role=Role.OWNER).exclude(pk=membership.pk)
    if not others.exists():
        raise refuse("last_owner", name=membership.user.username, team=membership.team)
