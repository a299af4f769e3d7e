"""Take the names out of events that tell of something in their details: merges name the people merged."""

from django.db import migrations

REDACT = """
CREATE FUNCTION accounts_audit_redact_mentions(wanted uuid, words text[]) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    before text := coalesce(current_setting('emotionsite.across', true), 'off');
    redacted bigint;
BEGIN
    PERFORM set_config('emotionsite.across', 'on', true);
    UPDATE accounts_auditevent SET object_name = '[erased]', details = '{}'::jsonb
    WHERE team_id = wanted AND details <> '{}'::jsonb AND details::text ~ array_to_string(words, '|');
    GET DIAGNOSTICS redacted = ROW_COUNT;
    PERFORM set_config('emotionsite.across', before, true);
    RETURN redacted;
END $$;
"""
NO_REDACT = "DROP FUNCTION accounts_audit_redact_mentions(uuid, text[]);"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_add_identity_switch")]

    operations = [migrations.RunSQL(REDACT, NO_REDACT)]
