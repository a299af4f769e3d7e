"""Snapshots beside erasing and correcting, and what of them goes into an export or with a team."""

import io
import json
import threading
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.storage import default_storage

from accounts import audit
from accounts.access import across_teams, team_scope
from accounts.models import Team
from conftest import People
from galleries import snapshots
from galleries.corrections import subjects_merge
from galleries.erasure import gallery_erase, subjects_erase
from galleries.jobs import job_run
from galleries.models import Gallery, GallerySnapshot, SnapshotFace, SnapshotSubject, Subject
from galleries.snapshots import snapshot_take, snapshots_seen
from media_jobs.exports import export_run, export_start
from media_jobs.models import Export, Removal
from media_jobs.removal_steps import team_steps

from .helpers import gallery_of
from .snapshot_helpers import GROUP, taken
from .test_training_at_once import committed, in_thread

__all__ = ["committed"]
#: Seconds in which everything that does not wait for something else is long over.
LONG = 20


@pytest.fixture()
def half_taken(committed: People, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Call it with what is done while a snapshot is copied but not committed: that has to wait.

    `half_taken(work, faces)`: work gets the gallery, in which everybody has so many faces.
    """

    def beside(work: Callable[[Gallery], Any], faces: int = 2) -> None:
        team, copied, go_on, over = committed.team, threading.Event(), threading.Event(), threading.Event()

        def wait(*args: Any, **details: Any) -> None:
            copied.set()
            assert go_on.wait(LONG)
            audit.record(*args, **details)

        monkeypatch.setattr(snapshots, "record", wait)
        with team_scope(team):
            gallery = gallery_of(team, {"Ada": 1, "Bob": 2}, faces=faces, **GROUP)
            job = snapshot_take(gallery=gallery, apply_scope=[team.pk])

        def other() -> None:
            with team_scope(team):
                work(gallery)
            over.set()

        taking = in_thread(lambda: job_run(job_id=job.pk))
        assert copied.wait(LONG)
        working = in_thread(other)
        assert not over.wait(1), "it has to wait until the snapshot is whole"
        go_on.set()
        for thread in (taking, working):
            thread.join(LONG)
        assert over.is_set()

    return beside


def people(team: Team) -> set[str]:
    """Names of people in snapshots of the team."""
    with team_scope(team):
        return set(SnapshotSubject.objects.values_list("name", flat=True))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("faces", [2, 0])
def test_who_is_erased_while_a_snapshot_is_taken_is_not_in_it(
    committed: People, half_taken: Callable[..., None], faces: int
) -> None:
    def erase(gallery: Gallery) -> None:
        ada = Subject.objects.get(name="Ada")
        assert subjects_erase(team=gallery.team, subject_ids=[ada.pk]) == 1

    half_taken(erase, faces)
    assert people(committed.team) == {"Bob"}
    with across_teams():
        assert SnapshotFace.objects.count() == faces


@pytest.mark.django_db(transaction=True)
def test_a_gallery_that_is_erased_while_a_snapshot_is_taken_leaves_none(
    committed: People, half_taken: Callable[..., None]
) -> None:
    half_taken(lambda gallery: gallery_erase(gallery=gallery))
    with team_scope(committed.team):
        assert snapshots_seen(team=committed.team) == []
    assert people(committed.team) == set()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("faces", [2, 0])
def test_who_is_merged_while_a_snapshot_is_taken_goes_with_the_one_who_stayed(
    committed: People, half_taken: Callable[..., None], faces: int
) -> None:
    def merge(gallery: Gallery) -> None:
        ada, bob = Subject.objects.order_by("name")
        subjects_merge(gallery=gallery, into=ada, others=[bob])

    half_taken(merge, faces)
    with team_scope(committed.team):
        ada = Subject.objects.get()
        assert set(SnapshotSubject.objects.values_list("subject_id", flat=True)) == {ada.pk}
        subjects_erase(team=committed.team, subject_ids=[ada.pk])
    assert people(committed.team) == set()


# --- With the team ------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_an_export_of_the_team_names_its_snapshots_and_no_others(people: People, others: People) -> None:
    with team_scope(others.team):
        taken(gallery_of(others.team, {"Theirs": 5}, **GROUP), people.team)
    with team_scope(people.team):
        snapshot = taken(gallery_of(people.team, {"Ada": 1}, **GROUP), user_data="ours")
        export = export_start(team=people.team, kind=Export.Kind.TEAM, user=people.owner)
    export_run(export_id=export.pk)
    with across_teams():
        export = Export.unscoped.get(pk=export.pk)
    with default_storage.open(export.name, "rb") as file:
        archive = zipfile.ZipFile(io.BytesIO(file.read()))

    def lines(name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in archive.read(name).decode().splitlines()]

    [one] = lines("snapshots.jsonl")
    assert (one["id"], one["user_data"], one["face_count"]) == (str(snapshot.pk), "ours", 2)
    assert [person["name"] for person in lines("snapshot_people.jsonl")] == ["Ada"]
    assert [len(face["embedding"]) for face in lines("snapshot_faces.jsonl")] == [128, 128]
    assert "snapshots.jsonl" in archive.read("GALLERIES.txt").decode()


def test_with_a_team_its_snapshots_go(people: People, others: People) -> None:
    for team in (people.team, others.team):
        with team_scope(team):
            taken(gallery_of(team, {"Ada": 1}, **GROUP), people.team, others.team)
    with across_teams():
        removal = Removal.objects.create(
            team=people.team, kind=Removal.Kind.TEAM, subject_id=str(people.team.pk), status="running"
        )
    for _ in team_steps(removal):
        pass
    with across_teams():
        for model in (GallerySnapshot, SnapshotSubject, SnapshotFace):
            assert set(model.objects.values_list("team", flat=True)) == {others.team.pk}
