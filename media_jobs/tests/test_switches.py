"""Emotion, age, gender and identity switched off: not computed, stored or returned, and erased."""

import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.access import team_scope
from accounts.models import Team
from analysis.attributes import attributes_as_json
from analysis.models import Analysis, Face, FaceEmbedding
from analysis.services import analyses_store, switched_off_erase
from analysis.switches import SWITCHES, hidden_columns, parts_of
from conftest import People
from media_jobs.models import Media
from media_jobs.services import media_from_bytes
from ml_models import EMOTIONS
from tests.fakes import ATTRIBUTES, FaceWithoutNets, embedding_of

from .pictures import encoded, noise

NAMES = [switch.field for switch in SWITCHES]
MODELS = {"detection": "d", "emotion": "e", "attributes": "a", "recognition": "r"}


def media_of(team: Team, seed: int = 1) -> Media:
    return media_from_bytes(team=team, content=encoded(noise(40, 40, seed), "PNG"), filename=f"{seed}.png")


def store(team: Team, *, faces: int = 1, seed: int = 1) -> Media:
    media = media_of(team, seed)
    found = [FaceWithoutNets((1, 2, 30 - n, 20), embedding=embedding_of(n)) for n in range(faces)]
    analyses_store(team=team, found={media.pk: found}, model_versions=MODELS)
    return media


def switch_off(team: Team, *names: str) -> Team:
    Team.objects.filter(pk=team.pk).update(**dict.fromkeys(names, False))
    return Team.objects.get(pk=team.pk)


def stored(team: Team, *columns: str) -> list[tuple[Any, ...]]:
    """What stands in the table itself, past everything that hides."""
    return [row[1:] for row in Face.objects.order_by("number").values_list("number", *columns)]


def vectors(team: Team) -> int:
    return FaceEmbedding.objects.filter(team=team).count()


def test_age_gender_and_attributes_are_stored_and_read_again(in_team: Team) -> None:
    store(in_team)
    face = Face.objects.get()
    assert (face.age, face.gender, face.gender_confidence) == (34.5, "female", pytest.approx(0.8))
    assert face.attributes == attributes_as_json(ATTRIBUTES)
    assert face.attributes["smile"] == 0.9
    assert face.attributes["hair"]["brown"] == 0.8
    assert "age" not in str(face.attributes)
    assert face.emotions is not None
    assert list(face.emotions) == list(EMOTIONS)


def test_the_engine_is_asked_for_nothing_that_is_off(in_team: Team) -> None:
    assert parts_of(in_team) == {"emotions", "age", "gender", "appearance", "embedding", "quality"}
    for switch in SWITCHES:
        setattr(in_team, switch.field, False)
        assert switch.part not in parts_of(in_team)
    assert parts_of(in_team) == {"appearance"}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_off_is_not_stored_even_when_the_engine_was_asked_before(in_team: Team, name: str) -> None:
    stale = Team.objects.get(pk=in_team.pk)
    team = switch_off(in_team, name)
    store(stale, faces=2)
    hidden = hidden_columns(team)
    (columns,) = {switch.columns for switch in SWITCHES if switch.field == name}
    assert set(columns) == hidden
    assert (
        stored(team, *columns) == [tuple("" if c in {"strongest", "gender"} else None for c in columns)] * 2
    )
    others = [c for switch in SWITCHES if switch.field != name for c in switch.columns]
    assert all(value not in (None, "") for row in stored(team, *others) for value in row)
    versions = Analysis.objects.get().model_versions
    assert ("emotion" in versions) is (name != "analyze_emotion")
    assert ("recognition" in versions) is (name != "analyze_identity")
    assert vectors(team) == (0 if name == "analyze_identity" else 2)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_off_is_hidden_at_once_and_then_erased(people: People, others: People, name: str) -> None:
    with team_scope(others.team):
        store(others.team)
    with team_scope(people.team):
        store(people.team, faces=3)
    team = switch_off(people.team, name)
    (switch,) = [one for one in SWITCHES if one.field == name]
    with team_scope(team):
        before = stored(team, *switch.columns)
        assert all(value not in (None, "") for row in before for value in row)
        for face in Face.objects.all():
            assert {getattr(face, column) for column in switch.columns} <= {None, ""}
        assert switched_off_erase(team=team, limit=2) == 2
        assert switched_off_erase(team=team, limit=2) == 1
        assert switched_off_erase(team=team) == 0
        left = stored(team, *switch.columns)
        assert {value for row in left for value in row} <= {None, ""}
        assert vectors(team) == (0 if name == "analyze_identity" else 3)
        kept = [c for one in SWITCHES if one is not switch for c in one.columns]
        assert all(value not in (None, "") for row in stored(team, *kept) for value in row)
    with team_scope(others.team):
        assert all(value not in (None, "") for value in stored(others.team, *switch.columns)[0])
        assert vectors(others.team) == 1


def test_with_everything_on_nothing_is_erased(in_team: Team) -> None:
    store(in_team)
    before = list(Face.objects.values())
    assert switched_off_erase(team=in_team) == 0
    assert list(Face.objects.values()) == before


# --- The API --------------------------------------------------------------------------------------
def get(people: People, path: str) -> Any:
    return Client().get(f"/api/v1{path}", headers={"Authorization": f"Bearer {people.key('read')}"})


def test_the_api_answers_null_for_what_is_off(people: People) -> None:
    with team_scope(people.team):
        media = store(people.team)
        face = Face.objects.get()
    for path, pick in (
        (f"/media/{media.pk}", lambda body: body["faces"][0]),
        (f"/faces/{face.pk}", lambda body: body),
        ("/faces", lambda body: body["results"][0]),
    ):
        Team.objects.filter(pk=people.team.pk).update(**dict.fromkeys(NAMES, True))
        shown = pick(get(people, path).json())
        assert shown["strongest"] == "happiness"
        assert (shown["age"], shown["gender"], shown["gender_confidence"]) == (34.5, "female", 0.8)
        assert shown["attributes"]["glasses"]["kind"] == "NoGlasses"
        switch_off(people.team, *NAMES)
        hidden = pick(get(people, path).json())
        assert set(hidden) == set(shown), "the same fields"
        off = ("strongest", "emotions", "age", "gender", "gender_confidence")
        assert [hidden[name] for name in off] == [None] * 5
        assert hidden["attributes"] == shown["attributes"]


def test_faces_are_listed_with_their_photo_and_filtered(people: People, others: People) -> None:
    with team_scope(others.team):
        store(others.team)
    with team_scope(people.team):
        first, second = store(people.team, faces=2), store(people.team, seed=2)
        young = Face.objects.filter(media=first).order_by("number").first()
        assert young is not None
        Face.objects.filter(pk=young.pk).update(
            age=8, gender="male", confidence=0.7, strongest="fear", happiness=0.1, fear=0.4
        )

    def found(query: str) -> int:
        answer = get(people, f"/faces?{query}")
        assert answer.status_code == 200, answer.content
        return len(answer.json()["results"])

    assert found("") == 3
    assert found(f"media={first.pk}") == 2
    assert found(f"media={second.pk}") == 1
    assert found(f"media={uuid.uuid4()}") == 0
    assert found("strongest=fear") == 1
    assert found("strength_min=0.6") == 2
    assert found("strongest=fear&strength_min=0.5") == 0
    assert found("age_min=18") == 2
    assert found("age_min=5&age_max=17.5") == 1
    assert found("gender=male") == 1
    assert found("confidence_min=0.9") == 2
    assert found("created_before=2020-01-01T00:00:00Z") == 0
    assert found("created_after=2020-01-01T00:00:00Z") == 3
    for wrong in ("strongest=joy", "age_min=x", "gender=x", "strength_min=2", "hat=1"):
        assert get(people, f"/faces?{wrong}").status_code == 400


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("analyze_emotion", "strongest=happiness"),
        ("analyze_emotion", "strength_min=0.1"),
        ("analyze_age", "age_min=1"),
        ("analyze_age", "age_max=90"),
        ("analyze_gender", "gender=female"),
    ],
)
def test_a_filter_by_what_is_off_tells_nothing_about_it(people: People, name: str, query: str) -> None:
    with team_scope(people.team):
        store(people.team)
    lists = ["/faces", "/media"] if query.startswith("strongest") else ["/faces"]
    for path in lists:
        assert len(get(people, f"{path}?{query}").json()["results"]) == 1
    switch_off(people.team, name)
    for path in lists:
        assert get(people, f"{path}?{query}").json()["results"] == []


def test_a_page_of_faces_takes_the_same_queries_for_one_face_and_for_many(
    people: People, django_assert_max_num_queries: Any
) -> None:
    with team_scope(people.team):
        store(people.team)
    get(people, "/faces")
    with django_assert_max_num_queries(25) as few:
        get(people, "/faces")
    with team_scope(people.team):
        store(people.team, faces=20, seed=2)
    with django_assert_max_num_queries(len(few)):
        assert len(get(people, "/faces").json()["results"]) == 21


# --- Pages ----------------------------------------------------------------------------------------
def page_of(people: People, media: Media) -> str:
    answer = people.client("viewer").get(reverse("photo_detail", args=[media.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_page_says_age_gender_and_attributes_in_words(people: People) -> None:
    with team_scope(people.team):
        media = store(people.team)
    page = page_of(people, media)
    assert "Female 80%, about 34 years old" in page
    assert "Smile, lip make-up" in page


def test_a_page_without_emotions_has_boxes_and_no_chart(people: People) -> None:
    with team_scope(people.team):
        media = store(people.team, faces=2)
    charts = ("es-chart", "chart-data", "es-mix-bar", "happiness", "emotion-")
    assert all(word in page_of(people, media) for word in charts)
    switch_off(people.team, "analyze_emotion")
    page = page_of(people, media)
    assert [word for word in charts if word in page] == []
    assert "Person 2" in page
    assert "2 faces" in page
    assert "about 34 years old" in page
    switch_off(people.team, "analyze_age", "analyze_gender")
    page = page_of(people, media)
    assert "years old" not in page
    assert "emale" not in page
    assert "None" not in page
