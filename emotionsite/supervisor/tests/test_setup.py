"""tools/setup.py: redone exactly when something it depends on has changed, and after an interruption."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

TOOLS = Path(__file__).parents[3] / "tools"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"tools_{name}", TOOLS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tool = load("setup")
broken_packages = load("broken_packages")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose requirements ask for nothing and whose environment cost nothing to make."""
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "base.txt").write_text("# nothing\n")
    (tmp_path / "requirements" / "dev.txt").write_text("-r base.txt\n")
    binaries = tmp_path / ".venv" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "python").write_text("#!/bin/sh\n")  # works, whatever it is asked
    (binaries / "python").chmod(0o755)
    (tmp_path / ".venv" / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11.7\n")
    return tmp_path


def installed(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Run the setup with a pip that only notes that it was asked; what it was asked."""
    asked: list[str] = []
    monkeypatch.setattr(tool.Setup, "_run", lambda _self, what, _argv: asked.append(what))
    assert tool.main(["--root", str(checkout)]) == 0
    return asked


def test_nothing_is_done_twice(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tool.main(["--root", str(checkout), "--check"]) == 1
    assert installed(checkout, monkeypatch) == ["Installing Python packages"]
    assert tool.main(["--root", str(checkout), "--check"]) == 0
    assert installed(checkout, monkeypatch) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("requirements/base.txt", "six==1.17.0\n"),
        ("requirements/extra.txt", "# a new file\n"),
        (".venv/pyvenv.cfg", "home = /usr/bin\nversion = 3.12.1\n"),
    ],
)
def test_packages_are_renewed_when_what_they_depend_on_changes(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    installed(checkout, monkeypatch)
    (checkout / name).write_text(text)
    assert installed(checkout, monkeypatch) == ["Installing Python packages"]


def test_setup_that_did_not_finish_is_checked_and_done_over(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(_self: object, what: str, _argv: list[str]) -> None:
        raise tool.SetupError(what)

    monkeypatch.setattr(tool.Setup, "_run", cut_off)
    assert tool.main(["--root", str(checkout)]) == 1
    assert tool.main(["--root", str(checkout), "--check"]) == 1
    assert installed(checkout, monkeypatch) == [
        "Looking for half installed packages",
        "Installing Python packages",
    ]
    assert installed(checkout, monkeypatch) == []


def test_environment_of_an_old_python_is_made_anew(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkout / ".venv" / "pyvenv.cfg").write_text("version = 3.9.2\n")
    (made, packages) = installed(checkout, monkeypatch)
    assert made.startswith("Making .venv")
    assert packages == "Installing Python packages"


def test_failure_shows_the_end_of_the_output_and_what_to_do(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    setup = tool.Setup(checkout)
    words = "print('OSError: [Errno 28] No space left on device'); raise SystemExit(1)"
    with pytest.raises(tool.SetupError) as failed:
        setup._run("Installing Python packages", [sys.executable, "-c", words])
    sentence = str(failed.value)
    assert "    OSError: [Errno 28] No space left on device" in sentence
    assert "The disk is full: free some space" in sentence
    assert "make setup" in sentence
    assert "No space left" in (checkout / "setup.log").read_text()
    assert "failed" in capsys.readouterr().out


def test_front_end_is_renewed_when_a_file_is_missing(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkout / "package-lock.json").write_text("{}")
    for source in tool.VENDOR_FILES.values():
        path = checkout / "node_modules" / source
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("code();\n//# sourceMappingURL=code.js.map\n")
    monkeypatch.setattr(tool.Setup, "_npm", lambda _self: ["npm"])
    assert "Fetching front-end files" in installed(checkout, monkeypatch)
    vendor = checkout / "static" / "vendor"
    assert (vendor / "htmx.min.js").read_text() == "code();\n"  # no map is shipped, so none is named
    assert installed(checkout, monkeypatch) == []
    (vendor / "htmx.min.js").unlink()
    assert installed(checkout, monkeypatch) == ["Fetching front-end files"]
    (checkout / "package-lock.json").write_text("{ }")
    assert installed(checkout, monkeypatch) == ["Fetching front-end files"]


def test_lock_file_pins_contents_and_names_no_registry() -> None:
    lock = (TOOLS.parent / "package-lock.json").read_text()
    assert lock.count('"integrity": "sha512-') >= 3
    assert '"resolved"' not in lock


def test_half_installed_package_loses_its_record(tmp_path: Path) -> None:
    for name in ("whole", "half", "unrecorded"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "code.py").write_text("x = 1\n")
        record = tmp_path / f"{name}-1.0.dist-info"
        record.mkdir()
        (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        if name != "unrecorded":
            (record / "RECORD").write_text(f"{name}/code.py,,6\n{name}-1.0.dist-info/RECORD,,\n")
    (tmp_path / "half" / "code.py").write_text("x =")
    (tmp_path / "~alf").mkdir()
    assert broken_packages.remove_broken(tmp_path) == ["half-1.0.dist-info", "unrecorded-1.0.dist-info"]
    assert (tmp_path / "whole-1.0.dist-info").exists()
    assert not (tmp_path / "~alf").exists()


def test_python_that_does_not_work_is_passed_over(tmp_path: Path) -> None:
    broken = tmp_path / "python3.11"
    broken.write_text("#!/bin/sh\necho 'version not installed' >&2; exit 127\n")
    broken.chmod(0o755)
    script = TOOLS / "python.sh"
    candidates = f"{broken} {sys.executable}"
    found = subprocess.run(
        ["/bin/sh", str(script)],
        env={"PYTHON_FOR_SETUP": candidates},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.returncode, found.stdout.strip()) == (0, sys.executable)
    none = subprocess.run(
        ["/bin/sh", str(script)],
        env={"PYTHON_FOR_SETUP": str(broken)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert none.returncode == 1
    assert "needs Python 3.11 or newer and found none: install it" in none.stderr
