"""Rows of the table of all routes, and the answer that each caller must get."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

# Callers of every row. `other` owns another team, `other_key` is that team's key with all scopes; `read`,
# `analyze` and `manage` are keys of the first team with that one scope.
MEMBERS = ("viewer", "analyst", "admin", "owner")
KEYS = ("read", "analyze", "manage")
STRANGERS = ("other", "other_key")
CALLERS = ("visitor", *MEMBERS, "other", *KEYS, "other_key")

# Written out here and not taken from accounts.access, so that a change there is noticed.
RIGHTS: Mapping[str, frozenset[str]] = {
    "viewer": frozenset({"read"}),
    "analyst": frozenset({"read", "analyze"}),
    "admin": frozenset({"read", "analyze", "manage"}),
    "owner": frozenset({"read", "analyze", "manage", "owner"}),
    "other": frozenset({"read", "analyze", "manage", "owner"}),
    "read": frozenset({"read"}),
    "analyze": frozenset({"analyze"}),
    "manage": frozenset({"manage"}),
    "other_key": frozenset({"read", "analyze", "manage"}),
}

#: The ways in: pages know sessions, Face API knows keys, and the native API knows both.
Door = Literal["page", "api", "face"]
KNOWN_AT: Mapping[Door, frozenset[str]] = {
    "page": frozenset({*MEMBERS, "other"}),
    "api": frozenset(CALLERS) - {"visitor"},
    "face": frozenset({*KEYS, "other_key"}),
}
#: What everybody else gets there: at pages they are sent to sign in.
UNKNOWN: Mapping[Door, int] = {"page": 302, "api": 401, "face": 401}


@dataclass(frozen=True)
class Row:
    """`needs` is read, analyze, manage or owner; `ok` the answer to who has it, `other` to another team that
    has it in its own: 404 for an object, and for a list its own, which must show nothing of the first.

    `special` overrides the answer to single callers, for a reason that stands beside the row. `about` tells
    rows of one method and route apart that send different bodies.
    """

    method: str
    route: str
    needs: str
    ok: int
    other: int
    door: Door
    special: Mapping[str, int] = field(default_factory=dict)
    about: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.route} {self.about}".rstrip()

    def expected(self, caller: str) -> int:
        """The status that `caller` must get."""
        if caller in self.special:
            return self.special[caller]
        if caller not in KNOWN_AT[self.door]:
            return UNKNOWN[self.door]
        if self.needs not in RIGHTS[caller]:
            return 403
        return self.other if caller in STRANGERS else self.ok


def page(
    method: str,
    route: str,
    needs: str,
    ok: int = 200,
    other: int = 404,
    special: Mapping[str, int] | None = None,
) -> Row:
    """A page: visitors and keys are sent to sign in."""
    return Row(method, route, needs, ok, other, door="page", special=special or {})


def api(
    method: str,
    route: str,
    needs: str,
    ok: int = 200,
    other: int = 404,
    special: Mapping[str, int] | None = None,
) -> Row:
    """A route of the API: 401 without a key, 403 without the right, both as problem+json."""
    return Row(method, route, needs, ok, other, door="api", special=special or {})


def face(method: str, route: str, needs: str, ok: int = 200, other: int = 404, about: str = "") -> Row:
    """An operation of Face API: 401 for whoever sends no key, signed in or not, and errors in its form."""
    return Row(method, route, needs, ok, other, door="face", about=about)
