"""Sparse answers: `?fields=id,faces.number` shows these fields and no other."""

from typing import Any

from rest_framework.serializers import BaseSerializer, Serializer

from .refusals import refuse

#: What was asked for: names with what was asked for inside of them; nothing inside means all of it.
Fields = dict[str, Any]


def parse_fields(text: str, serializer: BaseSerializer[Any]) -> Fields:
    """The tree of the names in `text`. Raises Refusal `fields_unknown` with those that `serializer` lacks."""
    names = [name for part in text.split(",") if (name := part.strip())]
    unknown = sorted({name for name in names if not _has(serializer, name.split("."))})
    if unknown or not names:
        quoted = ", ".join(f"'{name[:80]}'" for name in unknown[:10]) or "''"
        raise refuse("fields_unknown", names=quoted, known=", ".join(_inside(serializer)))
    tree: Fields = {}
    whole = {name for name in names if "." not in name}
    for name in names:
        head, _, rest = name.partition(".")
        branch = tree.setdefault(head, {})
        # Who asks for `faces` and for `faces.id` gets the whole.
        if rest and head not in whole:
            branch[rest] = {}
    return tree


def only(serializer: BaseSerializer[Any], fields: Fields | None) -> BaseSerializer[Any]:
    """Take the fields nobody asked for out of a serializer, so that they are not even computed."""
    target = getattr(serializer, "child", serializer)
    if fields is not None and isinstance(target, Serializer):
        for name in set(target.fields) - set(fields):
            target.fields.pop(name)
        for name, inside in fields.items():
            if inside:
                only(target.fields[name], inside)  # type: ignore[arg-type]
    return serializer


def _inside(field: Any) -> list[str]:
    """Names of the fields inside of a serializer, or of a list of them; none for a plain field."""
    target = getattr(field, "child", field)
    return list(target.fields) if isinstance(target, Serializer) else []


def _has(field: Any, path: list[str]) -> bool:
    if path[0] not in _inside(field):
        return False
    inner = getattr(field, "child", field).fields[path[0]]
    return len(path) == 1 or (len(path) == 2 and _has(inner, path[1:]))
