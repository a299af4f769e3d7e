"""Erasing photos and faces: afterwards nothing of them is left anywhere."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.test import Client

from accounts.access import across_teams, team_scope
from accounts.models import AuditEvent, IdempotentRequest, Team
from analysis.models import Analysis, Face
from conftest import People
from media_jobs.erasure import ERASERS, faces_erase, media_erase
from media_jobs.exports import export_run, export_start
from media_jobs.models import Export, Job, JobItem, Media, ReleasedFile
from media_jobs.services import job_create
from tests.fakes import EngineWithoutNets

from .helpers import at_once, photo, photos, upload, work_off

FILENAME = "zora-neale-on-the-beach.png"


def tables() -> list[str]:
    with connection.cursor() as cursor:
        return connection.introspection.table_names(cursor)


def leavings(*words: str) -> Iterator[str]:
    """Where any of the words stands: in any column of any table, in any file or its name, in Redis."""
    with across_teams(), connection.cursor() as cursor:
        for table in tables():
            cursor.execute(f'SELECT row_to_json(t)::text FROM "{table}" AS t')  # noqa: S608
            for (row,) in cursor.fetchall():
                yield from (f"{table}: {row}" for word in words if word in row)
    root = Path(default_storage.path(""))
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        yield from (f"name {name}" for word in words if word in name)
        if path.is_file():
            content = path.read_bytes()
            yield from (f"file {name}" for word in words if word.encode() in content)
    for number in (0, 1):
        client = redis.Redis.from_url(f"{settings.REDIS_URL}/{number}", decode_responses=False)
        for key in client.scan_iter("*"):
            held = key + repr(dump(client, key)).encode()
            yield from (f"redis {key!r}" for word in words if word.encode() in held)
        client.close()


def dump(client: Any, key: bytes) -> Any:
    kind = client.type(key)
    if kind == b"string":
        return client.get(key)
    if kind == b"list":
        return client.lrange(key, 0, -1)
    if kind == b"set":
        return client.smembers(key)
    if kind == b"hash":
        return client.hgetall(key)
    return client.zrange(key, 0, -1)


@pytest.fixture()
def shown(people: People, fake_engine: Any) -> Media:
    """A photo that has left traces wherever it can."""
    headers = {"Authorization": f"Bearer {people.key()}", "Idempotency-Key": "once"}
    file = io.BytesIO(photo(1))
    file.name = FILENAME
    answer = Client().post("/api/v1/media", {"file": file}, headers=headers)
    assert answer.status_code == 202
    with team_scope(people.team):
        media = Media.objects.get(pk=answer.json()["media_id"])
        work_off(Job.objects.get(), fake_engine)
        broken = upload(people.team, photo(2, width=41), "other.png")
        work_off(broken.job, EngineWithoutNets(fails_on_width=frozenset({41})))
        job = job_create(team=people.team, media=[media])
        JobItem.objects.filter(job=job).update(
            name=FILENAME, source={"url": f"https://example.org/{FILENAME}"}
        )
        export = export_start(team=people.team, kind=Export.Kind.TEAM, user=people.owner)
        export_run(export_id=export.pk)
        assert IdempotentRequest.objects.count() == 1
    return media


@pytest.mark.django_db(transaction=True)
def test_after_an_erasure_nothing_of_the_photo_is_left(people: People, shown: Media) -> None:
    words = (str(shown.pk), shown.pk.hex, FILENAME, shown.sha256)
    before = list(leavings(*words))
    for place in ("media_jobs_media", "media_jobs_jobitem", "accounts_auditevent", "file exports/"):
        assert any(line.startswith(place) for line in before), f"the search sees {place}"
    with team_scope(people.team):
        assert media_erase(team=people.team, media_ids=[shown.pk]) == 1
    after = list(leavings(*words))
    # Ids may stay in the record of who did what; names, hashes and everything else may not.
    allowed = f'"object_type":"media","object_id":"{shown.pk}","object_name":"[erased]"'
    left = [line for line in after if not (line.startswith("accounts_auditevent: ") and allowed in line)]
    assert left == []
    assert not any(word in line for line in after for word in (FILENAME, shown.sha256))
    with team_scope(people.team):
        kept = AuditEvent.objects.filter(object_id=str(shown.pk))
        assert sorted(kept.values_list("action", flat=True)) == ["media.deleted", "media.uploaded"]
        assert Media.objects.count() == 1, "the other photo stays"
        # The answer that names the photo is encrypted, so that the search cannot see it.
        assert IdempotentRequest.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_an_erasure_lets_go_of_exports_that_may_hold_the_photo(
    people: People, shown: Media, stored_files: Callable[[], list[str]]
) -> None:
    assert any(name.startswith("exports/") for name in stored_files())
    with team_scope(people.team):
        media_erase(team=people.team, media_ids=[shown.pk])
        export = Export.objects.get()
    assert (export.status, export.name, export.size) == (Export.Status.ERASED, "", 0)
    assert not any(name.startswith("exports/") for name in stored_files())
    assert not any(str(shown.pk) in name for name in stored_files())


def test_erasing_twice_changes_nothing_the_second_time(in_team: Team) -> None:
    one, other = photos(in_team, 2)
    assert media_erase(team=in_team, media_ids=[one.pk]) == 1
    events = AuditEvent.objects.count()
    assert media_erase(team=in_team, media_ids=[one.pk]) == 0
    assert AuditEvent.objects.count() == events
    assert list(Media.objects.all()) == [other]


def test_a_rolled_back_erasure_keeps_rows_and_files(
    in_team: Team, stored_files: Callable[[], list[str]]
) -> None:
    (media,) = photos(in_team, 1)
    files = stored_files()
    with transaction.atomic():
        media_erase(team=in_team, media_ids=[media.pk])
        transaction.set_rollback(True)
    assert Media.objects.filter(pk=media.pk).exists()
    assert ReleasedFile.objects.count() == 0
    assert stored_files() == files


def test_the_photo_of_another_team_is_not_erased(in_team: Team, others: People) -> None:
    with team_scope(others.team):
        (theirs,) = photos(others.team, 1)
    assert media_erase(team=in_team, media_ids=[theirs.pk]) == 0
    with team_scope(others.team):
        assert Media.objects.filter(pk=theirs.pk).exists()


def test_the_sentence_that_a_failed_job_repeats_goes_too(in_team: Team) -> None:
    one = upload(in_team, photo(1, width=41), FILENAME)
    work_off(one.job, EngineWithoutNets(fails_on_width=frozenset({41})))
    JobItem.objects.update(error_message=f"{FILENAME} is broken.")
    Job.objects.update(error_message=f"{FILENAME} is broken.")
    media_erase(team=in_team, media_ids=[one.media.pk])
    one.job.refresh_from_db()
    assert (one.job.error_code, one.job.error_message) == ("analysis_failed", "")


def test_many_photos_take_hardly_more_queries_than_one(
    in_team: Team, django_assert_max_num_queries: Any
) -> None:
    some = photos(in_team, 13)
    with django_assert_max_num_queries(60) as few:
        media_erase(team=in_team, media_ids=[some[0].pk])
    # One event per photo is written.
    with django_assert_max_num_queries(len(few) + 11):
        media_erase(team=in_team, media_ids=[one.pk for one in some[1:]])


def test_a_single_face_goes_and_the_photo_stays(in_team: Team) -> None:
    one = upload(in_team, photo(1))
    work_off(one.job, EngineWithoutNets(faces=3))
    second = Face.objects.get(number=2)
    assert faces_erase(team=in_team, face_ids=[second.pk]) == 1
    assert list(Face.objects.values_list("number", flat=True)) == [1, 3]
    assert Analysis.objects.get().face_count == 2
    assert faces_erase(team=in_team, face_ids=[second.pk]) == 0
    assert Analysis.objects.get().face_count == 2
    assert AuditEvent.objects.get(action="face.deleted").object_id == str(second.pk)


def test_the_api_erases_a_face_of_its_own_team_only(people: People, others: People, fake_engine: Any) -> None:
    with team_scope(people.team):
        one = upload(people.team, photo(1))
        work_off(one.job, fake_engine)
        face = Face.objects.get()
    address = f"/api/v1/faces/{face.pk}"
    theirs = {"Authorization": f"Bearer {others.key()}"}
    reader = {"Authorization": f"Bearer {people.key('read')}"}
    assert Client().delete(address, headers=theirs).status_code == 404
    assert Client().delete(address, headers=reader).status_code == 403
    with team_scope(people.team):
        assert Face.objects.filter(pk=face.pk).exists()
    ours = {"Authorization": f"Bearer {people.key('analyze')}"}
    assert Client().delete(address, headers=ours).status_code == 204
    assert Client().delete(address, headers=ours).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_erasing_while_a_worker_stores_results_leaves_no_face_behind(people: People) -> None:
    with team_scope(people.team):
        many = photos(people.team, 8)
        job = job_create(team=people.team, media=many)
    turns: list[UUID] = [one.pk for one in many]
    workers = iter([True, False])

    def step() -> None:
        with team_scope(people.team):
            if next(workers):
                work_off(job, EngineWithoutNets(faces=2))
            else:
                for pk in reversed(turns):
                    media_erase(team=people.team, media_ids=[pk])

    at_once(2, step)
    with team_scope(people.team):
        assert Media.objects.count() == Face.objects.count() == Analysis.objects.count() == 0
        job.refresh_from_db()
        assert (job.done, job.total) == (8, 8)


def test_apps_above_add_their_own_kinds(in_team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    def tracks_erase(*, team: Team, track_ids: list[str]) -> int:
        return len(track_ids)

    monkeypatch.setitem(ERASERS, "track", tracks_erase)
    assert set(ERASERS) == {"media", "face", "video", "subject", "enrolledface", "gallery", "track"}
    assert ERASERS["track"](team=in_team, track_ids=["one"]) == 1


def test_an_export_written_before_the_erasure_did_hold_the_photo(people: People, shown: Media) -> None:
    """What the other tests look for would be there: the search is not blind."""
    with team_scope(people.team):
        export = Export.objects.get()
    with default_storage.open(export.name, "rb") as file, zipfile.ZipFile(file) as archive:
        lines = archive.read("photos.jsonl").decode().splitlines()
        assert FILENAME in {json.loads(line)["filename"] for line in lines}
