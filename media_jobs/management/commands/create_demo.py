"""`manage.py create_demo`: a demo team with two analysed sample photos and the first login."""

import json
import os
import secrets
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.access import across_teams, team_scope
from accounts.models import Membership, Plan, Team, User
from accounts.onboarding import FirstLogin, first_login, team_with_owner_create
from accounts.plans import plan_set, team_plan_set
from media_jobs.hooks import DEMO
from media_jobs.models import Job
from media_jobs.services import QUEUE_FOR_ONE, job_create, media_from_bytes

DEMO_EMAIL = "demo@emotionsite.example"
DEMO_TEAM = "Demo team"
DEMO_PLAN = "Demo"
DEMO_RATE = 6000
SAMPLES = ("grace_hopper.jpg", "astronaut.png")
LOGIN_FILE = "first-login.json"


class Command(BaseCommand):
    help = "Create the demo team with its sample photos, once, and write DATA_DIR/first-login.json."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--timeout", type=float, default=120.0, help="seconds to wait for the worker")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = settings.DATA_DIR / LOGIN_FILE
        user = User.objects.filter(email=DEMO_EMAIL).first()
        if user is None:
            password = secrets.token_urlsafe(12)
            login = team_with_owner_create(name=DEMO_TEAM, email=DEMO_EMAIL, password=password)
            self._give_plan(Team.objects.get(pk=login.team))
        elif path.exists():
            login = FirstLogin(**json.loads(path.read_text()))
        else:
            # The file was deleted: the old password and key are unknown, so the demo user gets new ones.
            login = self._renew(user)
        # The port may have changed since the last start.
        _write_private(path, {**login.as_dict(), "url": settings.PUBLIC_URL})
        self._analyze_samples(Team.objects.get(pk=login.team), options["timeout"])

    def _give_plan(self, team: Team) -> None:
        """The plan of the demo team; one of that name that somebody changed stays as it is."""
        plan = Plan.objects.filter(name=DEMO_PLAN).first()
        team_plan_set(team=team, plan=plan or plan_set(name=DEMO_PLAN, requests_per_minute=DEMO_RATE))

    def _renew(self, user: User) -> FirstLogin:
        password = secrets.token_urlsafe(12)
        user.set_password(password)
        user.save(update_fields=["password"])
        # Across teams: the membership is what tells the team.
        with across_teams():
            membership = Membership.objects.select_related("team").filter(user=user).first()
        if membership is None:
            raise CommandError(
                f"{DEMO_EMAIL} is in no team any more. Make a new one with `manage.py create_team`."
            )
        return first_login(team=membership.team, user=user, password=password)

    def _analyze_samples(self, team: Team, timeout: float) -> None:
        with team_scope(team):
            if Job.objects.exists():
                return
            folder = settings.BASE_DIR / "samples"
            media = [
                media_from_bytes(team=team, content=(folder / name).read_bytes(), filename=name)
                for name in SAMPLES
            ]
            # Not as a batch: the first run starts the worker of batches after this.
            job = job_create(team=team, media=media, queue=QUEUE_FOR_ONE)
            self._wait(job, timeout)
            for step in DEMO:
                step(team)

    def _wait(self, job: Job, timeout: float) -> None:
        shown = -1
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            job.refresh_from_db()
            if job.done != shown:
                shown = job.done
                self.stdout.write(f"Sample photos analysed: {job.done} of {job.total}")
                self.stdout.flush()
            if job.is_over:
                break
            time.sleep(0.2)
        if job.status == Job.Status.FAILED:
            raise CommandError(f"The sample photos could not be analysed: {job.error_message}")
        if not job.is_over:
            self.stderr.write(
                "The sample photos are still queued. The worker's log says why; they stay queued."
            )


def _write_private(path: Path, content: dict[str, str]) -> None:
    """Write JSON readable by this user only, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    os.replace(temporary, path)
