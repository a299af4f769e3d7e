"""Forms of sign-up and sign-in on top of django-allauth's, and those of a team's people."""

from dataclasses import replace
from typing import Any

from allauth.account import forms as allauth_forms
from allauth.core import context
from django import forms
from django.db import transaction
from django.http import HttpRequest

from .audit import acting_as, current_actor
from .models import Role, Team, User
from .pending_invitation import pending_invitation
from .services import team_create


class SignupForm(allauth_forms.SignupForm):
    """Name, e-mail and password; the new user gets a team of their own, or the one they were invited to."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What the page says and what becomes of the user hang together.
        self.invitation = pending_invitation(context.request)
        self.fields["username"].label = "Name"
        self.fields["username"].widget.attrs.update(placeholder="", autocomplete="username")
        self.fields["email"].label = "E-mail address"

    @transaction.atomic
    def try_save(self, request: HttpRequest) -> Any:
        """User and team appear together or not at all."""
        return super().try_save(request)

    def custom_signup(self, request: HttpRequest, user: User) -> None:
        if self.invitation is not None:
            return
        with acting_as(replace(current_actor(), user_id=user.pk, name=user.username)):
            team_create(name=f"{user.username[:70]}'s team", owner=user)


class LoginForm(allauth_forms.LoginForm):
    """Name or e-mail address, password and 'remember me'."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = "Name or e-mail address"
        self.fields["remember"].label = "Remember me"


class TeamForm(forms.ModelForm):
    """The name of a team: a new one, or another name."""

    class Meta:
        model = Team
        fields = ["name"]
        labels = {"name": "Name of the team"}


class InvitationForm(forms.Form):
    """An address and a role of those that the caller may give."""

    email = forms.EmailField(label="E-mail address", max_length=254)
    role = forms.ChoiceField(label="Role", initial=Role.ANALYST)

    def __init__(self, *args: Any, roles: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = [(role, Role(role).label) for role in roles]  # type: ignore[attr-defined]
        self.fields["email"].widget.attrs["autocomplete"] = "off"


class RoleForm(forms.Form):
    """A role for a member; whether the caller may give it is for the service to say."""

    role = forms.ChoiceField(choices=Role.choices)
