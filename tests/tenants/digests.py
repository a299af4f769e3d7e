"""All rows of all tables as one digest: a refusal must not change it."""

from django.apps import apps
from django.db import connection
from django_scopes import scopes_disabled

# When somebody was last seen does not count as a change.
_VOLATILE = {"accounts.apikey": ["last_used_at"], "accounts.user": ["last_login"]}


def snapshot() -> str:
    """The digest of every row of every table of ours, made in the database in one query."""
    with scopes_disabled(), connection.cursor() as cursor:
        cursor.execute(_statement())
        found = dict(cursor.fetchall())
    assert found["media_jobs.media"], "the digest covers real rows"
    return ", ".join(f"{label} {digest}" for label, digest in sorted(found.items()))


def _statement() -> str:
    """Per table its label and the digest of its rows, NULL where there are none."""
    parts = []
    for model in apps.get_models(include_auto_created=True):
        if model.__module__.startswith(("django.contrib", "allauth")):
            continue
        label = model._meta.label_lower
        table = connection.ops.quote_name(model._meta.db_table)
        gone = "".join(f" - '{name}'" for name in _VOLATILE.get(label, []))
        row = f"(to_jsonb(t){gone})::text"
        parts.append(f"SELECT '{label}', md5(string_agg({row}, ',' ORDER BY {row})) FROM {table} t")  # noqa: S608
    return " UNION ALL ".join(parts)
