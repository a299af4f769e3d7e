"""`manage.py doctor`: what works, what does not, and what to do about it."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from emotionsite.checks import all_checks, run_checks


class Command(BaseCommand):
    help = "Check database, pgvector, migrations, broker, storage, weights and worker, in words."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON list instead of lines")

    def handle(self, *args: Any, **options: Any) -> None:
        results = run_checks(all_checks())
        if options["json"]:
            self.stdout.write(json.dumps([asdict(result) for result in results]))
        else:
            for result in results:
                mark = self.style.SUCCESS("ok    ") if result.ok else self.style.ERROR("WRONG ")
                self.stdout.write(f"{mark} {result.name:<11} {result.detail}")
        if not all(result.ok for result in results):
            # Not CommandError: the lines above already say what is wrong.
            raise SystemExit(1)
