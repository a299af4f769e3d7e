"""Lists by id, from the one after `start` on."""

from typing import TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet

Row = TypeVar("Row", bound=Model)

HEX = "0123456789abcdef"
#: Where an id that is written out has its dashes.
DASHES = (8, 13, 18, 23)
LENGTH = 36


def page_of_ids(rows: QuerySet[Row], start: str, top: int) -> QuerySet[Row]:
    """At most `top` rows whose id, as text, comes after `start` in the order of bytes, by their index.

    Programs also send '0' or another text to begin at the beginning.
    """
    ordered = rows.order_by("id")
    return (ordered.filter(ids_after(start)) if start else ordered)[:top]


def ids_after(start: str) -> Q:
    """The condition that an id, written in lower case, comes after a text, as one about the id itself.

    Written out, ids are in the order in which the database keeps them, so there is a least or a greatest id
    for each text.
    """
    text = start.lower()
    for place, letter in enumerate(text[:LENGTH]):
        possible = "-" if place in DASHES else HEX
        if letter in possible:
            continue
        begin = text[:place]
        following = next((other for other in possible if other > letter), None)
        if following is None:
            # Nothing that begins like this comes after the text.
            return Q(id__gt=_filled(begin, "f"))
        return Q(id__gte=_filled(begin + following, "0"))
    return Q(id__gte=_filled(text, "0")) if len(text) < LENGTH else Q(id__gt=UUID(text[:LENGTH]))


def _filled(begin: str, digit: str) -> UUID:
    """The id that begins with `begin` and goes on with one digit."""
    digits = begin.replace("-", "")
    return UUID(digits.ljust(32, digit))
