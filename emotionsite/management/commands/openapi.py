"""`manage.py openapi`: print the OpenAPI document, or renew the copy in docs/."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from emotionsite.api.document import SNAPSHOT, document_complaints, document_text


class Command(BaseCommand):
    help = "Print the OpenAPI document of /api/v1; with --write, put it into docs/openapi.json."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--write", action="store_true", help="renew the copy in docs/")

    def handle(self, *args: Any, **options: Any) -> None:
        for complaint in document_complaints():
            self.stderr.write(complaint)
        if not options["write"]:
            self.stdout.write(document_text(), ending="")
            return
        SNAPSHOT.write_text(document_text(), encoding="utf-8")
        self.stdout.write(f"Wrote {SNAPSHOT}.")
