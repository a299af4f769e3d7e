"""The images and the Compose file keep rules that can be read off them; no container engine is needed.

Every rule is also shown a file that breaks it, so that a rule that sees nothing would be noticed.
"""

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from emotionsite.supervisor.files import DataDir
from emotionsite.supervisor.plan import Options, site_plan
from tests.deployment_rules import (
    COMPOSE,
    DOCKERFILE,
    ENV_EXAMPLE,
    FINAL_TARGETS,
    ROOT,
    compose_problems,
    dockerfile_problems,
    stages_of,
    variables_of_example,
)


def test_the_dockerfile_keeps_every_rule() -> None:
    assert dockerfile_problems(DOCKERFILE) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("FROM python:3.11.15-slim-bookworm", "FROM python:latest", "not pinned"),
        ("FROM python:3.11.15-slim-bookworm", "FROM python:3.11-slim", "not pinned"),
        ("COPY . .", "ADD https://example.org/files.tar.gz .", "uses ADD"),
        ('CMD ["uvicorn", ', "CMD uvicorn ", "runs in a shell"),
        ("RUN groupadd", "RUN apt-get install -y libgomp1 && groupadd", "apt's lists"),
        ("RUN groupadd", "RUN wget https://example.org && groupadd", "downloads by hand"),
        ("USER 10001:10001\nEXPOSE", "USER root\nEXPOSE", "web does not run as a user"),
        ("USER 10001:10001\nEXPOSE", "EXPOSE", "web does not run as a user"),
        ("EXPOSE 8000", "RUN chmod 777 /app", "runs steps after USER"),
        (
            "-r requirements/prod.txt",
            "-r requirements/prod.txt -r requirements/ml.txt",
            "web installs ml.txt",
        ),
        (
            "COPY --from=web-packages /opt/venv",
            "COPY --from=worker-packages /opt/venv",
            "web installs ml.txt",
        ),
        ("-r requirements/ml.txt", "-r requirements/train.txt", "worker installs train.txt"),
        ("-r requirements/prod.txt", "-r requirements/prod.txt torch", "web installs torch"),
        ("HEALTHCHECK --interval=30s", "LABEL interval=30s", "web has no HEALTHCHECK"),
        ("VOLUME /data", "", "has no VOLUME"),
        ("FROM runtime AS worker", "FROM runtime AS engine", "no target worker"),
    ],
)
def test_each_rule_of_the_dockerfile_sees_what_breaks_it(old: str, new: str, said: str) -> None:
    assert old in DOCKERFILE
    assert any(said in problem for problem in dockerfile_problems(DOCKERFILE.replace(old, new, 1)))


def test_the_build_context_lets_nothing_in_that_is_not_named() -> None:
    patterns = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    let_in = [pattern[1:] for pattern in patterns if pattern.startswith("!")]

    assert patterns[0] == "*"
    assert patterns.index("**/tests") > patterns.index("!accounts")
    assert not {".env", "var", ".git", ".venv", "node_modules", "tests", "conftest.py"} & set(let_in)
    missing = [path for path in let_in if not (ROOT / path).exists()]
    assert missing == []
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert packages <= set(let_in), "a package of the application is not in the images"


# --- Compose --------------------------------------------------------------------------------------
def test_the_compose_file_keeps_every_rule() -> None:
    assert compose_problems(COMPOSE) == []


def test_the_compose_file_has_one_service_per_role() -> None:
    config = yaml.safe_load(COMPOSE)
    assert set(config["services"]) == {
        *("postgres", "broker", "prepare", "migrate"),
        *("web", "worker", "batch", "background", "beat"),
    }
    assert set(config["volumes"]) == {"database", "broker", "files"}
    # PostgreSQL 18 keeps its data one folder higher than the versions before.
    assert config["services"]["postgres"]["volumes"] == ["database:/var/lib/postgresql"]
    assert config["services"]["web"]["volumes"] == config["services"]["worker"]["volumes"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("read_only: true", "read_only: false", "root file system can be written"),
        ("cap_drop: [ALL]", "cap_drop: []", "keeps capabilities"),
        ("no-new-privileges:true", "label:disable", "gain privileges"),
        ("pgvector/pgvector:0.8.6-pg18-bookworm", "pgvector/pgvector:pg18", "not pinned"),
        ("valkey/valkey:9.1.2-alpine", "valkey/valkey:latest", "not pinned"),
        ('user: "999:999"', 'user: "0:0"', "postgres: it may run as root"),
        ("target: worker", "target: everything", "no target everything"),
        ("healthcheck: {disable: true}", "healthcheck: {}", "prepare: only a job that ends"),
        ('      test: ["CMD-SHELL"', '      tests: ["CMD-SHELL"', "broker: it has no health check"),
        (
            '    user: "999:1000"',
            '    user: "999:1000"\n    ports: ["6379:6379"]',
            "broker: it publishes a port",
        ),
        ("${WEB_BIND:-127.0.0.1}:", "", "listens on every address"),
        (
            "postgres: {condition: service_healthy}",
            "postgres: {condition: service_started}",
            "wait for postgres",
        ),
        ('volumes: ["files:/data"]', 'volumes: ["/srv:/data"]', "is not a volume of this file"),
        (
            '"${POSTGRES_PASSWORD:?is not set. Fill in .env as docs/operating.md says}"',
            '"postgres"',
            "everybody",
        ),
        ("${WORKER_THREADS:-4}", "${THREADS_OF_WORKER:-4}", "THREADS_OF_WORKER} is not in .env.example"),
        ("    REDIS_URL: ", "    BROKER: ", "nothing sets REDIS_URL"),
    ],
)
def test_each_rule_of_the_compose_file_sees_what_breaks_it(old: str, new: str, said: str) -> None:
    assert old in COMPOSE
    problems = compose_problems(COMPOSE.replace(old, new, 1))
    assert any(said in problem for problem in problems), problems


def test_the_example_holds_no_secret_and_no_variable_that_nothing_reads() -> None:
    example = variables_of_example(ENV_EXAMPLE)
    secrets = {"SECRET_KEY", "API_KEY_PEPPERS", "REDIS_PASSWORD"}
    secrets |= {f"POSTGRES_{role}PASSWORD" for role in ("", "OWNER_", "APP_")}
    operating = (ROOT / "docs/operating.md").read_text()

    assert {name for name in secrets if example[name]} == set()
    assert [name for name in example if f"`{name}`" not in operating and f"${{{name}" not in COMPOSE] == []


def test_the_version_is_the_same_everywhere() -> None:
    version = re.findall(r'^version = "([^"]+)"', (ROOT / "pyproject.toml").read_text(), flags=re.MULTILINE)
    labels = re.findall(r'image\.version="([^"]+)"', DOCKERFILE)
    tags = re.findall(r"image: emotionsite-\w+:(\S+)", COMPOSE)
    assert {*labels, *tags} == set(version)
    assert (len(labels), len(tags)) == (2, 2)


def roles_of_containers() -> dict[str, tuple[str, str]]:
    """The role of the database that each container connects as, and the passwords it is given."""
    services = yaml.safe_load(COMPOSE)["services"]
    found = {}
    for name, service in services.items():
        if not service.get("env_file"):
            continue
        given = service["environment"]
        role = re.match(r"postgres://(\w+):", given["DATABASE_URL"])
        assert role is not None
        known = [key for key in ("POSTGRES_PASSWORD", "POSTGRES_OWNER_PASSWORD") if given.get(key, "x") != ""]
        found[name] = (role[1], " ".join(known))
    return found


def test_only_the_jobs_that_end_connect_as_more_than_the_application_s_role() -> None:
    assert roles_of_containers() == {
        "prepare": ("emotionsite_app", ""),
        "migrate": ("emotionsite_owner", ""),
        **dict.fromkeys(("web", "worker", "batch", "background", "beat"), ("emotionsite_app", "")),
    }
    services = yaml.safe_load(COMPOSE)["services"]
    assert [name for name, one in services.items() if "DATABASE_ADMIN_URL" in one.get("environment", {})] == [
        "prepare"
    ]


def test_the_worker_of_batches_steps_back_in_containers_and_under_make_run(tmp_path: Path) -> None:
    services = yaml.safe_load(COMPOSE)["services"]
    roles = {role.name: role for role in site_plan(Options(tmp_path), DataDir(tmp_path)).roles}
    nice = {name: int(roles[name].environment["WORKER_NICE"]) for name in ("worker", "batch", "background")}
    assert nice == {"worker": 0, "batch": 10, "background": 0}
    assert services["batch"]["environment"]["WORKER_NICE"] == "10"
    assert services["batch"]["cpu_shares"] < 1024
    # The health check of the image asks for a worker of this name.
    for name in ("batch", "background"):
        assert services[name]["environment"]["WORKER_NAME"] == name
        assert f"{name}@%h" in services[name]["command"]


def test_workers_write_large_files_to_the_volume_and_not_into_memory() -> None:
    """Exports and copies of videos are larger than the /tmp of a container, which is in memory."""
    services = yaml.safe_load(COMPOSE)["services"]
    for name in ("worker", "batch", "background"):
        folder = services[name]["environment"]["UPLOAD_TEMP_DIR"]
        assert [volume for volume in services[name]["volumes"] if volume.partition(":")[2] == folder], name
    # What is refused there was never on a disk.
    assert "UPLOAD_TEMP_DIR" not in services["web"]["environment"]


# --- The same programs as `make run` --------------------------------------------------------------
def options_of(command: list[str]) -> dict[str, str]:
    """{"--pool": "threads", "--without-gossip": ""} of a command; its own words stand under ""."""
    options: dict[str, str] = {"": ""}
    last = ""
    for word in command:
        if word.startswith("-"):
            last, _, value = word.partition("=")
            options[last] = value
        elif last and not options[last]:
            options[last] = word
        else:
            options[""] = f"{options['']} {word}".strip()
    return options


def commands_of_containers() -> dict[str, list[str]]:
    services = yaml.safe_load(COMPOSE)["services"]
    image = {name: json.loads(dict(stages_of(DOCKERFILE)[name].steps)["CMD"]) for name in FINAL_TARGETS}
    return {
        "web": services["web"].get("command", image["web"]),
        **{name: services[name]["command"] for name in ("worker", "batch", "background")},
        "worker image": image["worker"],
        "beat": services["beat"]["command"],
        "migrate": services["migrate"]["command"],
    }


@pytest.mark.parametrize(
    ("container", "role"),
    [
        ("web", "web"),
        ("worker", "worker"),
        ("batch", "batch"),
        ("background", "background"),
        ("worker image", "worker"),
        ("beat", "beat"),
        ("migrate", "migrate"),
    ],
)
def test_a_container_runs_what_make_run_runs(container: str, role: str, tmp_path: Path) -> None:
    plan = site_plan(Options(tmp_path), DataDir(tmp_path))
    commands = {**{each.name: list(each.argv) for each in plan.roles}, "migrate": list(plan.migrate)}
    # `python -u -m celery` and the path of manage.py are ways to the same programs.
    skipped = 3 if "-m" in commands[role] else 2
    here = [
        word.rpartition("/")[2] if word.endswith("manage.py") else word for word in commands[role][skipped:]
    ]
    there = commands_of_containers()[container]
    there = there[1:] if there[0] == "python" else there
    here = here if here[0] != "-m" else here[1:]
    differing = {"--host", "--port", "--concurrency", "--schedule"}

    def comparable(command: list[str]) -> dict[str, str]:
        return {name: "" if name in differing else value for name, value in options_of(command).items()}

    assert comparable(there) == comparable(here)


# --- Environment variables ------------------------------------------------------------------------
READERS = {"str", "bool", "int", "float", "list", "path", "email_url", "db_url", "json", "get", "setdefault"}


def variables_read_in(source: str) -> set[str]:
    """Names that a module asks `env` or `os.environ` for."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        target = (
            node.func.value if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else None
        )
        key: ast.expr | None = None
        if target is not None and isinstance(node, ast.Call) and node.args:
            reader = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            key = node.args[0] if ast.unparse(target) in ("env", "os.environ") and reader in READERS else None
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
            key = node.slice
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            names.add(key.value)
    return names


def variables_of_the_application() -> set[str]:
    packages = ("emotionsite", "accounts", "analysis", "media_jobs", "galleries", "compat")
    files = [
        path for package in packages for path in (ROOT / package).rglob("*.py") if "tests" not in path.parts
    ]
    return set().union(*(variables_read_in(path.read_text()) for path in files))


def test_every_variable_that_is_read_stands_in_the_operators_manual() -> None:
    manual = (ROOT / "docs/operating.md").read_text()
    documented = set(re.findall(r"^\| `([A-Z][A-Z0-9_]+)`", manual, flags=re.MULTILINE))
    read = variables_of_the_application()

    assert {"SECRET_KEY", "STORAGE_URL", "WORKER_THREADS"} <= read, "the search sees nothing any more"
    assert sorted(read - documented) == []
    elsewhere = {"FORWARDED_ALLOW_IPS", *variables_of_example(ENV_EXAMPLE)}
    assert sorted(documented - read - elsewhere) == [], "documented, but nothing reads it"


def test_the_search_for_variables_sees_every_way_to_read_one() -> None:
    source = (
        'env.int("A")\nos.environ["B"]\nos.environ.get("C")\nenv.email_url("D", default="x")\nother.get("E")'
    )
    assert variables_read_in(source) == {"A", "B", "C", "D"}


# --- Parts of the images that can run here --------------------------------------------------------
def test_static_files_are_collected_with_the_build_s_own_settings(tmp_path: Path) -> None:
    step = next(rest for word, rest in stages_of(DOCKERFILE)["application"].steps if "collectstatic" in rest)
    settings = dict(re.findall(r"(\w+)=(\S+)", step.partition("python manage.py")[0]))
    result = subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--noinput"],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            **settings,
            "STATIC_ROOT": str(tmp_path),
            "DATA_DIR": str(tmp_path / "d"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    collected = json.loads((tmp_path / "staticfiles.json").read_text())["paths"]
    templates = "".join(path.read_text() for path in (ROOT / "templates").rglob("*.html"))
    used = set(re.findall(r"""{%\s*static\s+["']([^"']+)["']""", templates))
    assert used, "no page uses a static file"
    # A page that names a missing file answers 500 in production, and only there.
    assert sorted(used - set(collected)) == []


Fault = Callable[[int, Mapping[str, str]], str]


@pytest.fixture()
def fault() -> Fault:
    spec = importlib.util.spec_from_file_location("healthcheck", ROOT / "deploy/healthcheck.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Fault = module.fault
    return found


@pytest.mark.parametrize(
    ("status", "said"), [(200, ""), (301, ""), (400, "ALLOWED_HOSTS"), (500, "answers 500")]
)
def test_the_health_check_asks_as_a_visitor_would(fault: Fault, status: int, said: str) -> None:
    asked: list[tuple[str, str | None, str | None]] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Host"], self.headers["X-Forwarded-Proto"]))
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the base class
            return

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        answer = fault(server.server_port, {"PUBLIC_URL": "https://faces.example.org"})
        thread.join()
    assert asked == [("/healthz", "faces.example.org", "https")]
    assert said in answer
    assert bool(answer) is bool(said)


def test_the_health_check_notices_that_nothing_listens(fault: Fault) -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        port = server.server_port
    assert "does not answer" in fault(port, {})


# --- .ci/run --------------------------------------------------------------------------------------
def test_the_ci_script_is_strict_and_runs_the_documented_command() -> None:
    script = ROOT / ".ci/run"
    text = script.read_text()
    syntax = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True, check=False)

    assert os.access(script, os.X_OK)
    assert text.splitlines()[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in text
    assert syntax.returncode == 0, syntax.stderr
    commands = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    # Nothing may follow: the last line that is printed is pytest's own.
    assert commands[-1].endswith("make test")
