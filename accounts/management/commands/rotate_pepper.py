"""`manage.py rotate_pepper`: a new pepper for API keys, what needs an old one, and an end to an old one."""

import secrets
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.peppers import keys_of_pepper_revoke, pepper_uses
from emotionsite.settings.security import peppers_from_text
from emotionsite.supervisor.errors import SupervisorError
from emotionsite.supervisor.files import DataDir
from emotionsite.supervisor.secret_store import peppers_replace, peppers_stored

Peppers = dict[int, bytes]
RESTART = "Restart all web processes together: those that still run with the old line refuse keys that moved."


class Command(BaseCommand):
    help = (
        "Make a new pepper for API keys. Keys move to it one by one, each when it is used. With --report, "
        "only show how many keys need which pepper; with --retire N, revoke the keys that still need that."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--report", action="store_true", help="change nothing, only show what is in use")
        which.add_argument("--retire", type=int, metavar="N", help="revoke what needs pepper N, and drop it")
        parser.add_argument("--yes", action="store_true", help="retire without asking")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.API_KEY_PEPPERS:
            raise CommandError("API_KEY_PEPPERS is not set, so there is nothing to rotate. Set it first.")
        if options["retire"] is not None:
            self._retire(options["retire"], sure=options["yes"])
        elif not options["report"]:
            self._add()
        self._report()

    def _report(self) -> None:
        newest = max(settings.API_KEY_PEPPERS)
        for use in pepper_uses():
            keys = f"{use.keys} key{'' if use.keys == 1 else 's'} in use, last {use.last_used}"
            notes = "; signs new keys" if use.number == newest else ""
            notes += "" if use.known else "; not in API_KEY_PEPPERS, so these keys are locked out"
            self.stdout.write(f"Pepper {use.number}: {keys}{notes}")

    def _add(self) -> None:
        peppers = {**settings.API_KEY_PEPPERS}
        # A number that some key still names must not come again with other bytes.
        number = max([*peppers, *(use.number for use in pepper_uses())]) + 1
        self._set({**peppers, number: secrets.token_bytes(32)}, f"Pepper {number} was made.")

    def _retire(self, number: int, *, sure: bool) -> None:
        peppers = {**settings.API_KEY_PEPPERS}
        uses = {use.number: use for use in pepper_uses()}
        if number not in uses:
            raise CommandError(f"There is no pepper {number}. Known are {', '.join(map(str, uses))}.")
        if number == max(peppers):
            raise CommandError(
                f"Pepper {number} signs new keys. Make a newer one first (`manage.py rotate_pepper`), "
                "restart, and give the keys time to move."
            )
        if not sure and uses[number].keys and not self._confirmed(uses[number].keys, number):
            raise CommandError("Nothing was changed.")
        revoked = keys_of_pepper_revoke(number=number)
        self.stdout.write(f"{revoked} key{'' if revoked == 1 else 's'} revoked.")
        if peppers.pop(number, None) is not None:
            self._set(peppers, f"Pepper {number} is retired.")

    def _confirmed(self, keys: int, number: int) -> bool:
        question = (
            f"Revoke {keys} key(s) that still need pepper {number}? They stop working at once. Type 'yes': "
        )
        try:
            return input(question).strip().lower() == "yes"
        except EOFError as error:
            raise CommandError("Nobody is there to ask. Add --yes to revoke without asking.") from error

    def _set(self, peppers: Peppers, sentence: str) -> None:
        """Put the peppers where `make run` keeps them, or show the line for the environment."""
        text = ",".join(f"{number}:{peppers[number].hex()}" for number in sorted(peppers))
        data = DataDir(settings.DATA_DIR)
        try:
            stored = peppers_stored(data)
            if stored is None:
                self.stdout.write(f"{sentence} Put this line into the environment. {RESTART}\n")
                self.stdout.write(f"API_KEY_PEPPERS={text}")
                return
            if peppers_from_text(stored) != settings.API_KEY_PEPPERS:
                raise CommandError(
                    f"{data.secrets_file} has other peppers than this process: it was changed and `make run` "
                    "was not restarted since, or the environment sets API_KEY_PEPPERS. Restart, or unset it."
                )
            peppers_replace(data, text)
        except SupervisorError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{sentence} It is in {data.secrets_file}. Restart `make run` to use it.")
