"""What tests of the dialect share: a program that speaks it."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.test import Client

BASE = "/face/v1.0"
JSON, BYTES = "application/json", "application/octet-stream"


@dataclass
class Program:
    """A program with a key. Paths begin after `/face/v1.0`."""

    key: str

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content: bytes | None = None,
        kind: str = "",
        base: str = BASE,
        headers: dict[str, str] | None = None,
        **query: Any,
    ) -> Any:
        """The answer to a request. body: sent as JSON; content: sent as it is, of the media type `kind`."""
        address = f"{base}{path}" + (f"?{urlencode(query)}" if query else "")
        data = content if content is not None else b"" if body is None else json.dumps(body).encode()
        return Client().generic(
            method,
            address,
            data,
            content_type=kind or (BYTES if content is not None else JSON),
            headers={"Ocp-Apim-Subscription-Key": self.key, **(headers or {})},
        )

    def get(self, path: str, **query: Any) -> Any:
        return self.send("GET", path, **query)

    def put(self, path: str, body: Any) -> Any:
        return self.send("PUT", path, body)

    def patch(self, path: str, body: Any) -> Any:
        return self.send("PATCH", path, body)

    def post(self, path: str, body: Any = None, **query: Any) -> Any:
        return self.send("POST", path, body, **query)

    def picture(self, path: str, content: bytes, **query: Any) -> Any:
        """POST of a picture's bytes."""
        return self.send("POST", path, content=content, **query)

    def delete(self, path: str) -> Any:
        return self.send("DELETE", path)


def error_of(answer: Any) -> tuple[int, str]:
    """(status, code) of an error, whose envelope is looked at."""
    assert answer["Content-Type"] == "application/json"
    body = answer.json()
    assert set(body) == {"error"}
    assert {"code", "message"} <= set(body["error"])
    return answer.status_code, body["error"]["code"]
