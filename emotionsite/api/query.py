"""Query parameters: a misspelt one is refused, because leaving it out would answer another question."""

from collections.abc import Collection, Iterable
from typing import Any

from rest_framework.permissions import SAFE_METHODS

from .refusals import refuse

FIELDS = "fields"


def names_of(view: Any, method: str) -> set[str]:
    """The query parameters that a view knows for a method."""
    reading = method in SAFE_METHODS
    parameters = view.parameters.get("GET" if reading else method, ())
    names = {parameter.name for parameter in parameters if parameter.location == "query"}
    if reading and view.reads is not None:
        names.add(FIELDS)
    if reading and view.filters is not None:
        names |= set(view.filters.base_filters)
    if reading and view.pagination_class is not None:
        names |= {view.pagination_class.cursor_query_param, view.pagination_class.page_size_query_param}
    return names


def check_names(query: Iterable[str], *, known: Collection[str]) -> None:
    """Raises Refusal `parameter_unknown` that names those of `query` which are not known."""
    unknown = sorted(set(query) - set(known))
    if unknown:
        names = ", ".join(f"'{name[:80]}'" for name in unknown[:10])
        raise refuse("parameter_unknown", names=names, known=", ".join(sorted(known)) or "none")
