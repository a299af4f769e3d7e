"""What can go wrong, said in sentences."""

from __future__ import annotations


class SupervisorError(Exception):
    """A failure whose message is a sentence for the operator: what happened, and what to do next."""


class StopRequested(Exception):
    """Somebody asked to stop (Ctrl-C, SIGTERM or SIGHUP) while a step was still going on."""


_KNOWN_CAUSES = (
    ("No space left on device", "The disk is full: free some space, then start again."),
    (
        "Too many open files",
        "Too many files are open: raise the limit with `ulimit -n 4096`, then start again.",
    ),
    ("Cannot allocate memory", "There is not enough free memory: close other programs, then start again."),
    (
        "could not map anonymous shared memory",
        "There is not enough free memory for PostgreSQL: close other programs.",
    ),
    ("Read-only file system", "The disk is mounted read-only: choose another folder with DATA_DIR=..."),
    ("Permission denied", "A file or folder may not be opened: check who owns DATA_DIR and its folders."),
    ("ModuleNotFoundError", "A Python package is missing: run `make setup`, then start again."),
    ("ImproperlyConfigured", "A setting is wrong: `make doctor` says which."),
)


def known_cause(log_text: str) -> str:
    """The sentence for a well-known cause found in a log, or an empty string."""
    for pattern, sentence in _KNOWN_CAUSES:
        if pattern in log_text:
            return sentence
    return ""


def last_lines(text: str, count: int = 12) -> str:
    """The last `count` lines that are not blank, indented by four spaces."""
    lines = [line for line in text.splitlines() if line.strip()]
    return "\n".join(f"    {line[:300]}" for line in lines[-count:])
