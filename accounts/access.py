"""The caller of a request: a team, what may be done there, and how it is entered.

Pages, the API and later dialects all end in one `Access`; views ask it and nothing else.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from allauth.mfa.models import Authenticator
from django.db.models import Exists, OuterRef
from django.http import HttpRequest
from django_scopes import get_scope, scope, scopes_disabled

from .models import Membership, Role, Scope, Team, User
from .refusals import refuse

SCOPES_OF_ROLE: dict[str, frozenset[str]] = {
    Role.OWNER: frozenset(Scope.values),
    Role.ADMIN: frozenset(Scope.values),
    Role.ANALYST: frozenset({Scope.READ, Scope.ANALYZE}),
    Role.VIEWER: frozenset({Scope.READ}),
}
SESSION_TEAM = "team"


@dataclass(frozen=True)
class Access:
    """Rights of one request in one team. `user` is None for an API key."""

    team: Team
    scopes: frozenset[str]
    user: User | None = None
    role: str | None = None
    api_key_id: int | None = field(default=None)
    #: True when the team asks for a second factor and this member has none: nothing is allowed then.
    mfa_missing: bool = False
    #: Every membership of the user, oldest first, with its team: this one and those to switch to.
    memberships: tuple[Membership, ...] = ()
    #: True in the request that finds the session's team gone and falls back on this one.
    moved: bool = False

    def allows(self, wanted: str) -> bool:
        return wanted in self.scopes

    @property
    def teams(self) -> list[Team]:
        """The teams the caller can be in; a key has one."""
        return [one.team for one in self.memberships] or [self.team]


@contextmanager
def team_scope(team: Team) -> Iterator[None]:
    """Make `team` the one whose rows the managers answer with; outside of it they raise."""
    with scope(team=team):
        yield


@contextmanager
def across_teams() -> Iterator[None]:
    """See the rows of all teams: before a team is known, in work across teams, and in the admin.

    Both fences are open inside, so keep the block small and say why at the call.
    """
    with scopes_disabled():
        yield


def current_team() -> Team:
    """The team whose scope the caller is in. Raises LookupError outside of any."""
    team = get_scope().get("team")
    if not isinstance(team, Team):
        raise LookupError("No team is set here; enter one with accounts.access.team_scope.")
    return team


def set_access(request: HttpRequest, access: Access | None) -> None:
    """Note who the caller is. The middleware does it for members, the API's authentication for keys."""
    request.access = access  # type: ignore[attr-defined]


def get_access(request: HttpRequest) -> Access | None:
    """The caller's access; None for a visitor, and on an error page that came before the middleware."""
    return getattr(request, "access", None)


def require_access(request: HttpRequest) -> Access:
    """The caller's access, in a view that lets only members in."""
    access = get_access(request)
    if access is None:
        raise LookupError("This view was reached without a team; put accounts.pages.team_page on it.")
    return access


def require_owner(access: Access) -> None:
    """Raises Refusal `owner_only` for everybody but an owner of the team; a key is no owner."""
    if access.role != Role.OWNER:
        raise refuse("owner_only")


def has_second_factor(user: OuterRef | User) -> Exists:
    """Condition on a query: the user has an authenticator app. Recovery codes alone are no second factor."""
    return Exists(Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP))


def team_choose(request: HttpRequest, team: Team) -> None:
    """From the next request on, the session is in `team`."""
    request.session[SESSION_TEAM] = str(team.pk)


def access_of_member(request: HttpRequest) -> Access | None:
    """The signed-in user's access to the team chosen in the session, else to their first team.

    None for a visitor and for a user without any team.
    """
    if not request.user.is_authenticated:
        return None
    # Across teams: the membership is what tells the team.
    with across_teams():
        memberships = list(
            Membership.objects.filter(user=request.user)
            .annotate(second_factor=has_second_factor(OuterRef("user")))
            .select_related("team__plan")
        )
    if not memberships:
        return None
    # Teams that are being deleted come last: nothing can be done there.
    memberships.sort(key=lambda one: one.team.deleting_at is not None)
    chosen = request.session.get(SESSION_TEAM)
    membership = next((one for one in memberships if str(one.team_id) == chosen), memberships[0])
    moved = chosen is not None and chosen != str(membership.team_id)
    # Of several teams, the first shown is noted: who is removed from it must not go on in another unawares.
    if moved or (chosen is None and len(memberships) > 1):
        team_choose(request, membership.team)
    mfa_missing = membership.team.require_mfa and not membership.second_factor
    return Access(
        team=membership.team,
        scopes=frozenset() if mfa_missing else SCOPES_OF_ROLE[membership.role],
        user=request.user,
        role=membership.role,
        mfa_missing=mfa_missing,
        memberships=tuple(memberships),
        moved=moved,
    )
