"""The same photos on an S3 service (moto's server, spoken to over HTTP by django-storages and boto3)."""

import io
from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import pytest
from django.test import Client
from django.urls import reverse
from moto.server import ThreadedMotoServer
from pytest_django import Settings

from accounts.access import team_scope
from conftest import People
from emotionsite import checks
from emotionsite.settings.storage_url import storage_from_url
from media_jobs import archives, files
from media_jobs.models import Job
from media_jobs.refusals import Refusal
from media_jobs.services import media_delete, photo_upload
from media_jobs.work import chunk_analyze
from tests.fakes import EngineWithoutNets

from .batch_helpers import zip_of
from .pictures import encoded, noise

BUCKET = "faces"


@pytest.fixture()
def bucket(settings: Settings) -> Iterator[Any]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    # What it holds lies in this process, so the files of an earlier test would still be there.
    httpx.post(f"http://{host}:{port}/moto-api/reset").raise_for_status()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        aws_access_key_id="KEY",
        aws_secret_access_key="SECRET",
        region_name="us-east-1",
    )
    client.create_bucket(Bucket=BUCKET)
    url = f"s3://KEY:SECRET@{host}:{port}/{BUCKET}?scheme=http&region=us-east-1&addressing=path&prefix=es"
    settings.STORAGES = {**settings.STORAGES, "default": storage_from_url(url)}
    yield client
    server.stop()


def names(client: Any) -> list[str]:
    return [item["Key"] for item in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


@pytest.mark.django_db(transaction=True)
def test_a_photo_lives_and_dies_on_s3(people: People, bucket: Any) -> None:
    content = encoded(noise(40, 40), "PNG")
    with team_scope(people.team):
        upload = photo_upload(
            team=people.team, file=io.BytesIO(content), size=len(content), filename="ä 1.png", user=None
        )
        assert len(names(bucket)) == 2
        assert all(
            name.startswith(f"es/teams/{people.team.pk}/media/{upload.media.pk}/") for name in names(bucket)
        )
        chunk_analyze(team=people.team, job_id=upload.job.pk, chunk=0, engine=EngineWithoutNets())
        upload.job.refresh_from_db()
        assert upload.job.status == Job.Status.SUCCEEDED

    client = people.client("viewer")
    answer = client.get(reverse("photo_file", args=[upload.media.pk, "original"]))
    assert answer.status_code == 302
    assert "X-Amz-Signature" in answer["Location"]
    assert "X-Amz-Expires=120" in answer["Location"]
    fetched = httpx.get(answer["Location"])
    assert fetched.content == content
    assert fetched.headers["content-type"] == "image/png"
    for part in ("preview", "thumbnail"):
        shown = client.get(reverse("photo_file", args=[upload.media.pk, part]))
        assert shown.status_code == 200
        assert len(shown.content) > 500
    assert Client().get(reverse("photo_file", args=[upload.media.pk, "original"])).status_code == 302
    assert (
        "/accounts/login/"
        in Client().get(reverse("photo_file", args=[upload.media.pk, "original"]))["Location"]
    )

    with team_scope(people.team):
        media_delete(media_id=upload.media.pk)
    assert names(bucket) == []


@pytest.mark.django_db
def test_a_file_s3_has_lost_answers_404(people: People, bucket: Any) -> None:
    content = encoded(noise(40, 40), "PNG")
    with team_scope(people.team):
        media = photo_upload(
            team=people.team, file=io.BytesIO(content), size=len(content), filename="a.png", user=None
        ).media
    for name in names(bucket):
        bucket.delete_object(Bucket=BUCKET, Key=name)
    answer = people.client("viewer").get(reverse("photo_file", args=[media.pk, "thumbnail"]))
    assert answer.status_code == 404


def test_doctor_finds_a_bucket_and_a_missing_one(bucket: Any) -> None:
    (found,) = checks.run_checks([checks.STORAGE])
    assert found.ok
    bucket.delete_bucket(Bucket=BUCKET)
    (missing,) = checks.run_checks([checks.STORAGE])
    assert not missing.ok
    assert "STORAGE_URL" in missing.detail


def test_an_archive_on_s3_is_read_in_parts(bucket: Any) -> None:
    content = encoded(noise(40, 40), "PNG")
    large = b"0123456789" * 100_000
    name = files.store("teams/a/batches/b.zip", zip_of({"large.txt": large, "a.png": content}))
    first, second = archives.entries(name, largest_file=10**7)
    assert [first.name, second.name] == ["large.txt", "a.png"]
    assert archives.entry_read(name, second.source, largest_file=10**7) == content
    assert archives.entry_read(name, first.source, largest_file=10**7) == large
    assert files.read_range(name, first.offset + 39, 10) == large[:10]
    files.erase([name])
    with pytest.raises(Refusal) as refusal:
        archives.entry_read(name, second.source, largest_file=10**7)
    assert refusal.value.code == "archive_gone"
    with pytest.raises(Refusal):
        archives.entries(name, largest_file=10**7)
