"""Leave the count of a team's bytes alone where an update changes none.

Rows of videos are written all the time: signs of life, progress, states. Each of these would lock the row that
counts what the team uses, which everybody locks last.
"""

from django.db import migrations

COUNT = """
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE before text := coalesce(current_setting('emotionsite.across', true), 'off');
BEGIN
    PERFORM set_config('emotionsite.across', 'on', true);
    IF TG_OP = 'INSERT' THEN
        UPDATE accounts_teamusage AS usage SET stored_bytes = usage.stored_bytes + changed.number
        FROM (SELECT team_id, sum({column}) AS number FROM new_rows GROUP BY team_id) AS changed
        WHERE usage.team_id = changed.team_id AND changed.number <> 0;
    ELSIF TG_OP = 'DELETE' THEN
        UPDATE accounts_teamusage AS usage SET stored_bytes = usage.stored_bytes - changed.number
        FROM (SELECT team_id, sum({column}) AS number FROM old_rows GROUP BY team_id) AS changed
        WHERE usage.team_id = changed.team_id AND changed.number <> 0;
    ELSE
        UPDATE accounts_teamusage AS usage SET stored_bytes = usage.stored_bytes + changed.number
        FROM (
            SELECT team_id, sum(number) AS number
            FROM (
                SELECT team_id, {column} AS number FROM new_rows
                UNION ALL
                SELECT team_id, -{column} FROM old_rows
            ) AS both_rows
            GROUP BY team_id
            HAVING sum(number) <> 0
        ) AS changed
        WHERE usage.team_id = changed.team_id;
    END IF;
    PERFORM set_config('emotionsite.across', before, true);
    RETURN NULL;
END $$;
"""
# As it was: the row is written with every update.
COUNT_ALWAYS = """
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE before text := coalesce(current_setting('emotionsite.across', true), 'off');
BEGIN
    PERFORM set_config('emotionsite.across', 'on', true);
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        UPDATE accounts_teamusage AS usage SET stored_bytes = usage.stored_bytes + changed.number
        FROM (SELECT team_id, sum({column}) AS number FROM new_rows GROUP BY team_id) AS changed
        WHERE usage.team_id = changed.team_id;
    END IF;
    IF TG_OP IN ('DELETE', 'UPDATE') THEN
        UPDATE accounts_teamusage AS usage SET stored_bytes = usage.stored_bytes - changed.number
        FROM (SELECT team_id, sum({column}) AS number FROM old_rows GROUP BY team_id) AS changed
        WHERE usage.team_id = changed.team_id;
    END IF;
    PERFORM set_config('emotionsite.across', before, true);
    RETURN NULL;
END $$;
"""
COLUMNS = {"media_jobs_count_bytes": "stored_bytes", "media_jobs_count_received": "received"}


def _for_both(template: str) -> str:
    return "".join(template.format(function=name, column=column) for name, column in COLUMNS.items())


class Migration(migrations.Migration):
    dependencies = [("media_jobs", "0007_index_videos_for_retention")]

    operations = [migrations.RunSQL(_for_both(COUNT), _for_both(COUNT_ALWAYS))]
