"""Fixtures of the tests of the dialect. The `engine` stands for a worker that answers at once."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.tests.conftest import limited
from conftest import People
from galleries.tests.conftest import asked, engine, everything

from .helpers import Program, error_of

__all__ = ["asked", "engine", "everything", "limited"]


@pytest.fixture()
def program(people: People) -> Program:
    """A program of the first team, whose key may do everything."""
    return Program(people.key())


@pytest.fixture()
def stranger(others: People) -> Program:
    """A program of the second team."""
    return Program(others.key())


@pytest.fixture()
def refused(everything: Callable[[], Any]) -> Callable[..., Any]:
    """Call it with what a program sends: it is answered with this error, and nothing has changed.

    `refused(send, status, code)` returns the message of the error.
    """

    def check(send: Callable[[], Any], status: int, code: str) -> str:
        before = everything()
        answer = send()
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.content
        assert everything() == before
        return str(answer.json()["error"]["message"])

    return check


@pytest.fixture()
def unchanged(everything: Callable[[], Any]) -> Callable[..., Any]:
    """Call it with what a program sends and the error it must get; nothing may change. Returns the answer."""

    def check(send: Callable[[], Any], status: int, code: str) -> Any:
        before = everything()
        answer = send()
        assert error_of(answer) == (status, code), answer.content
        assert everything() == before
        return answer

    return check
