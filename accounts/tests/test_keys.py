"""API keys: made once, kept as a digest, refused in every wrong form."""

from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.access import across_teams, team_scope
from accounts.keys import KEY_PATTERN, api_key_authenticate, api_key_create
from accounts.models import ApiKey
from conftest import People
from emotionsite.settings.security import peppers_from_text


def test_a_key_has_the_documented_form_and_only_its_digest_is_stored(people: People) -> None:
    row, text = api_key_create(team=people.team, name="CI", scopes=["read"])
    match = KEY_PATTERN.match(text)
    assert match
    assert match.group(1) == row.identifier
    with across_teams():
        stored = " ".join(str(value) for value in ApiKey.unscoped.filter(pk=row.pk).values_list().get())
    assert match.group(2) not in stored
    assert api_key_authenticate(text=text) == row


def test_using_a_key_notes_when_but_not_at_every_request(people: People) -> None:
    row, text = api_key_create(team=people.team, name="CI", scopes=["read"])
    api_key_authenticate(text=text)
    with team_scope(people.team):
        first = ApiKey.objects.get(pk=row.pk).last_used_at
        assert first is not None
        api_key_authenticate(text=text)
        assert ApiKey.objects.get(pk=row.pk).last_used_at == first


@pytest.mark.parametrize(
    "change",
    [
        {"revoked_at": timezone.now()},
        {"expires_at": timezone.now() - timedelta(seconds=1)},
        {"digest": "0" * 64},
        {"pepper": 7},
    ],
    ids=["revoked", "expired", "other digest", "unknown pepper"],
)
def test_a_key_that_is_over_or_altered_opens_nothing(people: People, change: dict[str, object]) -> None:
    row, text = api_key_create(team=people.team, name="CI", scopes=["read"])
    if "pepper" in change:
        # Its digest was made with pepper 1; under a number nobody knows, the current pepper is tried.
        change["digest"] = "f" * 64
    with team_scope(people.team):
        ApiKey.objects.filter(pk=row.pk).update(**change)
    answer = Client().get("/api/v1/media", headers={"Authorization": f"Bearer {text}"})
    assert answer.status_code == 401
    assert answer.json()["code"] == "key_invalid"
    assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer x", "Bearer es_aaaaaaaa_short", f"Bearer es_aaaaaaaa_{'x' * 43}", "Bearer a b c"],
)
def test_a_wrong_header_is_refused_even_with_a_session(people: People, header: str) -> None:
    answer = people.client("owner").get("/api/v1/media", headers={"Authorization": header})
    assert answer.status_code == 401


def test_an_old_pepper_still_opens_after_a_new_one_signs(people: People, settings: Settings) -> None:
    _, text = api_key_create(team=people.team, name="CI", scopes=["read"])
    settings.API_KEY_PEPPERS = {**settings.API_KEY_PEPPERS, 2: b"the pepper that came after the first"}
    assert api_key_authenticate(text=text) is not None
    row, newer = api_key_create(team=people.team, name="CI 2", scopes=["read"])
    assert row.pepper == 2
    assert api_key_authenticate(text=newer) == row


def test_an_unknown_scope_is_refused_and_no_key_is_made(people: People) -> None:
    with pytest.raises(ValueError, match="everything"):
        api_key_create(team=people.team, name="CI", scopes=["everything"])
    with across_teams():
        assert ApiKey.unscoped.count() == 0


@pytest.mark.parametrize("text", ["1", "one:00", "1:zz", "1:00ff"])
def test_malformed_peppers_are_refused_in_words(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="API_KEY_PEPPERS"):
        peppers_from_text(text)
