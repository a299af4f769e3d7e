"""Sign-up and sign-in forms on top of django-allauth's."""

from typing import Any

from allauth.account import forms as allauth_forms
from django.db import transaction
from django.http import HttpRequest

from .models import User
from .services import team_create


class SignupForm(allauth_forms.SignupForm):
    """Name, e-mail and password; the new user gets a team of their own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "Name"
        self.fields["username"].widget.attrs.update(placeholder="", autocomplete="username")
        self.fields["email"].label = "E-mail address"

    @transaction.atomic
    def try_save(self, request: HttpRequest) -> Any:
        """User and team appear together or not at all."""
        return super().try_save(request)

    def custom_signup(self, request: HttpRequest, user: User) -> None:
        team_create(name=f"{user.username[:70]}'s team", owner=user)


class LoginForm(allauth_forms.LoginForm):
    """Name or e-mail address, password and 'remember me'."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = "Name or e-mail address"
        self.fields["remember"].label = "Remember me"
