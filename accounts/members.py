"""Members of a team: who there are, and how roles change hands.

Every write first takes the team's people lock and reads the caller's role again under it, so that of two
deeds at once the second sees what the first has done: the last owner stays, and whoever was just demoted
manages nobody any more.
"""

from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet

from .access import Access, has_second_factor, team_scope
from .audit import record
from .invitations import invitations_of_sender_revoke
from .models import Membership, Role, Team, User
from .people_rules import acting_role, check_may_give, check_owner_stays, people_lock
from .refusals import refuse


# --- Reads ------------------------------------------------------------------------------------------
def members(*, team: Team) -> QuerySet[Membership]:
    """A team's members with their users and whether they have a second factor (`second_factor`)."""
    found = Membership.objects.filter(team=team).select_related("user")
    return found.annotate(second_factor=has_second_factor(OuterRef("user")))


def members_search(*, team: Team, words: str) -> QuerySet[Membership]:
    """Members whose name or address holds `words`; all of them for an empty text."""
    found = members(team=team)
    if words:
        found = found.filter(Q(user__username__icontains=words) | Q(user__email__icontains=words))
    return found


# --- Writes -----------------------------------------------------------------------------------------
@transaction.atomic
def member_role_change(*, access: Access, membership_id: int, role: str) -> Membership:
    """Give a member another role.

    Raises Refusal: role_too_low, owner_only, last_owner, member_gone.
    """
    with team_scope(access.team):
        people_lock(team=access.team)
        acting = acting_role(access)
        membership = _membership(access.team, membership_id)
        check_may_give(acting=acting, role=membership.role)
        check_may_give(acting=acting, role=role)
        if role != membership.role:
            if role != Role.OWNER:
                check_owner_stays(membership=membership)
            _role_set(membership, role)
        return membership


@transaction.atomic
def member_remove(*, access: Access, membership_id: int) -> Membership:
    """Take a member out of the team; their next request is refused already.

    Raises Refusal: role_too_low, owner_only, last_owner, member_gone.
    """
    with team_scope(access.team):
        people_lock(team=access.team)
        acting = acting_role(access)
        membership = _membership(access.team, membership_id)
        check_may_give(acting=acting, role=membership.role)
        _take_out(membership, "member.removed")
        return membership


@transaction.atomic
def member_leave(*, access: Access) -> None:
    """The caller leaves the team. Raises Refusal: key_is_no_member, last_owner, member_gone."""
    if access.user is None:
        raise refuse("key_is_no_member")
    with team_scope(access.team):
        people_lock(team=access.team)
        membership = Membership.objects.select_related("user", "team").filter(user=access.user).first()
        if membership is None:
            raise refuse("member_gone")
        _take_out(membership, "member.left")


@transaction.atomic
def ownership_hand_over(*, access: Access, membership_id: int) -> Membership:
    """The calling owner makes a member an owner and becomes an admin.

    Raises Refusal: owner_only, already_owner, member_gone.
    """
    with team_scope(access.team):
        people_lock(team=access.team)
        mine = Membership.objects.select_related("user", "team").filter(user=access.user).first()
        if access.user is None or mine is None or mine.role != Role.OWNER:
            raise refuse("owner_only")
        theirs = _membership(access.team, membership_id)
        if theirs.role == Role.OWNER:
            raise refuse("already_owner", name=theirs.user.username)
        before, theirs.role = theirs.role, Role.OWNER
        theirs.save(update_fields=["role"])
        mine.role = Role.ADMIN
        mine.save(update_fields=["role"])
        record(
            "member.ownership_handed_over",
            team=access.team,
            obj=theirs.user,
            name=theirs.user.username,
            role_before=before,
        )
        invitations_of_sender_revoke(team=access.team, sender=mine.user, role=Role.ADMIN)
        return theirs


# --- Writes by staff of the installation, who belong to no team --------------------------------------
@transaction.atomic
def member_set_by_staff(*, team: Team, user: User, role: str) -> Membership:
    """Make a user a member of a team in this role, or change the role. Raises Refusal `last_owner`."""
    with team_scope(team):
        people_lock(team=team)
        membership = Membership.objects.select_related("user", "team").filter(team=team, user=user).first()
        if membership is None:
            membership = Membership.objects.create(team=team, user=user, role=role)
            record("member.joined", team=team, obj=user, name=user.username, role=role)
        elif membership.role != role:
            if role != Role.OWNER:
                check_owner_stays(membership=membership)
            _role_set(membership, role)
        return membership


@transaction.atomic
def member_remove_by_staff(*, team: Team, membership_id: int) -> None:
    """Take a member out of a team. Raises Refusal: last_owner, member_gone."""
    with team_scope(team):
        people_lock(team=team)
        _take_out(_membership(team, membership_id), "member.removed")


def _membership(team: Team, membership_id: int) -> Membership:
    membership = Membership.objects.select_related("user", "team").filter(team=team, pk=membership_id).first()
    if membership is None:
        raise refuse("member_gone")
    return membership


def _role_set(membership: Membership, role: str) -> None:
    before, membership.role = membership.role, role
    membership.save(update_fields=["role"])
    record(
        "member.role_changed",
        team=membership.team,
        obj=membership.user,
        name=membership.user.username,
        role_before=before,
        role=role,
    )
    invitations_of_sender_revoke(team=membership.team, sender=membership.user, role=role)


def _take_out(membership: Membership, action: str) -> None:
    check_owner_stays(membership=membership)
    record(
        action,
        team=membership.team,
        obj=membership.user,
        name=membership.user.username,
        role=membership.role,
    )
    membership.delete()
    invitations_of_sender_revoke(team=membership.team, sender=membership.user, role=None)
