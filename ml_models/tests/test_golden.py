"""Every network still gives the numbers it gave when its weights were accepted."""

from __future__ import annotations

import json

import pytest

from ml_models.tests.golden import FILE, outputs

EXPECTED: dict[str, list[float]] = json.loads(FILE.read_text())


@pytest.fixture(scope="module")
def now() -> dict[str, list[float]]:
    return outputs()


def test_the_list_holds_every_output_of_every_network(now: dict[str, list[float]]) -> None:
    assert now.keys() == EXPECTED.keys()


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_network_gives_its_accepted_numbers(now: dict[str, list[float]], name: str) -> None:
    assert now[name] == pytest.approx(EXPECTED[name], abs=1e-3)
