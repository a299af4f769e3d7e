"""What the documents promise is there: files, headings, commands, error codes. Nothing private is in them."""

import ast
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from emotionsite.api.catalogue import ERRORS
from emotionsite.api_errors import CODES
from emotionsite.errors import SENTENCES

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
ids = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
# Written in parts, so that this file does not contain what it looks for.
FORBIDDEN = {
    "a host of a package registry": re.compile(
        "|".join(
            [
                "pypi" r"\.org",
                "python" r"hosted\.org",
                "registry" r"\.npmjs",
                "npmjs" r"\.com",
                "download" r"\.pytorch",
            ]
        )
    ),
    "a path of somebody's machine": re.compile("(?<![\\w.}/-])/" r"(?:work|root|home/[a-z]+)/\w"),
}


def tracked_files() -> list[Path]:
    """Every file of the repository, those not committed yet included."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def text_of(path: Path) -> str | None:
    """The text of a file; None for pictures, weights and the like."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def slug(heading: str) -> str:
    """The anchor that a forge makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def broken_links(document: Path, text: str) -> Iterator[str]:
    for target in LINK.findall(CODE_BLOCK.sub("", text)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        if not file.exists():
            yield f"{target}: there is no such file"
        elif anchor:
            headings = re.findall(r"^#+ (.+)$", CODE_BLOCK.sub("", file.read_text()), flags=re.MULTILINE)
            if anchor not in {slug(heading) for heading in headings}:
                yield f"{target}: there is no such heading"


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_every_link_leads_somewhere(document: Path) -> None:
    assert list(broken_links(document, document.read_text())) == []


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# One & two\n")
    text = "[a](missing.md) ![b](no.png) [c](other.md#three) [d](other.md#one--two) [e](https://example.org)"
    broken = list(broken_links(tmp_path / "this.md", text))
    assert [line.partition(":")[0] for line in broken] == ["missing.md", "no.png", "other.md#three"]


def test_linked_files_are_part_of_the_repository() -> None:
    """A link to an ignored file works on the machine of its author only."""
    tracked = set(tracked_files())
    for document in DOCUMENTS:
        for target in LINK.findall(CODE_BLOCK.sub("", document.read_text())):
            file = (document.parent / target.partition("#")[0]).resolve()
            if ":" not in target and file.is_file():
                assert file in tracked, f"{document.name}: {target}"


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][\w-]*)\s*:(?!=)", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


def makes_mentioned(text: str) -> set[str]:
    """Targets of `make X` in code, not in sentences such as 'make sure'."""
    code = CODE_BLOCK.findall(text)
    spans = re.findall(r"`([^`\n]+)`", CODE_BLOCK.sub("", text))
    lines = [line for block in code for line in block.splitlines()] + spans
    found: set[str] = set()
    for line in lines:
        if match := re.match(r"\s*(?:[A-Z_]+=\S+\s+)*make ([a-z][\w-]*)", line):
            found.add(match.group(1))
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_every_make_command_exists(document: Path) -> None:
    assert sorted(makes_mentioned(document.read_text()) - make_targets()) == []


def test_the_readme_names_the_two_commands() -> None:
    assert {"run", "test"} <= makes_mentioned((ROOT / "README.md").read_text())
    assert makes_mentioned("make sure of `make fly` and `A=1 make dive X=2`") == {"fly", "dive"}


def commands_of_manage_py() -> set[str]:
    from django.core.management import get_commands

    return set(get_commands())


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_every_management_command_exists(document: Path) -> None:
    named = set(re.findall(r"manage\.py ([a-z_]+)", document.read_text()))
    assert sorted(named - commands_of_manage_py()) == []


# --- Error codes ----------------------------------------------------------------------------------
def documented_codes() -> dict[str, int | None]:
    """Codes in the tables of docs/api.md with their HTTP status, None where the table has no status."""
    rows: dict[str, int | None] = {}
    errors = (ROOT / "docs/api.md").read_text().partition("\n## Errors\n")[2]
    for code, cell in re.findall(r"^\| `([a-z_]+)` \| ([^|]+) \|", errors, flags=re.MULTILINE):
        rows[code] = int(cell) if cell.strip().isdigit() else None
    return rows


def test_every_refusal_is_documented_with_its_status() -> None:
    documented = documented_codes()
    assert set(ERRORS) - set(documented) == set()
    # What only a photo or video of a job can have stands in a table without statuses.
    answered = {code: status for code, status in documented.items() if status and code in ERRORS}
    assert answered == {code: ERRORS[code][0] for code in answered}
    only_in_jobs = {"quota_faces", "video_worker_lost", "video_analysis_failed"}
    assert set(ERRORS) - set(answered) == only_in_jobs


def test_every_error_code_of_the_api_is_documented() -> None:
    documented = documented_codes()
    assert set(CODES.values()) <= set(documented)
    assert {code: documented.get(code) for code, _ in SENTENCES.values()} == {
        code: status for status, (code, _) in SENTENCES.items()
    }


def test_every_code_a_failed_photo_can_have_is_documented() -> None:
    tree = ast.parse((ROOT / "media_jobs/work.py").read_text())
    used = {
        keyword.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "error_code" and isinstance(keyword.value, ast.Constant)
    }
    assert used, "work.py gives no code any more"
    assert used <= set(documented_codes())


def test_no_code_is_documented_that_nothing_answers() -> None:
    sources = "".join(
        path.read_text()
        for package in ("emotionsite", "accounts", "analysis", "media_jobs", "galleries", "compat")
        for path in (ROOT / package).rglob("*.py")
        if "tests" not in path.parts
    )
    assert [code for code in documented_codes() if f'"{code}"' not in sources] == []


# --- Files that only name what they should ----------------------------------------------------------
def private_words(text: str) -> list[str]:
    return [what for what, pattern in FORBIDDEN.items() if pattern.search(text)]


def test_no_file_names_a_registry_or_a_machine() -> None:
    found = {
        str(path.relative_to(ROOT)): words
        for path in tracked_files()
        if (text := text_of(path)) is not None and (words := private_words(text))
    }
    assert found == {}


def test_a_registry_or_a_machine_would_be_noticed() -> None:
    assert private_words("https://" + "pypi" + ".org/simple") == ["a host of a package registry"]
    assert private_words("see /" + "work/main") == ["a path of somebody's machine"]
    assert private_words("a/work/b, network/, ./work/x") == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_shell_examples_can_be_read_by_a_shell(document: Path) -> None:
    for block in re.findall(r"^```sh\n(.*?)^```", document.read_text(), flags=re.MULTILINE | re.DOTALL):
        checked = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, f"{checked.stderr}\n{block}"
        assert shlex.split(block, comments=True)
