"""One run of the site, from the first check to the last goodbye."""

from __future__ import annotations

import http.client
import json
import os
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from emotionsite.supervisor.console import Console
from emotionsite.supervisor.demo import DemoTeam
from emotionsite.supervisor.errors import StopRequested, SupervisorError, known_cause, last_lines
from emotionsite.supervisor.files import (
    MINIMUM_FREE_BYTES,
    DataDir,
    RunLock,
    check_free_space,
    free_bytes,
    write_private,
)
from emotionsite.supervisor.plan import Options, Plan, Role, base_environment, site_plan
from emotionsite.supervisor.ports import check_web_port
from emotionsite.supervisor.processes import (
    Command,
    ProcessTable,
    failure_sentence,
    run_to_end,
)
from emotionsite.supervisor.roles import RoleSet
from emotionsite.supervisor.secret_store import load_or_create
from emotionsite.supervisor.services import ServiceSet
from emotionsite.supervisor.signals import StopSignals

READY_SECONDS = 120.0
WATCH_SECONDS = 1.0
DISK_SECONDS = 60.0
_STEPS = 8
_LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")

Planner = Callable[[Options, DataDir], Plan]


class Supervisor:
    """Runs the site in the foreground; `run` returns the exit code (0 after a stop somebody asked for)."""

    def __init__(
        self, options: Options, planner: Planner = site_plan, console: Console | None = None
    ) -> None:
        self._options = options
        self._data = DataDir(options.data_dir.absolute())
        self._planner = planner
        self._console = console or Console(_STEPS)
        self._lock = RunLock(self._data)
        self._table = ProcessTable(self._data.processes_file)
        self._roles = RoleSet(self._data, self._table, self._console)
        self._services: ServiceSet | None = None
        self._demo: DemoTeam | None = None
        self._environment: dict[str, str] = {}
        self._disk_is_low = False
        self._next_disk_check = 0.0

    def run(self) -> int:
        """Start everything, watch it until somebody asks to stop, and stop it in order."""
        self._signals = StopSignals()
        try:
            return self._run_and_stop()
        finally:
            self._lock.release()
            self._signals.restore()

    def _run_and_stop(self) -> int:
        code = 0
        try:
            self._start()
            while True:
                self._signals.wait(WATCH_SECONDS)
                self._attend()
                self._watch_disk()
        except StopRequested:
            self._console.say("\nStopping (once more Ctrl-C to hurry) ...")
        except SupervisorError as error:
            self._console.say(f"\nEmotionSite cannot go on: {error}")
            code = 1
        except OSError as error:
            advice = known_cause(str(error)) or "Correct that, then `make run`; nothing is lost."
            self._console.say(f"\nEmotionSite cannot go on: {error}. {advice}")
            code = 1
        finally:
            self._stop()
        if self._services is not None:
            self._console.say("Everything has stopped; the data is kept.")
        return code

    def _start(self) -> None:
        data, console, check = self._data, self._console, self._signals.check
        with console.step("Checking the data folder, the disk and the port"):
            check_free_space(data.root)
            data.create()
            self._lock.acquire()
            left = self._table.end_leftovers()
            check_web_port(self._options.host, self._options.port)
        if left:
            console.say(
                f"An earlier run was cut off; {left} of its processes were still running and were stopped."
            )
        plan = self._planner(self._options, data)
        with console.step("Reading the secrets" if data.secrets_file.exists() else "Making the secrets"):
            self._services = services = ServiceSet(data, load_or_create(data), self._table)
        given = "the server in DATABASE_URL answers"
        with console.step("Starting PostgreSQL" if services.postgres else f"Seeing that {given}"):
            services.start_database(check)
        for note in services.postgres.notes if services.postgres else []:
            console.say(f"      {note}")
        with console.step(
            "Starting Valkey" if services.valkey else "Seeing that the server in REDIS_URL answers"
        ):
            services.start_broker(check)
        services.write_files()
        self._environment = (
            base_environment(self._options, data) | dict(plan.environment) | services.environment()
        )
        with console.step("Bringing the database up to date"):
            self._migrate(plan.migrate, services)
        # The first run waits for the worker, to have the sample photos analysed. A later one does not,
        # and its site answers sooner when nothing that loads an engine competes with it.
        fresh = not data.first_login_file.exists()
        first = [role for role in plan.roles if role.first and (fresh or role is plan.roles[0])]
        with console.step("Starting the web process, the scheduler and the workers"):
            self._roles.start(first, self._environment)
            demo = self._start_demo(plan.demo)
        with console.step(f"Waiting until {self._options.url} answers"):
            self._wait_ready(plan.ready_path)
            if not fresh:
                self._start_others(plan, first)
        with console.step("Preparing the demo team"):
            demo.finish(self._attend)
            if fresh:
                self._start_others(plan, first)
        self._print_banner()

    def _start_others(self, plan: Plan, first: Sequence[Role]) -> None:
        self._roles.start([role for role in plan.roles if role not in first], self._environment)

    def _start_demo(self, argv: Sequence[str]) -> DemoTeam:
        # Its own lines are for people; what the application logs meanwhile matters only when it is bad.
        environment = {"LOG_LEVEL": "WARNING", **self._environment}
        command = Command("create_demo", argv, self._data.log("demo"), environment)
        self._demo = demo = DemoTeam(command, self._data.first_login_file, self._table, self._console)
        demo.start()
        return demo

    def _migrate(self, argv: Sequence[str], services: ServiceSet) -> None:
        environment = self._environment | services.owner_environment()
        log = self._data.log("migrate")
        code, text = run_to_end(Command("migrate", argv, log, environment), self._table, self._signals.check)
        if code != 0:
            raise SupervisorError(
                failure_sentence("Bringing the database up to date", code, text, log)
                + f"\n{known_cause(text) or 'Correct what it names, then `make run`; nothing is lost.'}"
            )

    def _wait_ready(self, path: str) -> None:
        answer = "nothing"
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            self._attend()
            status, answer = _get(self._options.url + path)
            if 200 <= status < 400:
                return
            self._signals.wait(0.1)
        raise SupervisorError(
            f"The site did not become ready within {READY_SECONDS:.0f} seconds; {path} answers:\n"
            f"{last_lines(answer) or '    nothing'}\nRead {self._data.log('web')}, then `make run`."
        )

    def _attend(self) -> None:
        """Look after every child once; raises when somebody asked to stop or something is beyond help."""
        self._signals.check()
        if self._services is not None:
            self._services.revive(self._console, self._signals.check)
        self._roles.attend()

    def _watch_disk(self) -> None:
        """Say once that the disk gets full, before PostgreSQL refuses to write."""
        now = time.monotonic()
        if now < self._next_disk_check:
            return
        self._next_disk_check = now + DISK_SECONDS
        free = free_bytes(self._data.root)
        if free < MINIMUM_FREE_BYTES and not self._disk_is_low:
            self._console.say(
                f"Only {free // 2**20} MB are free on the disk of {self._data.root}: free some space, or "
                "photos will "
                "soon be refused."
            )
        self._disk_is_low = free < MINIMUM_FREE_BYTES

    def _stop(self) -> None:
        hurried = self._signals.hurried
        if self._demo is not None:
            self._demo.stop()
        self._roles.stop(hurried)
        if self._services is not None:
            self._services.stop(hurried)
        self._table.guard.close()

    def _print_banner(self) -> None:
        login = self._first_login()
        lines = ["", "EmotionSite is running.", "", f"  Address    {self._options.url}/"]
        for title, name in (("E-mail", "email"), ("Password", "password"), ("API key", "api_key")):
            if login.get(name):
                lines.append(f"  {title:<10} {login[name]}")
        if login:
            lines.append(f"             (also in {self._data.first_login_file})")
        lines += [f"  Logs       {self._data.logs}", "", "Stop with Ctrl-C."]
        if self._options.host not in _LOCAL_HOSTS and not os.environ.get("ALLOWED_HOSTS"):
            lines.append(
                "Other machines reach it only by the names in ALLOWED_HOSTS, such as "
                "ALLOWED_HOSTS=emotion.example.org."
            )
        self._console.say("\n".join(lines))

    def _first_login(self) -> dict[str, str]:
        """The first login, its address brought up to date when the port is another one than before."""
        path = self._data.first_login_file
        try:
            login = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise SupervisorError(
                f"{path} is damaged ({error}): remove it; `manage.py create_team NAME EMAIL` makes a new "
                "login."
            ) from error
        if login.get("url") != self._environment["PUBLIC_URL"]:
            login["url"] = self._environment["PUBLIC_URL"]
            write_private(path, json.dumps(login, indent=2) + "\n")
        return {name: value for name, value in login.items() if isinstance(value, str)}


def _get(url: str) -> tuple[int, str]:
    """Status and text of a GET request, (0, "") when nothing answers."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.request("GET", parts.path)
        response = connection.getresponse()
        return response.status, response.read(4000).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()
