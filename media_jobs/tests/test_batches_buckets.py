"""Batches of a prefix of a bucket, against an S3 service that speaks HTTP (moto's server)."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from pytest_django import Settings

from accounts.access import team_scope
from accounts.models import TeamUsage
from conftest import People
from emotionsite.sealing import unseal
from emotionsite.tests.local_servers import always, answer, serving
from media_jobs import buckets
from media_jobs.batches import batch_cancel, batch_create_from_bucket
from media_jobs.buckets import BucketSource
from media_jobs.listing import batch_list
from media_jobs.models import Job, JobItem, Media
from media_jobs.refusals import Refusal
from tests.fakes import EngineWithoutNets

from .batch_helpers import items_of, states_of
from .helpers import photo, work_off

Count = Callable[[], int]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture()
def source(settings: Settings) -> Iterator[BucketSource]:
    settings.URL_FETCH_ALLOW = ["127.0.0.1"]
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    client = client_of(f"http://{host}:{port}")
    client.create_bucket(Bucket="trial")
    for key, content in {
        "shoot/a b+ä.png": photo(1),
        "shoot/2/b.png": photo(2),
        "shoot/2/": b"",
        "shoot/.DS_Store": b"x",
        "shoot/notes.txt": b"words " * 400,
        "other/c.png": photo(3),
    }.items():
        client.put_object(Bucket="trial", Key=key, Body=content)
    yield BucketSource("trial", "shoot/", "KEY", "SECRET", endpoint=f"http://{host}:{port}")
    server.stop()


def client_of(endpoint: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id="KEY",
        aws_secret_access_key="SECRET",
        region_name="us-east-1",
    )


def listed(people: People, source: BucketSource) -> Job:
    job = batch_create_from_bucket(team=people.team, source=source)
    batch_list(batch_id=job.pk)
    job.refresh_from_db()
    return job


def test_a_prefix_is_listed_in_the_background_and_its_objects_are_analysed(
    people: People, source: BucketSource, queued: Count
) -> None:
    with team_scope(people.team):
        job = batch_create_from_bucket(team=people.team, source=source, name="shoot")
        assert (job.listing, queued()) == (True, 1)
        assert "SECRET" not in job.sealed_source
        assert "SECRET" in unseal(job.sealed_source)
        assert "SECRET" not in repr(source)
        batch_list(batch_id=job.pk)
        job.refresh_from_db()
        assert (job.listing, job.total, job.sealed_source) == (False, 3, "")
        work_off(job, EngineWithoutNets())
        assert [item.name for item in items_of(job)] == [
            "shoot/2/b.png",
            "shoot/a b+ä.png",
            "shoot/notes.txt",
        ]
        assert states_of(job) == [("succeeded", "")] * 2 + [("failed", "format_not_supported")]
        assert Media.objects.count() == TeamUsage.objects.get(team=people.team).pictures == 2


def test_more_than_a_page_of_keys_is_listed_whole(
    people: People, source: BucketSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buckets, "PAGE_KEYS", 2)
    with team_scope(people.team):
        assert listed(people, replace(source, prefix="")).total == 4


def test_more_objects_than_a_batch_takes_are_refused_and_nothing_is_analysed(
    people: People, source: BucketSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media_jobs.listing.MAX_ITEMS", 2)
    with team_scope(people.team):
        job = listed(people, source)
        assert (job.status, job.error_code, job.total, job.sealed_source) == (
            *("failed", "batch_too_large", 0),
            "",
        )
        assert JobItem.objects.count() == 0


def test_addresses_of_objects_end_after_a_day_and_those_of_a_session_sooner(source: BucketSource) -> None:
    (first, *_) = buckets.objects(source, most=10)
    assert "X-Amz-Expires=86400" in first.url
    (first, *_) = buckets.objects(replace(source, session_token="TOKEN"), most=10)
    assert "X-Amz-Expires=43200" in first.url
    assert "X-Amz-Security-Token=TOKEN" in first.url


def test_a_bucket_that_cannot_be_listed_fails_and_its_credentials_are_wiped(
    people: People, source: BucketSource
) -> None:
    with team_scope(people.team):
        job = listed(people, replace(source, bucket="missing"))
        assert (job.status, job.error_code, job.sealed_source) == ("failed", "bucket_not_listed", "")
        assert "404" in job.error_message


@pytest.mark.parametrize(
    "body",
    [
        b"<html>hello</html>",
        b"no xml",
        b'<!DOCTYPE a [<!ENTITY b "bbbb">]><ListBucketResult>&b;</ListBucketResult>',
        b"<ListBucketResult><Contents><Key>a</Key><Size>x</Size></Contents></ListBucketResult>",
    ],
)
def test_an_endpoint_that_is_no_s3_is_named(people: People, settings: Settings, body: bytes) -> None:
    settings.URL_FETCH_ALLOW = ["127.0.0.1"]
    with serving(always(answer(body))) as server, team_scope(people.team):
        job = listed(people, BucketSource("trial", "", "KEY", "SECRET", endpoint=server.url))
        assert (job.status, job.error_code) == ("failed", "bucket_not_listed")


def test_an_endpoint_inside_the_network_is_refused_at_once(people: People, queued: Count) -> None:
    with team_scope(people.team):
        for endpoint in ("http://169.254.169.254", "http://127.0.0.1:9000", "file:///etc/passwd"):
            source = BucketSource("trial", "", "KEY", "SECRET", endpoint=endpoint)
            with pytest.raises(Refusal):
                batch_create_from_bucket(team=people.team, source=source)
        assert Job.objects.count() == queued() == 0


def test_an_endpoint_whose_name_leads_inside_is_refused_when_it_is_listed(people: People) -> None:
    with team_scope(people.team):
        job = listed(people, BucketSource("trial", "", "KEY", "SECRET", endpoint="http://localhost:9000"))
        assert (job.status, job.error_code) == ("failed", "bucket_not_listed")


def test_cancelling_before_the_listing_wipes_the_credentials(people: People, source: BucketSource) -> None:
    with team_scope(people.team):
        job = batch_create_from_bucket(team=people.team, source=source)
        batch_cancel(batch_id=job.pk)
        batch_list(batch_id=job.pk)
        job.refresh_from_db()
        assert (job.status, job.sealed_source, job.total) == ("cancelled", "", 0)
