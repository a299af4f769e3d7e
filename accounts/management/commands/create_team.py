"""`manage.py create_team NAME EMAIL`: a team with an owner and a key, as one line of JSON."""

import json
import secrets
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from accounts.onboarding import team_with_owner_create


class Command(BaseCommand):
    help = (
        "Create a team with its owner and an API key; prints url, email, password, api_key and team as JSON."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="name of the team; the owner signs in with the e-mail address")
        parser.add_argument("email", help="e-mail address of the owner")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            login = team_with_owner_create(
                name=options["name"], email=options["email"], password=secrets.token_urlsafe(12)
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(json.dumps(login.as_dict()))
