"""Lists by id, from the one after `start` on."""

from typing import TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet, TextField
from django.db.models.functions import Cast, Collate

Row = TypeVar("Row", bound=Model)


def page_of_ids(rows: QuerySet[Row], start: str, top: int) -> QuerySet[Row]:
    """At most `top` rows whose id, as text, comes after `start`.

    An id is compared as such, by the index. Programs also send '0' or another text to begin at the beginning.
    """
    ordered = rows.order_by("id")
    if not start:
        return ordered[:top]
    try:
        return ordered.filter(id__gt=UUID(start))[:top]
    except ValueError:
        return ordered.annotate(as_text=Collate(Cast("id", TextField()), "C")).filter(
            as_text__gt=start.lower()
        )[:top]
