"""The pictures below a prefix of an S3 bucket: listed and addressed with short-lived signed addresses.

Signing happens here, without the network; what is asked of the network goes through the guarded fetcher like
any address a client gives.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any
from xml.etree import ElementTree

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.handlers import set_list_objects_encoding_type_url

from emotionsite.fetching import fetch
from emotionsite.sealing import seal, unseal

from .archives import is_hidden
from .refusals import Refusal, refuse

# How long the worker may take until it fetches the last picture. A session token ends sooner by itself.
ADDRESS_SECONDS = 24 * 3600
ADDRESS_SECONDS_OF_SESSION = 12 * 3600
LISTING_SECONDS = 60
PAGE_KEYS = 1000
# Pages with nothing but folders and hidden files end somewhere too.
MAX_PAGES = 40
MAX_PAGE_BYTES = 8 * 1024**2
PAGE_DEADLINE = 15.0
BUCKET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]")
REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")


@dataclass(frozen=True)
class BucketSource:
    """A prefix of a bucket and the right to read it. `endpoint` is empty for AWS itself."""

    bucket: str
    prefix: str
    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)
    region: str = "us-east-1"
    endpoint: str = ""

    def sealed(self) -> str:
        return seal(json.dumps(asdict(self)))

    @classmethod
    def unsealed(cls, text: str) -> "BucketSource":
        return cls(**json.loads(unseal(text)))


@dataclass(frozen=True)
class BucketObject:
    """An object of the bucket: its key, its size in bytes and a signed address that reads it."""

    key: str
    size: int
    url: str


def objects(source: BucketSource, *, most: int) -> list[BucketObject]:
    """The objects below the prefix, without folders and hidden files.

    Raises Refusal: `bucket_not_listed`, or `batch_too_large` for more than `most`.
    """
    client = _client(source)
    found: list[BucketObject] = []
    for key, size in _keys(client, source):
        if len(found) == most:
            raise refuse("batch_too_large")
        found.append(BucketObject(key, size, _object_address(client, source, key)))
    return found


def _client(source: BucketSource) -> Any:
    """A client that only signs: it never opens a connection."""
    style = "path" if source.endpoint else "auto"
    try:
        client = boto3.session.Session().client(
            "s3",
            region_name=source.region,
            endpoint_url=source.endpoint or None,
            aws_access_key_id=source.access_key,
            aws_secret_access_key=source.secret_key,
            aws_session_token=source.session_token or None,
            config=Config(signature_version="s3v4", s3={"addressing_style": style}),
        )
    except (BotoCoreError, ValueError) as error:
        raise refuse("bucket_not_listed", reason="the region or the endpoint is none.") from error
    # It would ask for encoded keys, and services disagree about how a space is encoded.
    client.meta.events.unregister(
        "before-parameter-build.s3.ListObjectsV2", set_list_objects_encoding_type_url
    )
    return client


def _object_address(client: Any, source: BucketSource, key: str) -> str:
    seconds = ADDRESS_SECONDS_OF_SESSION if source.session_token else ADDRESS_SECONDS
    wanted = {"Bucket": source.bucket, "Key": key}
    return str(client.generate_presigned_url("get_object", Params=wanted, ExpiresIn=seconds))


def _keys(client: Any, source: BucketSource) -> Iterator[tuple[str, int]]:
    wanted: dict[str, Any] = {"Bucket": source.bucket, "Prefix": source.prefix, "MaxKeys": PAGE_KEYS}
    for _ in range(MAX_PAGES):
        address = client.generate_presigned_url("list_objects_v2", Params=wanted, ExpiresIn=LISTING_SECONDS)
        keys, following = _page(_fetched_page(address))
        yield from keys
        if following is None:
            return
        wanted = {**wanted, "ContinuationToken": following}
    raise refuse("batch_too_large")


def _fetched_page(address: str) -> bytes:
    try:
        return fetch(address, max_bytes=MAX_PAGE_BYTES, deadline=PAGE_DEADLINE).content
    except Refusal as refusal:
        raise refuse("bucket_not_listed", reason=refusal.message) from refusal


def _page(body: bytes) -> tuple[list[tuple[str, int]], str | None]:
    """(keys with sizes, token of the next page) of an answer to ListObjectsV2."""
    # No such answer declares entities; one that does is made to burst.
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise refuse("bucket_not_listed", reason="the endpoint does not answer as S3 does.")
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - without entities, and of bounded size
        listed = [
            (_text(one, "Key") or "", int(_text(one, "Size") or 0)) for one in root.iterfind("{*}Contents")
        ]
    except (ElementTree.ParseError, ValueError) as error:
        raise refuse("bucket_not_listed", reason="the endpoint does not answer as S3 does.") from error
    if not root.tag.endswith("ListBucketResult"):
        raise refuse("bucket_not_listed", reason="the endpoint does not answer as S3 does.")
    keys = [(key, size) for key, size in listed if key and not key.endswith("/") and not is_hidden(key)]
    truncated = (_text(root, "IsTruncated") or "").lower() == "true"
    return keys, _text(root, "NextContinuationToken") if truncated else None


def _text(node: ElementTree.Element, name: str) -> str | None:
    found = node.find(f"{{*}}{name}")
    return None if found is None else found.text
