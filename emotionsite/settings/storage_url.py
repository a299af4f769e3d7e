"""`STORAGE_URL` to an entry of Django's STORAGES."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

FORMS = "file:///folder or s3://KEY:SECRET@host/bucket?region=eu-central-1"


def storage_from_url(url: str) -> dict[str, Any]:
    """Return the STORAGES entry for a URL.

    `file:///srv/emotionsite/files` keeps files in a local folder. `s3://KEY:SECRET@host/bucket` uses an S3
    service by django-storages; the query takes `region`, `scheme` (https by default, http for a server on
    the same machine), `prefix` and `addressing` (auto, path or virtual). Without a host, Amazon's own
    service is used; without a key, boto3 looks for credentials where it always does.

    Raises ImproperlyConfigured with the accepted forms when the URL is something else.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path.startswith("/") and not parts.netloc:
        return {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            # No base_url: a file has no public address, only the views that check the team.
            "OPTIONS": {
                "location": unquote(parts.path),
                "base_url": None,
                "file_permissions_mode": 0o600,
                "directory_permissions_mode": 0o700,
            },
        }
    if parts.scheme == "s3":
        return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": _s3_options(url)}
    raise ImproperlyConfigured(f"STORAGE_URL must be {FORMS}; it starts with {parts.scheme or url[:20]!r}.")


def _s3_options(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    unknown = set(query) - {"region", "scheme", "prefix", "addressing"}
    if unknown:
        raise ImproperlyConfigured(f"STORAGE_URL does not know {', '.join(sorted(unknown))}. Use {FORMS}.")
    bucket = parts.path.strip("/")
    if not bucket or "/" in bucket:
        raise ImproperlyConfigured(f"STORAGE_URL needs exactly one bucket after the host. Use {FORMS}.")
    options: dict[str, Any] = {
        "bucket_name": bucket,
        "default_acl": None,
        "querystring_auth": True,
        "querystring_expire": 120,
        "file_overwrite": True,
        "signature_version": "s3v4",
        "location": query.get("prefix", ""),
    }
    if parts.hostname:
        port = f":{parts.port}" if parts.port else ""
        options["endpoint_url"] = f"{query.get('scheme', 'https')}://{parts.hostname}{port}"
    if parts.username:
        options["access_key"] = unquote(parts.username)
        options["secret_key"] = unquote(parts.password or "")
    if "region" in query:
        options["region_name"] = query["region"]
    if "addressing" in query:
        options["addressing_style"] = query["addressing"]
    return options
