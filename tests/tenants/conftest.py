"""The world of the tenant tests."""

import pytest

from conftest import People

from .world import World, make_world


@pytest.fixture()
def world(people: People, others: People) -> World:
    return make_world(people, others)
