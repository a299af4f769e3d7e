"""The fence between teams for videos, and the count of their stored bytes."""

from django.db import migrations

from accounts.row_security import ProtectRows

TABLES = ("media_jobs_video", "media_jobs_videopreview", "media_jobs_videoupload")
TRIGGERS = """
CREATE TRIGGER {table}_new_bytes AFTER INSERT ON {table}
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION {function}();
CREATE TRIGGER {table}_changed_bytes AFTER UPDATE ON {table}
    REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION {function}();
CREATE TRIGGER {table}_gone_bytes AFTER DELETE ON {table}
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION {function}();
"""
NO_TRIGGERS = """
DROP TRIGGER {table}_new_bytes ON {table};
DROP TRIGGER {table}_changed_bytes ON {table};
DROP TRIGGER {table}_gone_bytes ON {table};
"""
# As `media_jobs_count_bytes`, by the column that an upload has.
FUNCTION = """
CREATE FUNCTION media_jobs_count_received() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE before text := coalesce(current_setting('emotionsite.across', true), 'off');
BEGIN
    PERFORM set_config('emotionsite.across', 'on', true);
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        UPDATE accounts_teamusage AS usage SET stored_bytes = usage.stored_bytes + changed.number
        FROM (SELECT team_id, sum(received) AS number FROM new_rows GROUP BY team_id) AS changed
        WHERE usage.team_id = changed.team_id;
    END IF;
    IF TG_OP IN ('DELETE', 'UPDATE') THEN
        UPDATE accounts_teamusage AS usage SET stored_bytes = usage.stored_bytes - changed.number
        FROM (SELECT team_id, sum(received) AS number FROM old_rows GROUP BY team_id) AS changed
        WHERE usage.team_id = changed.team_id;
    END IF;
    PERFORM set_config('emotionsite.across', before, true);
    RETURN NULL;
END $$;
"""


def _function_of(table: str) -> str:
    return "media_jobs_count_received" if table.endswith("upload") else "media_jobs_count_bytes"


COUNT = FUNCTION + "".join(TRIGGERS.format(table=one, function=_function_of(one)) for one in TABLES)
NO_COUNT = "".join(NO_TRIGGERS.format(table=one) for one in TABLES) + (
    "DROP FUNCTION media_jobs_count_received();"
)


class Migration(migrations.Migration):
    dependencies = [("media_jobs", "0005_add_videos")]

    operations = [
        migrations.RunSQL(COUNT, NO_COUNT),
        ProtectRows(*TABLES, "media_jobs_videochunk"),
    ]
