"""Django's ASGI handler for clients that stream without announcing a length."""

import io
from collections.abc import Mapping
from typing import IO, Any

from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.http.response import HttpResponseBase


class StreamedBodyHandler(ASGIHandler):
    """Tells Django how long a chunked body was.

    Django reads the whole body before it makes the request, but its multipart parser goes by the header
    Content-Length and takes a body without one for empty. Official clients of the Face API send just that.
    """

    def create_request(
        self, scope: Mapping[str, Any], body_file: IO[bytes]
    ) -> tuple[ASGIRequest, None] | tuple[None, HttpResponseBase]:
        headers = scope["headers"]
        if not any(name == b"content-length" for name, _ in headers):
            length = body_file.seek(0, io.SEEK_END)
            body_file.seek(0)
            if length:
                scope = {**scope, "headers": [*headers, (b"content-length", str(length).encode())]}
        return super().create_request(scope, body_file)
