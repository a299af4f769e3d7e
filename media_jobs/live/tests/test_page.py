"""The page of the live camera: what it may ask of the browser, and what it says."""

import pytest
from django.test import Client

from accounts.models import Plan, Team
from conftest import People

PAGE = "/team/live"


def test_only_this_page_may_ask_for_a_camera(people: People) -> None:
    client = people.client("analyst")
    live = client.get(PAGE).headers
    assert "camera=(self)" in live["Permissions-Policy"]
    assert "microphone=()" in live["Permissions-Policy"]
    # A recording is looked at before it is sent.
    policy = dict(part.strip().partition(" ")[::2] for part in live["Content-Security-Policy"].split(";"))
    assert "blob:" in policy["media-src"].split()
    assert policy["connect-src"] == "'self'"
    for other in ("/team/usage", "/photos/", "/api/v1/docs", "/nowhere"):
        headers = client.get(other).headers
        assert "camera=()" in headers["Permissions-Policy"], other
        assert "blob:" not in headers["Content-Security-Policy"].partition("media-src")[2].partition(";")[0]


def test_the_page_says_what_becomes_of_the_pictures_before_anything_is_sent(people: People) -> None:
    plan = Plan.objects.create(name="small", pictures_per_month=12_345)
    Team.objects.filter(pk=people.team.pk).update(plan=plan)
    text = " ".join(people.client("analyst").get(PAGE).content.decode().split())
    for words in (
        "Before you press the button nothing is sent",
        "Nobody is recognised, and nothing is stored",
    ):
        assert words in text
    assert "of which it has 12,345 a month" in text
    assert "data-agree required" in text


@pytest.mark.parametrize("emotion", [True, False])
def test_what_is_switched_off_has_no_place_on_the_page(people: People, emotion: bool) -> None:
    Team.objects.filter(pk=people.team.pk).update(analyze_emotion=emotion)
    text = people.client("analyst").get(PAGE).content.decode()
    assert ('data-emotion="happiness"' in text) is emotion
    assert ('data-measure="valence"' in text) is emotion
    assert ("has switched emotions off" in text) is not emotion
    assert 'data-measure="attention"' in text


@pytest.mark.parametrize(("role", "shown"), [("analyst", True), ("viewer", False)])
def test_only_who_may_analyse_is_led_there(people: People, role: str, shown: bool) -> None:
    client: Client = people.client(role)
    assert (f'href="{PAGE}"' in client.get("/team/usage").content.decode()) is shown
    assert client.get(PAGE).status_code == (200 if shown else 403)
