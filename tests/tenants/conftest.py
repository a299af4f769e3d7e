"""The world of the tenant tests: made once, and the same at the beginning of each test."""

import pickle
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.db import transaction
from django.test import override_settings
from pytest_django import DjangoDbBlocker

from conftest import make_people, storages_in

from .digests import snapshot
from .world import World, make_world


@dataclass
class Made:
    """The world as it was made, the folder of its files, and what `snapshot` says of it.

    It is kept pickled, because each test gets a copy and may change what it holds.
    """

    pickled: bytes
    folder: Path
    digest: str


@pytest.fixture(scope="module")
def made(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Made]:
    """The world, in a transaction that is undone in the end; each test is a savepoint inside of it."""
    folder = tmp_path_factory.mktemp("world")
    with ExitStack() as transactions:
        with django_db_blocker.unblock(), override_settings(STORAGES=storages_in(folder)):
            transactions.enter_context(transaction.atomic())
            world = make_world(make_people("blue"), make_people("red"))
            made = Made(pickle.dumps(world), folder, snapshot())
        yield made
        with django_db_blocker.unblock():
            transaction.set_rollback(True)
            transactions.close()


@pytest.fixture()
def world(made: Made, db: None) -> World:
    """The world and its files for one test, which may change both."""
    shutil.copytree(made.folder, default_storage.path(""), dirs_exist_ok=True)
    world = pickle.loads(made.pickled)  # noqa: S301  # `made` has pickled it itself
    assert isinstance(world, World)
    return world
