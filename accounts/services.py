"""Writes of accounts: teams and first owners."""

from django.db import transaction

from .access import team_scope
from .audit import record
from .models import Membership, Role, Team, User


@transaction.atomic
def team_create(*, name: str, owner: User) -> Team:
    """Create a team with its first owner."""
    team = Team(name=name)
    team.full_clean()
    team.save()
    with team_scope(team):
        Membership.objects.create(team=team, user=owner, role=Role.OWNER)
        record("team.created", team=team, obj=team)
    return team


@transaction.atomic
def user_create(*, username: str, email: str, password: str) -> User:
    """Create a user who can sign in. Raises ValidationError when name or address is taken."""
    user = User(username=username, email=email)
    user.set_password(password)
    user.full_clean()
    user.save()
    return user
