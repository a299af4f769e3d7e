"""Reading the bodies of requests."""

import io
from typing import Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, JSONParser

from .refusals import refuse


class BoundedJSONParser(BaseParser):
    """JSON of a size that fits the purpose, refused when it is nested too deeply or in a strange charset.

    Not derived from DRF's parser: DRF hands that one a body which Django has cut off at
    DATA_UPLOAD_MAX_MEMORY_SIZE, whatever the view takes.
    """

    media_type = "application/json"

    @property
    def most(self) -> int:
        """Bytes that a body may have."""
        return settings.DATA_UPLOAD_MAX_MEMORY_SIZE

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        content = stream.read(self.most + 1)
        if len(content) > self.most:
            raise refuse("body_too_large", limit=f"{self.most / 1024**2:g}")
        try:
            return JSONParser().parse(io.BytesIO(content), media_type, parser_context)
        except RecursionError as error:
            raise ParseError("The JSON is nested too deeply. Send a flatter object.") from error
        except (LookupError, TypeError, AssertionError) as error:
            raise ParseError("The charset of this body cannot be read. Send UTF-8.") from error


class LongJSONParser(BoundedJSONParser):
    """JSON as long as a file may be: ten thousand addresses take megabytes."""

    @property
    def most(self) -> int:
        return settings.MAX_UPLOAD_BYTES
