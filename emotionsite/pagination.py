"""Pages of lists in the API."""

import re
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError as FieldError
from django.utils import timezone
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.views import APIView

from .api.refusals import refuse

_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


class NewestFirst(CursorPagination):
    """Cursor pages: stable while rows arrive, and as fast on page 1,000 as on page 1.

    A cursor or a page size that cannot be is refused rather than taken for another one.
    """

    ordering: tuple[str, ...] = ("-created_at", "-id")
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    cursor_query_description = "Where to go on: from `next` or `previous` of another page."
    page_size_query_description = "Entries of a page."

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any] | None:
        fields = queryset.model._meta  # noqa: SLF001 - as Django documents it
        self._sorted_by = fields.get_field(self.ordering[0].removeprefix("-"))
        return super().paginate_queryset(queryset, request, view)

    def get_page_size(self, request: Request) -> int:
        text = request.query_params.get(self.page_size_query_param)
        if text is None:
            return self.page_size
        # Not int(): it takes signs, blanks, underscores and the digits of every script.
        if not (text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= self.max_page_size):
            raise ValidationError({"page_size": [f"Send a whole number from 1 to {self.max_page_size}."]})
        return int(text)

    def decode_cursor(self, request: Request) -> Cursor | None:
        text = request.query_params.get(self.cursor_query_param)
        if text is None:
            return None
        # Python's decoder would leave out what is not base64.
        if not _BASE64.fullmatch(text):
            raise refuse("cursor_invalid")
        try:
            cursor = super().decode_cursor(request)
            if cursor is not None and cursor.position is not None:
                position = self._sorted_by.to_python(cursor.position)
                if isinstance(position, datetime) and timezone.is_naive(position):
                    raise ValueError("a position without a time zone")
        except (NotFound, FieldError, ValueError) as error:
            raise refuse("cursor_invalid") from error
        return cursor

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        address = "http://127.0.0.1:8000/api/v1/...?cursor=cD0yMDI2LTExLTIy"
        page = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {
                "next": {**page, "description": "Address of the page after this one.", "example": address},
                "previous": {**page, "description": "Address of the page before.", "example": None},
                "results": schema,
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        size = {"type": "integer", "minimum": 1, "maximum": self.max_page_size, "default": self.page_size}
        return [
            {
                "name": self.cursor_query_param,
                "in": "query",
                "required": False,
                "description": str(self.cursor_query_description),
                "schema": {"type": "string"},
            },
            {
                "name": self.page_size_query_param,
                "in": "query",
                "required": False,
                "description": str(self.page_size_query_description),
                "schema": size,
            },
        ]
