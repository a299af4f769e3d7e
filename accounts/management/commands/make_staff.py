"""`manage.py make_staff NAME`: let a user into the admin panel, for their own teams."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q

from accounts.models import User
from accounts.staff import staff_end, staff_make


class Command(BaseCommand):
    help = "Let a user see and manage the teams they own or administer in the admin panel."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="name or e-mail address of the user")
        parser.add_argument("--remove", action="store_true", help="take the right away again")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"]
        user = User.objects.filter(Q(username__iexact=name) | Q(email__iexact=name)).first()
        if user is None:
            raise CommandError(
                f"Nobody here is called {name!r}. Give the name or the e-mail address of a user."
            )
        if options["remove"]:
            staff_end(user=user)
            self.stdout.write(f"{user.username} can no longer enter the admin panel.")
        else:
            staff_make(user=user)
            self.stdout.write(f"{user.username} can enter the admin panel and sees the teams they manage.")
