"""The one table of all routes: what each role, each key and the other team get.

A route that is not in here fails the build. A row says which right its route needs; `expected` turns that
into an answer for every caller, and `test_table` asks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

# Callers of every row. `other` owns another team, `other_key` is that team's key with all scopes; `read`,
# `analyze` and `manage` are keys of the first team with that one scope.
MEMBERS = ("viewer", "analyst", "admin", "owner")
KEYS = ("read", "analyze", "manage")
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


@dataclass(frozen=True)
class Row:
    """`needs` is read, analyze, manage or owner; `ok` the answer to who has it, `other` to another team that
    has it in its own: 404 for an object, and for a list its own, which must show nothing of the first.

    `special` overrides the answer to single callers, for a reason that stands beside the row.
    """

    method: str
    route: str
    needs: str
    ok: int
    other: int
    api: bool
    special: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.route}"

    def expected(self, caller: str) -> int:
        """The status that `caller` must get."""
        if caller in self.special:
            return self.special[caller]
        # Pages know no keys: a key is a visitor there, and sent to sign in.
        if caller == "visitor" or (not self.api and caller in {*KEYS, "other_key"}):
            return 401 if self.api else 302
        if self.needs not in RIGHTS[caller]:
            return 403
        return self.other if caller in {"other", "other_key"} else self.ok


def page(
    method: str,
    route: str,
    needs: str,
    ok: int = 200,
    other: int = 404,
    special: Mapping[str, int] | None = None,
) -> Row:
    """A page: visitors and keys are sent to sign in."""
    return Row(method, route, needs, ok, other, api=False, special=special or {})


def api(
    method: str,
    route: str,
    needs: str,
    ok: int = 200,
    other: int = 404,
    special: Mapping[str, int] | None = None,
) -> Row:
    """A route of the API: 401 without a key, 403 without the right, both as problem+json."""
    return Row(method, route, needs, ok, other, api=True, special=special or {})


TABLE = [
    # --- Photos ---------------------------------------------------------------------------------
    page("GET", "photo_list", "read", other=200),
    page("POST", "photo_upload", "analyze", ok=202, other=202),
    page("GET", "photo_states", "read", other=200),
    page("GET", "photo_detail", "read"),
    page("POST", "photo_delete", "analyze", ok=302),
    page("GET", "photo_file", "read"),
    api("GET", "api_media_list", "read", other=200),
    api("POST", "api_media_list", "analyze", ok=202, other=202),
    api("GET", "api_media", "read"),
    api("DELETE", "api_media", "analyze", ok=204),
    api("GET", "api_media_file", "read"),
    api("GET", "api_job_list", "read", other=200),
    api("GET", "api_job", "read"),
]

# Routes that show nothing of any team, each with why.
NO_TEAM = {
    "home": "the same page for every visitor; members are sent on",
    "healthz": "says that the process lives",
    "readyz": "names of parts and whether they work",
    "account_signup": "django-allauth",
    "account_login": "django-allauth",
    "account_logout": "django-allauth",
    "account_inactive": "django-allauth",
    "account_reauthenticate": "django-allauth, the caller's own password",
    "account_email_verification_sent": "django-allauth",
    "account_confirm_email": "django-allauth, by a signed key",
    "account_change_password": "django-allauth, the caller's own password",
    "account_reset_password": "django-allauth",
    "account_reset_password_done": "django-allauth",
    "account_reset_password_from_key": "django-allauth, by a signed key",
    "account_reset_password_from_key_done": "django-allauth",
}

# Celery tasks that work inside the team their argument names, and those of no team, each with why.
TEAM_TASKS = {"media_jobs.tasks.analyze_chunk"}
TASKS_ACROSS_TEAMS = {
    "media_jobs.tasks.send_forgotten_chunks": "sends what the broker lost, by id, back into its own team",
    "media_jobs.tasks.erase_released_files": "erases files that no row points at any more",
}
