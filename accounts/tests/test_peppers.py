"""Rotation of peppers: keys move when they are used, and what did not move can be revoked."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from accounts.access import across_teams
from accounts.keys import api_key_authenticate, api_key_create
from accounts.models import ApiKey, AuditEvent
from accounts.peppers import pepper_uses
from conftest import People
from emotionsite.settings.security import peppers_from_text
from emotionsite.supervisor.files import DataDir
from emotionsite.supervisor.secret_store import load_or_create

SECOND = b"the pepper that came after the first"


@pytest.fixture()
def rotated(settings: Settings) -> None:
    settings.API_KEY_PEPPERS = {**settings.API_KEY_PEPPERS, 2: SECOND}


@pytest.fixture()
def data(tmp_path: Path, settings: Settings) -> DataDir:
    """A data folder of `make run`, whose peppers this process uses."""
    settings.DATA_DIR = tmp_path / "data"
    folder = DataDir(settings.DATA_DIR)
    folder.create()
    settings.API_KEY_PEPPERS = peppers_from_text(load_or_create(folder).api_key_peppers)
    return folder


@pytest.fixture()
def bare(tmp_path: Path, settings: Settings) -> None:
    """A data folder without secrets, as in a container."""
    settings.DATA_DIR = tmp_path


def row(key: ApiKey) -> ApiKey:
    with across_teams():
        return ApiKey.unscoped.get(pk=key.pk)


def test_a_key_moves_to_the_newest_pepper_when_it_is_used(people: People, settings: Settings) -> None:
    key, text = api_key_create(team=people.team, name="CI", scopes=["read"])
    settings.API_KEY_PEPPERS = {**settings.API_KEY_PEPPERS, 2: SECOND}
    assert api_key_authenticate(text=text) is not None
    moved = row(key)
    assert moved.pepper == 2
    assert moved.digest != key.digest
    settings.API_KEY_PEPPERS = {2: SECOND}
    assert api_key_authenticate(text=text) is not None, "it needs the old pepper no more"


@pytest.mark.usefixtures("rotated")
def test_a_wrong_secret_moves_nothing(people: People, settings: Settings) -> None:
    settings.API_KEY_PEPPERS = {1: settings.API_KEY_PEPPERS[1]}
    key, text = api_key_create(team=people.team, name="CI", scopes=["read"])
    settings.API_KEY_PEPPERS = {**settings.API_KEY_PEPPERS, 2: SECOND}
    wrong = text[:-1] + ("A" if text[-1] != "A" else "B")
    assert api_key_authenticate(text=wrong) is None
    assert (row(key).pepper, row(key).digest) == (1, key.digest)


def test_a_process_with_the_old_peppers_refuses_a_key_that_moved_and_leaves_it(
    people: People, settings: Settings
) -> None:
    old = settings.API_KEY_PEPPERS
    _, text = api_key_create(team=people.team, name="CI", scopes=["read"])
    settings.API_KEY_PEPPERS = {**old, 2: SECOND}
    api_key_authenticate(text=text)
    settings.API_KEY_PEPPERS = old
    assert api_key_authenticate(text=text) is None
    settings.API_KEY_PEPPERS = {**old, 2: SECOND}
    assert api_key_authenticate(text=text) is not None


def test_a_new_pepper_goes_into_the_secrets_of_make_run_and_nothing_else_changes(
    data: DataDir, db: None, capsys: Any
) -> None:
    before = json.loads(data.secrets_file.read_text())
    call_command("rotate_pepper")
    after = json.loads(data.secrets_file.read_text())
    old, new = (
        peppers_from_text(before.pop("api_key_peppers")),
        peppers_from_text(after.pop("api_key_peppers")),
    )
    assert after == before
    assert set(new) == {1, 2}
    assert new[1] == old[1]
    assert len(new[2]) == 32
    assert data.secrets_file.stat().st_mode & 0o777 == 0o600
    shown = capsys.readouterr().out
    assert "Restart" in shown
    assert new[2].hex() not in shown
    with pytest.raises(CommandError, match="not restarted since"):
        call_command("rotate_pepper")
    assert json.loads(data.secrets_file.read_text())["api_key_peppers"].count(":") == 2


@pytest.mark.usefixtures("bare")
def test_without_secrets_of_make_run_the_new_line_is_printed(
    db: None, settings: Settings, capsys: Any
) -> None:
    call_command("rotate_pepper")
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("API_KEY_PEPPERS="))
    new = peppers_from_text(line.partition("=")[2])
    assert set(new) == {1, 2}
    assert new[1] == settings.API_KEY_PEPPERS[1]


@pytest.mark.usefixtures("bare")
def test_the_report_counts_living_keys_of_all_teams_and_changes_nothing(
    people: People, others: People, settings: Settings, capsys: Any
) -> None:
    for team in (people.team, others.team):
        api_key_create(team=team, name="old", scopes=["read"])
    revoked, _ = api_key_create(team=people.team, name="revoked", scopes=["read"])
    with across_teams():
        ApiKey.unscoped.filter(pk=revoked.pk).update(revoked_at="2026-01-01T00:00Z")
    settings.API_KEY_PEPPERS = {2: SECOND, 3: SECOND[::-1]}
    api_key_create(team=people.team, name="new", scopes=["read"])
    assert [(use.number, use.keys, use.known) for use in pepper_uses()] == [
        (1, 2, False),
        (2, 0, True),
        (3, 1, True),
    ]
    call_command("rotate_pepper", "--report")
    shown = capsys.readouterr().out
    assert "Pepper 1: 2 keys in use, last never; not in API_KEY_PEPPERS" in shown
    assert "Pepper 3: 1 key in use, last never; signs new keys" in shown
    assert "API_KEY_PEPPERS=" not in shown


@pytest.mark.usefixtures("bare")
def test_the_number_of_a_lost_pepper_does_not_come_again(
    people: People, settings: Settings, capsys: Any
) -> None:
    settings.API_KEY_PEPPERS = {5: SECOND}
    api_key_create(team=people.team, name="of a lost pepper", scopes=["read"])
    settings.API_KEY_PEPPERS = {1: SECOND[::-1]}
    call_command("rotate_pepper")
    assert ",6:" in capsys.readouterr().out


def test_retiring_revokes_what_still_needs_the_pepper_and_drops_it(
    people: People, data: DataDir, settings: Settings, capsys: Any
) -> None:
    idle, idle_text = api_key_create(team=people.team, name="idle", scopes=["read"])
    busy, busy_text = api_key_create(team=people.team, name="busy", scopes=["read"])
    call_command("rotate_pepper")
    settings.API_KEY_PEPPERS = peppers_from_text(load_or_create(data).api_key_peppers)
    api_key_authenticate(text=busy_text)
    call_command("rotate_pepper", "--retire", "1", "--yes")
    assert "1 key revoked." in capsys.readouterr().out
    assert row(idle).revoked_at is not None
    assert row(busy).revoked_at is None
    settings.API_KEY_PEPPERS = peppers_from_text(load_or_create(data).api_key_peppers)
    assert set(settings.API_KEY_PEPPERS) == {2}
    asked = [
        Client().get("/api/v1/media", headers={"Authorization": f"Bearer {text}"}).status_code
        for text in (busy_text, idle_text)
    ]
    assert asked == [200, 401]
    with across_teams():
        event = AuditEvent.objects.get(action="api_key.revoked")
    assert (event.object_id, event.details["reason"]) == (str(idle.pk), "pepper retired")


@pytest.mark.usefixtures("rotated", "bare")
@pytest.mark.parametrize("answer", ["no", "", None])
def test_retiring_asks_first_and_without_a_yes_changes_nothing(
    people: People, settings: Settings, monkeypatch: pytest.MonkeyPatch, answer: str | None
) -> None:
    both = settings.API_KEY_PEPPERS
    settings.API_KEY_PEPPERS = {1: both[1]}
    key, _ = api_key_create(team=people.team, name="idle", scopes=["read"])
    settings.API_KEY_PEPPERS = both

    def asked(question: str) -> str:
        assert "Revoke 1 key(s)" in question
        if answer is None:
            raise EOFError
        return answer

    monkeypatch.setattr("builtins.input", asked)
    with pytest.raises(CommandError):
        call_command("rotate_pepper", "--retire", "1")
    assert row(key).revoked_at is None


@pytest.mark.usefixtures("bare", "db")
@pytest.mark.parametrize(("number", "words"), [("1", "signs new keys"), ("9", "no pepper 9")])
def test_the_newest_and_an_unknown_pepper_cannot_be_retired(number: str, words: str) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("rotate_pepper", "--retire", number, "--yes")
