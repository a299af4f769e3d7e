"""Makes and renews the environment: .venv with pinned packages, and the front-end files in static/vendor.

`python tools/setup.py` does what is needed and nothing when all is up to date; `--check` only says by its
exit code whether it is (0 up to date, 1 not); `--front-end` makes the front-end files alone.
Runs on the standard library alone, because it runs before anything is installed.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

MINIMUM_PYTHON = (3, 11)
NEEDED_GB = 7
REPORT_SECONDS = 10.0
BROKEN_PACKAGES = Path(__file__).with_name("broken_packages.py")

# Front-end files by their place below static/vendor; licences go along with what they cover.
VENDOR_FILES = {
    "bootstrap.min.css": "bootstrap/dist/css/bootstrap.min.css",
    "bootstrap.LICENSE.txt": "bootstrap/LICENSE",
    "chart.umd.js": "chart.js/dist/chart.umd.js",
    "chart.LICENSE.txt": "chart.js/LICENSE.md",
    # Letters of reports in PDF: those of most scripts that are written from left to right.
    "dejavu-sans.ttf": "dejavu-fonts-ttf/ttf/DejaVuSans.ttf",
    "dejavu-sans-bold.ttf": "dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf",
    "dejavu.LICENSE.txt": "dejavu-fonts-ttf/LICENSE",
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "htmx.LICENSE.txt": "htmx.org/LICENSE",
    "uplot.iife.min.js": "uplot/dist/uPlot.iife.min.js",
    "uplot.min.css": "uplot/dist/uPlot.min.css",
    "uplot.LICENSE.txt": "uplot/LICENSE",
}

# What the tools print, and what to do about it.
CAUSES = (
    ("No space left on device", "The disk is full: free some space (the environment takes about 7 GB)."),
    ("ENOSPC", "The disk is full: free some space (the environment takes about 7 GB)."),
    ("Permission denied", "A file could not be written: check who owns the project's folder."),
    (
        "Temporary failure in name resolution",
        "There is no network: connect, or set HTTPS_PROXY if you need one.",
    ),
    (
        "Failed to establish a new connection",
        "The package index cannot be reached: check the network or HTTPS_PROXY.",
    ),
    ("Connection refused", "The package index cannot be reached: check the network or HTTPS_PROXY."),
    ("ENOTFOUND", "There is no network: connect, or set HTTPS_PROXY if you need one."),
    ("EAI_AGAIN", "There is no network: connect, or set HTTPS_PROXY if you need one."),
    ("ECONNREFUSED", "The package registry cannot be reached: check the network or HTTPS_PROXY."),
    (
        "Read timed out",
        "The network is too slow or was cut off: run `make setup` again, it goes on where it was.",
    ),
    (
        "CERTIFICATE_VERIFY_FAILED",
        "A certificate is not trusted: name your company's with PIP_CERT=/path/to/ca.pem.",
    ),
    (
        "No matching distribution found",
        "A pinned package has no build for this Python or system: use Python 3.11.",
    ),
    (
        "EINTEGRITY",
        "A front-end package is not what package-lock.json pins: check what lies between you and it.",
    ),
)


def say(text: str) -> None:
    """Print a line now, also when the output is a file or a pipe."""
    print(text, flush=True)


class SetupError(Exception):
    """A failure whose message says what to do."""


class Setup:
    """The environment of one checkout (`root`); a part is redone when what it was made from has changed."""

    def __init__(self, root: Path, say: Callable[[str], None] = say) -> None:
        self.root = root
        self.venv = root / ".venv"
        self.python = self.venv / "bin" / "python"
        self.stamp = self.venv / "setup.json"
        self.started_mark = self.venv / "setup-started"
        self.vendor = root / "static" / "vendor"
        self.front_end_stamp = self.vendor / ".setup.json"
        self.log = root / "setup.log"
        self._say = say

    # --- what there is ------------------------------------------------------------------------------

    def packages_key(self) -> str:
        """A hash of everything the installed packages depend on."""
        return _hash(sorted((self.root / "requirements").glob("*.txt")), extra=self._venv_version())

    def front_end_key(self) -> str:
        """A hash of everything static/vendor depends on."""
        lock = self.root / "package-lock.json"
        return _hash([lock] if lock.exists() else [], extra=json.dumps(VENDOR_FILES))

    def packages_current(self) -> bool:
        return self.python.exists() and _read_key(self.stamp) == self.packages_key()

    def front_end_current(self) -> bool:
        if not (self.root / "package-lock.json").exists():
            return True
        complete = all((self.vendor / name).exists() for name in VENDOR_FILES)
        return complete and _read_key(self.front_end_stamp) == self.front_end_key()

    def _venv_version(self) -> str:
        """The exact Python of the environment ("3.11.7"), read from its own file; "" when there is none."""
        try:
            lines = (self.venv / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return ""
        for line in lines:
            name, _, value = line.partition("=")
            if name.strip() in ("version", "version_info"):  # the second is how uv writes it
                return value.strip()
        return ""

    # --- making it ------------------------------------------------------------------------------------

    def make_packages(self) -> None:
        """Make .venv if it is missing or broken, and install the pinned packages into it."""
        self.log.write_text("", encoding="utf-8")
        if not self._venv_works():
            self._make_venv()
        interrupted = self.started_mark.exists()
        self.stamp.unlink(missing_ok=True)
        self.started_mark.touch()
        if interrupted:
            self._say("The last setup did not finish; looking for packages it left half installed.")
            self._run("Looking for half installed packages", [str(self.python), str(BROKEN_PACKAGES)])
        free_gb = shutil.disk_usage(self.root).free / 1e9
        if free_gb < NEEDED_GB and not self._has_package("torch"):
            self._say(
                f"Only {free_gb:.1f} GB are free here and the packages may take {NEEDED_GB} GB; trying."
            )
        self._run(
            "Installing Python packages",
            [
                *(str(self.python), "-m", "pip", "install", "-r", "requirements/dev.txt"),
                *("--progress-bar", "off", "--disable-pip-version-check"),
            ],
        )
        self.stamp.write_text(json.dumps({"key": self.packages_key()}), encoding="utf-8")
        self.started_mark.unlink()

    def _venv_works(self) -> bool:
        if not self.python.exists():
            return False
        if (
            tuple(int(part) for part in self._venv_version().split(".")[:2] if part.isdigit())
            < MINIMUM_PYTHON
        ):
            return False
        probe = subprocess.run([str(self.python), "-m", "pip", "--version"], capture_output=True, check=False)
        return probe.returncode == 0

    def _has_package(self, name: str) -> bool:
        return any(self.venv.glob(f"lib/python*/site-packages/{name}"))

    def _make_venv(self) -> None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        try:
            import ensurepip  # noqa: F401
            import venv  # noqa: F401
        except ImportError as error:
            raise SetupError(
                f"Python {version} ({sys.executable}) has no venv module: install it (Debian and Ubuntu: "
                "apt install "
                f"python{version}-venv), then run make again."
            ) from error
        argv = [sys.executable, "-m", "venv", str(self.venv)]
        if self.venv.exists():
            argv.insert(3, "--clear")
        self._run(f"Making .venv with Python {version}", argv)

    def make_front_end(self) -> None:
        """Fetch the pinned front-end packages and copy what pages use to static/vendor."""
        self.front_end_stamp.unlink(missing_ok=True)
        self._run(
            "Fetching front-end files", [*self._npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        )
        modules = self.root / "node_modules"
        for name, source in VENDOR_FILES.items():
            target = self.vendor / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(without_source_map(modules.joinpath(source).read_bytes()))
        self.front_end_stamp.write_text(json.dumps({"key": self.front_end_key()}), encoding="utf-8")

    def _npm(self) -> list[str]:
        """Npm 7 or newer (older ones do not know our lock file): the system's, or the wheel's."""
        for candidate in ("npm", str(self.venv / "bin" / "npm")):
            path = shutil.which(candidate)
            if path is None:
                continue
            probe = subprocess.run(
                [path, "--version"],
                cwd=self.root,
                capture_output=True,
                text=True,
                check=False,
                env=self._environment(),
            )
            major = probe.stdout.strip().split(".", 1)[0]
            if probe.returncode == 0 and major.isdigit() and int(major) >= 7:
                return [path]
        raise SetupError(
            "There is no npm 7 or newer, which fetches the front-end files: run `make setup` (its packages "
            "bring one) or "
            "install Node.js."
        )

    def _environment(self) -> dict[str, str]:
        """Ours, with the environment's programs found after the system's (npm needs to find node)."""
        return {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "PATH": f"{os.environ.get('PATH', os.defpath)}{os.pathsep}{self.venv / 'bin'}",
        }

    def _run(self, what: str, argv: Sequence[str]) -> None:
        """Run a program with its output in the log and a line of progress here; SetupError when it fails."""
        progress = Progress(what, self._say)
        output: list[str] = []
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"\n$ {' '.join(argv)}\n")
            with subprocess.Popen(
                argv,
                cwd=self.root,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            ) as process:
                for line in process.stdout or ():
                    log.write(line)
                    output.append(line)
                    progress.show(line)
            code = process.returncode
        if code != 0:
            progress.end("failed")
            raise SetupError(self._failure(what, "".join(output)))
        progress.end("done")

    def _failure(self, what: str, output: str) -> str:
        tail = "".join(f"    {line}\n" for line in output.strip().splitlines()[-8:])
        advice = next((sentence for pattern, sentence in CAUSES if pattern in output), "")
        advice = advice or f"Correct what it names (all of it is in {self.log})."
        return f"{what} failed:\n{tail}{advice} Then run `make setup` again: it goes on where it stopped."


class Progress:
    """Shows that a program works: a counting line on a terminal, elsewhere a line every ten seconds."""

    def __init__(self, what: str, say: Callable[[str], None]) -> None:
        self._what, self._say = what, say
        self._live = sys.stdout.isatty()
        self._started = time.monotonic()
        self._doing = ""
        self._done = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)
        say(f"{what} ...")
        self._ticker.start()

    def show(self, line: str) -> None:
        """Take note of a line of the program's output; the next tick shows it."""
        words = line.strip()
        if words.startswith(("Collecting", "Downloading", "Installing", "Building", "Using")):
            self._doing = words[:50]

    def end(self, outcome: str) -> None:
        """The program has ended."""
        self._done.set()
        self._ticker.join()
        if self._live:
            sys.stdout.write("\r\x1b[K")
        self._say(f"{self._what} ... {outcome}, {time.monotonic() - self._started:.1f} s")
        sys.stdout.flush()

    def _tick(self) -> None:
        while not self._done.wait(1.0 if self._live else REPORT_SECONDS):
            text = f"{self._what} ... {time.monotonic() - self._started:.0f} s  {self._doing}"
            if self._live:
                sys.stdout.write(f"\r{text}\x1b[K")
                sys.stdout.flush()
            else:
                self._say(text)
                sys.stdout.flush()


def without_source_map(content: bytes) -> bytes:
    """A script or style sheet without the comment naming its source map, which we do not ship.

    Hashed static files (collectstatic in production) would refuse a name that leads nowhere.
    """
    lines = content.split(b"\n")
    return b"\n".join(
        line for line in lines if not line.startswith((b"//# sourceMappingURL", b"/*# sourceMappingURL"))
    )


def _hash(paths: Sequence[Path], extra: str) -> str:
    digest = hashlib.sha256(extra.encode())
    for path in paths:
        digest.update(f"\0{path.name}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _read_key(stamp: Path) -> str:
    try:
        return str(json.loads(stamp.read_text(encoding="utf-8"))["key"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return ""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="only say, by the exit code, whether all is up to date"
    )
    parser.add_argument("--front-end", action="store_true", help="only the front-end files")
    parser.add_argument(
        "--root", type=Path, default=Path(__file__).resolve().parent.parent, help=argparse.SUPPRESS
    )
    chosen = parser.parse_args(arguments)
    setup = Setup(chosen.root)
    if chosen.check:
        return 0 if setup.packages_current() and setup.front_end_current() else 1
    if sys.version_info < MINIMUM_PYTHON:
        print("EmotionSite needs Python 3.11 or newer: run this with such a Python.", file=sys.stderr)
        return 1
    try:
        with (setup.root / ".setup.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two makes at once: the second waits, then finds all done
            if not chosen.front_end and not setup.packages_current():
                setup.make_packages()
            if not setup.front_end_current():
                setup.make_front_end()
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"\nSetup cannot go on ({error}): correct that, then run `make setup` again.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nSetup was interrupted; `make setup` goes on where it stopped.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
