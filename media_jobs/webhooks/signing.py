"""Signatures in the form of Standard Webhooks (https://www.standardwebhooks.com), symmetric, version 1."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

PREFIX = "whsec_"
SECRET_BYTES = 32


def secret_new() -> str:
    """A new secret: `whsec_` and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def in_order(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A payload as its readers expect it; the database keeps names in an order of its own."""
    return {name: payload[name] for name in ("type", "timestamp", "data")}


def body_of(payload: Mapping[str, Any]) -> bytes:
    """The bytes that are sent and signed."""
    return json.dumps(in_order(payload), separators=(",", ":"), ensure_ascii=False).encode()


def signature(*, secret: str, event_id: str, moment: datetime, body: bytes) -> str:
    """`v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    text = f"{event_id}.{int(moment.timestamp())}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()


def signed_headers(
    *, secrets_in_use: Iterable[str], event_id: str, moment: datetime, body: bytes
) -> dict[str, str]:
    """The three headers, with one signature per secret: a receiver looks for one it knows."""
    signatures = [
        signature(secret=secret, event_id=event_id, moment=moment, body=body) for secret in secrets_in_use
    ]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
