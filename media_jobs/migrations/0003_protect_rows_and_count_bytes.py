"""The fence between teams, and the count of stored bytes."""

from django.db import migrations

from accounts.row_security import ProtectRows

COUNT = """
UPDATE media_jobs_media SET stored_bytes = size WHERE stored_bytes = 0;

CREATE FUNCTION media_jobs_count_bytes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE before text := coalesce(current_setting('emotionsite.across', true), 'off');
BEGIN
    PERFORM set_config('emotionsite.across', 'on', true);
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        UPDATE accounts_teamusage AS usage SET stored_bytes = usage.stored_bytes + changed.number
        FROM (SELECT team_id, sum(stored_bytes) AS number FROM new_rows GROUP BY team_id) AS changed
        WHERE usage.team_id = changed.team_id;
    END IF;
    IF TG_OP IN ('DELETE', 'UPDATE') THEN
        UPDATE accounts_teamusage AS usage SET stored_bytes = usage.stored_bytes - changed.number
        FROM (SELECT team_id, sum(stored_bytes) AS number FROM old_rows GROUP BY team_id) AS changed
        WHERE usage.team_id = changed.team_id;
    END IF;
    PERFORM set_config('emotionsite.across', before, true);
    RETURN NULL;
END $$;

CREATE TRIGGER media_jobs_count_new_bytes AFTER INSERT ON media_jobs_media
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION media_jobs_count_bytes();
CREATE TRIGGER media_jobs_count_changed_bytes AFTER UPDATE ON media_jobs_media
    REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION media_jobs_count_bytes();
CREATE TRIGGER media_jobs_count_gone_bytes AFTER DELETE ON media_jobs_media
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION media_jobs_count_bytes();

UPDATE accounts_teamusage AS usage SET stored_bytes = known.number
FROM (SELECT team_id, sum(stored_bytes) AS number FROM media_jobs_media GROUP BY team_id) AS known
WHERE usage.team_id = known.team_id;
"""
NO_COUNT = """
DROP TRIGGER media_jobs_count_new_bytes ON media_jobs_media;
DROP TRIGGER media_jobs_count_changed_bytes ON media_jobs_media;
DROP TRIGGER media_jobs_count_gone_bytes ON media_jobs_media;
DROP FUNCTION media_jobs_count_bytes();
"""
# The table of counts is behind the fence already.
OPEN = "SELECT set_config('emotionsite.across', 'on', true)"


class Migration(migrations.Migration):
    dependencies = [
        ("media_jobs", "0002_add_batches_webhooks_removals"),
        ("accounts", "0003_protect_rows_and_audit"),
    ]

    operations = [
        migrations.RunSQL(OPEN, OPEN),
        migrations.RunSQL(COUNT, NO_COUNT),
        ProtectRows(
            "media_jobs_media",
            "media_jobs_job",
            "media_jobs_jobitem",
            "media_jobs_releasedfile",
            "media_jobs_webhook",
            "media_jobs_webhookdelivery",
            "media_jobs_webhookattempt",
            "media_jobs_export",
            "media_jobs_removal",
        ),
    ]
