"""The fence between teams, and the count of stored faces."""

from django.db import migrations

from accounts.row_security import ProtectRows

COUNT = """
CREATE FUNCTION analysis_count_faces() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE before text := coalesce(current_setting('emotionsite.across', true), 'off');
BEGIN
    PERFORM set_config('emotionsite.across', 'on', true);
    IF TG_OP = 'INSERT' THEN
        UPDATE accounts_teamusage AS usage SET stored_faces = usage.stored_faces + changed.number
        FROM (SELECT team_id, count(*) AS number FROM new_rows GROUP BY team_id) AS changed
        WHERE usage.team_id = changed.team_id;
    ELSE
        UPDATE accounts_teamusage AS usage SET stored_faces = usage.stored_faces - changed.number
        FROM (SELECT team_id, count(*) AS number FROM old_rows GROUP BY team_id) AS changed
        WHERE usage.team_id = changed.team_id;
    END IF;
    PERFORM set_config('emotionsite.across', before, true);
    RETURN NULL;
END $$;

CREATE TRIGGER analysis_count_new_faces AFTER INSERT ON analysis_face
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION analysis_count_faces();
CREATE TRIGGER analysis_count_gone_faces AFTER DELETE ON analysis_face
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION analysis_count_faces();

UPDATE accounts_teamusage AS usage SET stored_faces = known.number
FROM (SELECT team_id, count(*) AS number FROM analysis_face GROUP BY team_id) AS known
WHERE usage.team_id = known.team_id;
"""
NO_COUNT = """
DROP TRIGGER analysis_count_new_faces ON analysis_face;
DROP TRIGGER analysis_count_gone_faces ON analysis_face;
DROP FUNCTION analysis_count_faces();
"""
# The table of counts is behind the fence already.
OPEN = "SELECT set_config('emotionsite.across', 'on', true)"


class Migration(migrations.Migration):
    dependencies = [
        ("analysis", "0002_add_age_gender_attributes"),
        ("accounts", "0003_protect_rows_and_audit"),
    ]

    operations = [
        migrations.RunSQL(OPEN, OPEN),
        migrations.RunSQL(COUNT, NO_COUNT),
        ProtectRows("analysis_analysis", "analysis_face"),
    ]
