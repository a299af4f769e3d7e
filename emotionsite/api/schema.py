"""The OpenAPI document: what drf-spectacular cannot see by itself.

A view of a team says in its attributes what it reads, filters and refuses (`accounts.api.TeamAPIView`); here
that becomes parameters, headers and answers of its operations.
"""

import inspect
import re
from http import HTTPStatus
from typing import Any

from django import forms
from django_filters import FilterSet
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework.serializers import BaseSerializer, Serializer

from . import parts
from .catalogue import by_status, codes_of
from .query import FIELDS

PREFIX = "/api/v1/"


class ApiKeyScheme(OpenApiAuthenticationExtension):
    """`Authorization: Bearer es_...`."""

    target_class = "accounts.authentication.ApiKeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "es_<id>_<secret>",
            "description": "An API key of your team, made on the page 'API keys'.",
        }


class SessionScheme(OpenApiAuthenticationExtension):
    """The cookie of a signed-in browser."""

    target_class = "rest_framework.authentication.SessionAuthentication"
    name = "session"
    priority = 1

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "The session of a signed-in browser. Requests that change something also need the "
            "CSRF token of the cookie `csrftoken` in the header `X-CSRFToken`.",
        }


class ApiSchema(AutoSchema):
    """Operations of the views of a team; views that belong to no team are described as they are."""

    view: Any

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is None or not self._of_a_team:
            return operation
        operation["tags"] = self._tokenize_path()[:1]
        operation.setdefault("parameters", []).extend(self._common_parameters())
        for status, answer in operation["responses"].items():
            answer["description"] = answer["description"] or HTTPStatus(int(status)).phrase
            answer["headers"] = {**answer.get("headers", {}), **self._headers(status)}
        if self.method == "GET" and self._sends_json(operation["responses"].get("200", {})):
            operation["responses"]["304"] = parts.not_modified()
        for status, codes in by_status(self._codes()).items():
            operation["responses"][str(status)] = parts.problem_answer(status, codes)
        operation["responses"] = dict(sorted(operation["responses"].items()))
        return operation

    def _codes(self) -> set[str]:
        return codes_of(self.view, self.method, addressed="{" in self.path)

    @property
    def _of_a_team(self) -> bool:
        return hasattr(self.view, "problems")

    def is_excluded(self) -> bool:
        return not self.path.startswith(PREFIX) or getattr(self.view, "undocumented", False)

    def get_description(self) -> str:  # type: ignore[override]
        # Of the method alone: the docstring of a view speaks of all its methods.
        text = inspect.getdoc(getattr(self.view, self.method.lower())) or ""
        return re.sub(r"(?<!\n)\n(?!\n)", " ", text)

    def get_override_parameters(self) -> list[Any]:
        return list(self.view.parameters.get(self.method, ())) if self._of_a_team else []

    def get_request_serializer(self) -> Any:
        return None

    def get_response_serializers(self) -> Any:
        if self.method == "DELETE":
            return {204: None}
        reads = getattr(self.view, "reads", None)
        if self.method == "GET" and reads is not None:
            return reads(many=self.view.pagination_class is not None)
        return super().get_response_serializers()

    def _get_filter_parameters(self) -> list[dict[str, Any]]:
        filters = getattr(self.view, "filters", None)
        return filter_parameters(filters) if self.method == "GET" and filters is not None else []

    def _get_pagination_parameters(self) -> list[dict[str, Any]]:
        pages = getattr(self.view, "pagination_class", None)
        return pages().get_schema_operation_parameters(self.view) if self.method == "GET" and pages else []

    def _common_parameters(self) -> list[dict[str, Any]]:
        """Parameters and headers that the frame understands."""
        found: list[dict[str, Any]] = []
        if self.method == "GET" and self.view.reads is not None:
            found.append(fields_parameter(self.view.reads()))
            found.append(parts.reference("parameters", "IfNoneMatch"))
        if self.method == "POST" and self.view.keeps_answers:
            found.append(parts.reference("parameters", "IdempotencyKey"))
        return found

    def _headers(self, status: str) -> dict[str, Any]:
        names = list(parts.HEADERS_OF_ALL)
        if status == "200" and self.method == "GET" and self.view.reads is not None:
            names.append("ETag")
        if self.method == "POST":
            names += ["Location"] if status in {"201", "202"} else []
            names += ["Idempotency-Replayed"] if self.view.keeps_answers else []
        return {name: parts.reference("headers", name) for name in names}

    def _sends_json(self, answer: dict[str, Any]) -> bool:
        sent = answer.get("content", {}).get("application/json")
        # A file of JSON that is sent as it is made has no tag.
        return sent is not None and sent["schema"].get("format") != "binary"


def fields_parameter(serializer: BaseSerializer[Any]) -> dict[str, Any]:
    """`?fields=`, with the names it takes."""
    return {
        "name": FIELDS,
        "in": "query",
        "required": False,
        "description": "Show these fields only. A dot leads inside a field.",
        "style": "form",
        "explode": False,
        "schema": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "enum": list(_names(serializer))},
        },
    }


def _names(serializer: Any, prefix: str = "") -> list[str]:
    found = []
    for name, field in serializer.fields.items():
        found.append(prefix + name)
        inner = getattr(field, "child", field)
        if isinstance(inner, Serializer):
            found += _names(inner, f"{prefix}{name}.")
    return found


def filter_parameters(filters: type[FilterSet]) -> list[dict[str, Any]]:
    """One query parameter per filter, with what its form field takes."""
    return [
        {
            "name": name,
            "in": OpenApiParameter.QUERY,
            "required": False,
            "description": str(item.extra.get("help_text", "")),
            "schema": form_field_schema(item.field),
        }
        for name, item in filters.base_filters.items()
    ]


def form_field_schema(field: forms.Field) -> dict[str, Any]:
    """What a field of a form takes, in the words of OpenAPI."""
    if isinstance(field, forms.ChoiceField):
        choices: Any = field.choices
        return {"type": "string", "enum": [value for value, _ in choices if value]}
    # A FloatField is an IntegerField too.
    if isinstance(field, forms.FloatField):
        return {"type": "number", "minimum": field.min_value, "maximum": field.max_value}
    if isinstance(field, forms.IntegerField):
        return {"type": "integer", "minimum": field.min_value, "maximum": field.max_value}
    if isinstance(field, forms.BooleanField | forms.NullBooleanField):
        return {"type": "boolean"}
    if isinstance(field, forms.UUIDField):
        return {"type": "string", "format": "uuid"}
    if isinstance(field, forms.RegexField):
        return {"type": "string", "pattern": field.regex.pattern}
    if isinstance(field, forms.DateTimeField):
        return {"type": "string", "format": "date-time"}
    if isinstance(field, forms.DateField):
        return {"type": "string", "format": "date"}
    schema: dict[str, Any] = {"type": "string"}
    if longest := getattr(field, "max_length", None):
        schema["maxLength"] = longest
    return schema
