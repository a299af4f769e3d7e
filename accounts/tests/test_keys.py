"""API keys: made once, kept as a digest, refused in every wrong form."""

import hmac
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.access import across_teams, team_scope
from accounts.keys import KEY_PATTERN, api_key_authenticate, api_key_create, api_key_revoke
from accounts.models import ApiKey, AuditEvent
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


def test_a_key_works_from_its_networks_only_and_says_so(people: People, settings: Settings) -> None:
    row, text = api_key_create(
        team=people.team, name="office", scopes=["read"], networks=["203.0.113.0/24", "2001:db8::1"]
    )
    key = {"Authorization": f"Bearer {text}"}
    assert Client(REMOTE_ADDR="203.0.113.9").get("/api/v1/media", headers=key).status_code == 200
    assert Client(REMOTE_ADDR="2001:db8::1").get("/api/v1/media", headers=key).status_code == 200
    with team_scope(people.team):
        ApiKey.objects.filter(pk=row.pk).update(last_used_at=None)
    answer = Client(REMOTE_ADDR="198.51.100.1").get("/api/v1/media", headers=key)
    assert answer.status_code == 403
    assert answer.json()["code"] == "address_not_allowed"
    assert "198.51.100.1" in answer.json()["detail"]
    with team_scope(people.team):
        assert ApiKey.objects.get(pk=row.pk).last_used_at is None, "a refused use is none"


def test_the_address_that_counts_is_the_one_our_own_proxy_wrote(people: People, settings: Settings) -> None:
    _, text = api_key_create(team=people.team, name="office", scopes=["read"], networks=["203.0.113.0/24"])
    headers = {"Authorization": f"Bearer {text}", "X-Forwarded-For": "203.0.113.9"}
    client = Client(REMOTE_ADDR="10.0.0.1")
    assert client.get("/api/v1/media", headers=headers).status_code == 403
    settings.TRUSTED_PROXIES = 1
    assert client.get("/api/v1/media", headers=headers).status_code == 200
    headers["X-Forwarded-For"] = "203.0.113.9, 198.51.100.1"
    assert client.get("/api/v1/media", headers=headers).status_code == 403


def test_a_wrong_secret_learns_nothing_about_networks(people: People) -> None:
    _, text = api_key_create(team=people.team, name="office", scopes=["read"], networks=["203.0.113.0/24"])
    wrong = {"Authorization": f"Bearer {text[:-4]}AAAA"}
    assert Client().get("/api/v1/media", headers=wrong).status_code == 401


def test_a_revoked_key_is_dead_at_once_and_revoking_again_changes_nothing(people: People) -> None:
    row, text = api_key_create(team=people.team, name="CI", scopes=["read"])
    with team_scope(people.team):
        api_key_revoke(key=row)
        first = ApiKey.objects.get(pk=row.pk).revoked_at
        assert api_key_authenticate(text=text) is None
        api_key_revoke(key=row)
        assert ApiKey.objects.get(pk=row.pk).revoked_at == first
        assert AuditEvent.objects.filter(action="api_key.revoked").count() == 1


def test_making_a_key_is_recorded_without_its_secret(people: People) -> None:
    row, text = api_key_create(team=people.team, name="CI", scopes=["read"], networks=["10.0.0.0/8"])
    with team_scope(people.team):
        event = AuditEvent.objects.get(action="api_key.created")
        everything = " ".join(str(value) for value in AuditEvent.objects.values_list().get(pk=event.pk))
    assert event.object_id == str(row.pk)
    assert event.details == {"scopes": ["read"], "networks": ["10.0.0.0/8"], "expires_at": None}
    assert text.split("_", 2)[2] not in everything


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"name": "x" * 81},
        {"scopes": []},
        {"expires_at": timezone.now() - timedelta(seconds=1)},
        {"networks": ["nowhere"]},
    ],
    ids=["blank", "long", "no scope", "over", "network"],
)
def test_a_key_that_cannot_be_is_not_made(people: People, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        api_key_create(team=people.team, **{"name": "CI", "scopes": ["read"], **wrong})
    with across_teams():
        assert ApiKey.unscoped.count() == 0
        assert not AuditEvent.objects.filter(action="api_key.created").exists()


def test_the_digest_is_compared_in_constant_time_for_known_and_unknown_keys(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[str, str]] = []

    def compare(left: str, right: str) -> bool:
        compared.append((left, right))
        return hmac.compare_digest(left, right)

    _, text = api_key_create(team=people.team, name="CI", scopes=["read"])
    monkeypatch.setattr("accounts.keys.hmac", SimpleNamespace(compare_digest=compare))
    assert api_key_authenticate(text=text) is not None
    assert api_key_authenticate(text=f"es_aaaaaaaa_{'x' * 43}") is None
    assert len(compared) == 2
    assert all(len(left) == len(right) == 64 for left, right in compared)
