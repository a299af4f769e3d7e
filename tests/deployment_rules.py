"""Rules for the Dockerfile and the Compose file; each function returns what breaks them, in words."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = (ROOT / "docker-compose.yml").read_text()
ENV_EXAMPLE = (ROOT / ".env.example").read_text()
FINAL_TARGETS = {"web", "worker"}
# One name and a full version: `name:1`, `name:latest` and a name alone all move.
PINNED = re.compile(r"^[\w./-]+:\d+\.\d+\.\d+[\w.-]*$")


@dataclass
class Stage:
    """One `FROM ... AS name` with its instructions as (name, rest) pairs."""

    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)


def stages_of(dockerfile: str) -> dict[str, Stage]:
    lines = [line for line in dockerfile.splitlines() if not line.lstrip().startswith("#")]
    stages: dict[str, Stage] = {}
    stage = Stage("", "")
    for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stage = stages[name] = Stage(base, name)
        elif word:
            stage.steps.append((word, rest.strip()))
    return stages


def steps_of(stages: Mapping[str, Stage], name: str) -> list[tuple[str, str]]:
    """The steps of a stage after those of the stages it starts from."""
    stage = stages[name]
    return [*(steps_of(stages, stage.base) if stage.base in stages else []), *stage.steps]


def sources_of(stages: Mapping[str, Stage], name: str) -> set[str]:
    """Every stage whose files end up in this one."""
    copied = re.findall(r"--from=([\w-]+)", " ".join(rest for _, rest in steps_of(stages, name)))
    base = stages[name].base
    below = {*copied, *({base} if base in stages else ())}
    return {name}.union(*(sources_of(stages, other) for other in below))


def dockerfile_problems(text: str) -> list[str]:
    stages = stages_of(text)
    problems: list[str] = []
    for stage in stages.values():
        if stage.base not in stages and not PINNED.match(stage.base):
            problems.append(f"{stage.name} starts from {stage.base}, which is not pinned")
        for word, rest in stage.steps:
            if word == "ADD":
                problems.append(f"{stage.name} uses ADD")
            if word in ("CMD", "ENTRYPOINT") and not rest.startswith("["):
                problems.append(f"{word} of {stage.name} runs in a shell")
            if word == "RUN" and "apt-get install" in rest and "rm -rf /var/lib/apt/lists" not in rest:
                problems.append(f"{stage.name} leaves apt's lists behind")
            if word == "RUN" and re.search(r"\b(curl|wget)\b|\b(gcc|build-essential)\b", rest):
                problems.append(f"{stage.name} downloads by hand or installs a compiler")
    for name in sorted(FINAL_TARGETS):
        problems += [] if name in stages else [f"there is no target {name}"]
    for name in sorted(FINAL_TARGETS & set(stages)):
        problems += final_target_problems(stages, name)
    return problems


def final_target_problems(stages: Mapping[str, Stage], name: str) -> list[str]:
    problems: list[str] = []
    steps = steps_of(stages, name)
    users = [rest for word, rest in steps if word == "USER"]
    if not users or not re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1]):
        problems.append(f"{name} does not run as a user with a fixed number")
    elif any(word == "RUN" for word, _ in steps[steps.index(("USER", users[0])) :]):
        problems.append(f"{name} runs steps after USER, as a user that may write nothing")
    problems += [
        f"{name} has no {wanted}"
        for wanted in ("HEALTHCHECK", "CMD", "LABEL", "VOLUME")
        if wanted not in dict(steps)
    ]
    every = " ".join(rest for source in sources_of(stages, name) for _, rest in stages[source].steps)
    # Networks are trained elsewhere: PyTorch would make an image ten times as large.
    unwanted = ["train.txt", "torch", *(["ml.txt", "openvino"] if name == "web" else [])]
    problems += [f"{name} installs {file}" for file in unwanted if file in every]
    if any("pip " in rest for word, rest in steps if word == "RUN"):
        problems.append(f"{name} installs packages outside of the packages' stages")
    return problems


def variables_of_example(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Z][A-Z0-9_]*)=(.*)$", text, flags=re.MULTILINE))


def required_in_production() -> set[str]:
    """`REQUIRED` of the production settings, read without loading them."""
    tree = ast.parse((ROOT / "emotionsite/settings/production.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "REQUIRED":
            return set(ast.literal_eval(node.value))
    raise AssertionError("production.py names no REQUIRED variables any more")


def compose_problems(text: str, example: str = ENV_EXAMPLE, dockerfile: str = DOCKERFILE) -> list[str]:
    config: dict[str, Any] = yaml.safe_load(text)
    stages = stages_of(dockerfile)
    documented = variables_of_example(example)
    problems = [
        f"${{{name}}} is not in .env.example"
        for name in sorted(set(re.findall(r"(?<!\$)\$\{([A-Z0-9_]+)", text)) - set(documented))
    ]
    for name, service in config["services"].items():
        problems += [f"{name}: {problem}" for problem in service_problems(name, service, config, stages)]
        if service.get("env_file"):
            given = set(documented) | set(service["environment"]) | {"DJANGO_SETTINGS_MODULE"}
            problems += [f"{name}: nothing sets {lacking}" for lacking in required_in_production() - given]
    return problems


def service_problems(
    name: str, service: dict[str, Any], config: dict[str, Any], stages: Mapping[str, Stage]
) -> Iterator[str]:
    if service.get("read_only") is not True:
        yield "the root file system can be written"
    if service.get("cap_drop") != ["ALL"]:
        yield "it keeps capabilities"
    if "no-new-privileges:true" not in service.get("security_opt", []):
        yield "it may gain privileges"
    if service.get("privileged") or service.get("cap_add") or service.get("network_mode") == "host":
        yield "it asks for more rights"
    if not PINNED.match(service.get("image", "")):
        yield f"the image {service.get('image')} is not pinned"
    target = service.get("build", {}).get("target")
    if target is None and not re.fullmatch(r"[1-9]\d*:[1-9]\d*", str(service.get("user", ""))):
        yield "it may run as root"
    if target is not None and target not in stages:
        yield f"the Dockerfile has no target {target}"
    one_shot = service.get("restart") == "no"
    inherited = target in stages and "HEALTHCHECK" in dict(steps_of(stages, target))
    if one_shot != bool(service.get("healthcheck", {}).get("disable")):
        yield "only a job that ends goes without a health check"
    elif not one_shot and not inherited and "test" not in service.get("healthcheck", {}):
        yield "it has no health check"
    if not one_shot and service.get("restart") != "unless-stopped":
        yield "it does not come back after a fault"
    if service.get("ports") and name != "web":
        yield "it publishes a port"
    if any(not str(port).startswith("${WEB_BIND:-127.0.0.1}:") for port in service.get("ports", [])):
        yield "it listens on every address"
    for volume in service.get("volumes", []):
        if volume.partition(":")[0] not in config.get("volumes", {}):
            yield f"{volume} is not a volume of this file"
    wanted = {key: value["condition"] for key, value in service.get("depends_on", {}).items()}
    for other, condition in wanted.items():
        ends = config["services"].get(other, {}).get("restart") == "no"
        if condition != ("service_completed_successfully" if ends else "service_healthy"):
            yield f"it does not wait for {other} in the right way"
    for key, value in service.get("environment", {}).items():
        # An empty one takes a secret of .env away from this container.
        if re.search(r"PASSWORD|SECRET|AUTH|PEPPER", key) and value and "${" not in value:
            yield f"{key} has a value that everybody knows"
