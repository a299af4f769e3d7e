"""Examples of bodies, written beside the serializers that they are examples of."""

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.drainage import get_override
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework.serializers import BaseSerializer

Class = TypeVar("Class", bound=type[BaseSerializer[Any]])
MEDIA_TYPES = ("application/json", "multipart/form-data")


class _Example:
    """`@example({...})` on a serializer: what a body of it looks like, in requests and in answers.

    `statuses` are those of the answers it is shown with; without any, all that succeed.
    """

    def __call__(self, value: Any, *statuses: int) -> Callable[[Class], Class]:
        codes = [str(status) for status in statuses or (200, 201, 202)]
        shown = [
            OpenApiExample("example", value=value, media_type=media_type, status_codes=codes)
            for media_type in MEDIA_TYPES
        ]

        def decorate(serializer: Class) -> Class:
            extend_schema_serializer(examples=shown)(serializer)
            return serializer

        return decorate

    def of(self, serializer: type[BaseSerializer[Any]]) -> Any:
        """The example of another serializer, to be put into one that holds it."""
        return get_override(serializer, "examples")[0].value


example = _Example()
