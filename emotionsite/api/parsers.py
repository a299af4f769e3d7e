"""Reading the bodies of requests."""

from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class BoundedJSONParser(JSONParser):
    """JSON, refused instead of failing when it is nested deeper than Python goes or in a strange charset."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            return super().parse(stream, media_type=media_type, parser_context=parser_context)
        except RecursionError as error:
            raise ParseError("The JSON is nested too deeply. Send a flatter object.") from error
        except (LookupError, TypeError, AssertionError) as error:
            raise ParseError("The charset of this body cannot be read. Send UTF-8.") from error
