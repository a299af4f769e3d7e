"""A whole new team at once: owner, team and first key. Commands use it; people sign up on the page."""

import re
from dataclasses import asdict, dataclass

from django.conf import settings
from django.db import transaction

from .keys import api_key_create
from .models import Scope, Team, User
from .services import team_create, user_create


@dataclass(frozen=True)
class FirstLogin:
    """What the first owner of a team needs. The password and the key are kept nowhere in this form."""

    url: str
    email: str
    password: str
    api_key: str
    team: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


@transaction.atomic
def team_with_owner_create(*, name: str, email: str, password: str) -> FirstLogin:
    """Create user, team and key together. Raises ValidationError when the address is taken or malformed."""
    user = user_create(username=_free_username(email), email=email, password=password)
    return first_login(team=team_create(name=name, owner=user), user=user, password=password)


def first_login(*, team: Team, user: User, password: str) -> FirstLogin:
    """Make a key with all rights for a team and put it together with the sign-in."""
    _, text = api_key_create(team=team, name="First key", scopes=list(Scope.values), created_by=user)
    return FirstLogin(
        url=settings.PUBLIC_URL, email=user.email, password=password, api_key=text, team=str(team.pk)
    )


def _free_username(email: str) -> str:
    """The part before the @, with a number when somebody has that name."""
    base = re.sub(r"[^\w.+-]", "", email.partition("@")[0])[:60] or "owner"
    taken = {
        name.lower()
        for name in User.objects.filter(username__istartswith=base).values_list("username", flat=True)
    }
    candidates = [base, *(f"{base}{number}" for number in range(2, len(taken) + 3))]
    return next(name for name in candidates if name.lower() not in taken)
