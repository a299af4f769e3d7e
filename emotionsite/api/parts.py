"""Parts of the OpenAPI document that many operations share: the problem, headers, parameters, examples."""

from http import HTTPStatus
from typing import Any

from emotionsite.problems import CONTENT_TYPE

from .catalogue import ERRORS, example_of

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "An error (RFC 9457). `code` is for programs and stays, `detail` is for people.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string", "enum": ["about:blank"]},
        "title": {"type": "string", "description": "The name of the HTTP status."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "code": {"type": "string"},
        "detail": {"type": "string", "description": "What is wrong and what to do next."},
        "request_id": {"type": "string", "nullable": True, "description": "To be found in the log."},
        "errors": {
            "description": "With code `invalid`: what is wrong with each field or parameter.",
            "anyOf": [
                {"type": "object", "additionalProperties": True},
                {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "object"}]}},
            ],
        },
    },
}
_WHOLE = {"type": "integer", "minimum": 0}
HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-ID": {
        "description": "Names this request in the server's log; the client's own when it sent one.",
        "required": True,
        "schema": {"type": "string"},
    },
    "RateLimit-Limit": {"description": "Requests of the team in a minute.", "schema": _WHOLE},
    "RateLimit-Remaining": {"description": "How many of them are left.", "schema": _WHOLE},
    "RateLimit-Reset": {"description": "Seconds until one more is free.", "schema": _WHOLE},
    "Retry-After": {"description": "Seconds after which to try again.", "schema": _WHOLE},
    "ETag": {
        "description": "Stands for exactly these bytes; send it in `If-None-Match`.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Location": {
        "description": "Address of what was made.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Idempotency-Replayed": {
        "description": "`true` when this is the kept answer to a request that came before.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "WWW-Authenticate": {
        "description": "How to say who is asking.",
        "required": True,
        "schema": {"type": "string"},
    },
}
HEADERS_OF_ALL = ("X-Request-ID", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
_HEADERS_OF_STATUS = {
    401: ("WWW-Authenticate",),
    409: ("Retry-After",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
PARAMETERS: dict[str, dict[str, Any]] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "A new value of your own, such as a UUID, for each thing you want done. A repetition "
        "with the same value is not carried out again and gets the first answer, for 24 hours.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": "The `ETag` of what you have; while it is still the same, 304 comes without a body.",
        "schema": {"type": "string", "pattern": "^[!-~]+$"},
    },
}


def reference(kind: str, name: str) -> dict[str, str]:
    """A pointer to a shared part."""
    return {"$ref": f"#/components/{kind}/{name}"}


def not_modified() -> dict[str, Any]:
    """The answer to a caller who has it already."""
    names = ("ETag", *HEADERS_OF_ALL)
    return {
        "description": "What you have is still the same.",
        "headers": {name: reference("headers", name) for name in names},
    }


def problem_answer(status: int, codes: list[str]) -> dict[str, Any]:
    """The answer with this status: a problem whose code is one of `codes`, with an example of each."""
    names = (*HEADERS_OF_ALL[: 1 if status in {401, 503} else None], *_HEADERS_OF_STATUS.get(status, ()))
    return {
        "description": HTTPStatus(status).phrase,
        "headers": {name: reference("headers", name) for name in names},
        "content": {
            CONTENT_TYPE: {
                "schema": {
                    "allOf": [
                        reference("schemas", "Problem"),
                        {
                            "type": "object",
                            "properties": {
                                "status": {"type": "integer", "enum": [status]},
                                "code": {"type": "string", "enum": codes},
                            },
                        },
                    ]
                },
                "examples": {code: reference("examples", code) for code in codes},
            }
        },
    }


def share(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """drf-spectacular's last step: put the shared parts into the document, and share equal error answers."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    components["headers"] = HEADERS
    components["parameters"] = PARAMETERS
    components["responses"] = _share_problems(result)
    used = {code for answer in _problems(result) for code in answer["content"][CONTENT_TYPE]["examples"]}
    components["examples"] = {
        code: {"summary": ERRORS[code][1].partition(".")[0][:80], "value": example_of(code)}
        for code in sorted(used)
    }
    for operation in _operations(result):
        _loosen(result, operation)
    _allow_null(components["schemas"])
    return result


def _operations(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in result["paths"].values() for operation in path.values()]


def _problems(result: dict[str, Any]) -> list[dict[str, Any]]:
    answers = [answer for operation in _operations(result) for answer in operation["responses"].values()]
    answers += result["components"]["responses"].values()
    return [answer for answer in answers if CONTENT_TYPE in answer.get("content", {})]


def _share_problems(result: dict[str, Any]) -> dict[str, Any]:
    """Take error answers that stand in several operations out of them, under the name of status and codes."""
    places: dict[str, list[tuple[dict[str, Any], str]]] = {}
    answers: dict[str, Any] = {}
    for operation in _operations(result):
        for status, answer in operation["responses"].items():
            if CONTENT_TYPE in answer.get("content", {}):
                name = "-".join([status, *answer["content"][CONTENT_TYPE]["examples"]])
                places.setdefault(name, []).append((operation["responses"], status))
                answers[name] = answer
    shared = {name: answers[name] for name in sorted(places) if len(places[name]) > 1}
    for name in shared:
        for responses, status in places[name]:
            responses[status] = reference("responses", name)
    return shared


def _allow_null(schema: Any) -> None:
    """Let nullable objects be null, which `nullable` beside `allOf` does not do in OpenAPI 3.0.3."""
    if isinstance(schema, list):
        for item in schema:
            _allow_null(item)
    elif isinstance(schema, dict):
        if schema.get("nullable") and "allOf" in schema:
            schema["oneOf"] = [*schema.pop("allOf"), {"enum": [None]}]
        for value in schema.values():
            _allow_null(value)


def _loosen(result: dict[str, Any], operation: dict[str, Any]) -> None:
    """With `?fields=` no field of an answer is sure to be there, so none is called required."""
    if any(parameter.get("name") == "fields" for parameter in operation.get("parameters", [])):
        content = operation["responses"]["200"]["content"]["application/json"]
        _loosen_schema(result["components"]["schemas"], content["schema"])


def _loosen_schema(schemas: dict[str, Any], schema: Any) -> None:
    if isinstance(schema, list):
        for item in schema:
            _loosen_schema(schemas, item)
    if not isinstance(schema, dict):
        return
    if target := schema.get("$ref"):
        component = schemas[target.rsplit("/", 1)[1]]
        if "results" in component.get("properties", {}):
            _loosen_schema(schemas, component["properties"]["results"])
            return
        component.pop("required", None)
        _loosen_schema(schemas, component.get("properties", {}))
        return
    for value in schema.values():
        _loosen_schema(schemas, value)
