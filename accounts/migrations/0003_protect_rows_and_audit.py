"""Fences between teams, a record that cannot be rewritten, and the row that counts what a team uses."""

from django.db import migrations

from accounts.row_security import ProtectRows

# Whoever works with the tables but does not own them may add to the record and read it, nothing else. The
# trigger holds for the owner as well: of an event, only what names somebody may be taken out.
# The functions open the fence for their own statements: a setting made here ends with the transaction at the latest.
APPEND_ONLY = """
CREATE FUNCTION accounts_audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'The record of who did what is append-only.' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF ROW (NEW.id, NEW.team_id, NEW.action, NEW.api_key, NEW.object_type, NEW.object_id, NEW.request_id, NEW.created_at)
        IS DISTINCT FROM
        ROW (OLD.id, OLD.team_id, OLD.action, OLD.api_key, OLD.object_type, OLD.object_id, OLD.request_id, OLD.created_at)
        OR (NEW.actor_id IS NOT NULL AND NEW.actor_id IS DISTINCT FROM OLD.actor_id)
        OR NEW.actor_name NOT IN (OLD.actor_name, '[erased]')
        OR NEW.object_name NOT IN (OLD.object_name, '[erased]')
        OR NEW.details NOT IN (OLD.details, '{}'::jsonb)
        OR (NEW.address IS NOT NULL AND NEW.address IS DISTINCT FROM OLD.address)
    THEN
        RAISE EXCEPTION 'An event of the record can be redacted, not rewritten.'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER accounts_audit_guard BEFORE UPDATE OR DELETE ON accounts_auditevent
    FOR EACH ROW EXECUTE FUNCTION accounts_audit_guard();

CREATE FUNCTION accounts_audit_redact_actor(wanted bigint) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    before text := coalesce(current_setting('emotionsite.across', true), 'off');
    redacted bigint;
BEGIN
    PERFORM set_config('emotionsite.across', 'on', true);
    UPDATE accounts_auditevent SET actor_name = '[erased]', address = NULL
    WHERE actor_id = wanted;
    GET DIAGNOSTICS redacted = ROW_COUNT;
    PERFORM set_config('emotionsite.across', before, true);
    RETURN redacted;
END $$;

CREATE FUNCTION accounts_audit_redact_object(wanted_type text, wanted_id text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    before text := coalesce(current_setting('emotionsite.across', true), 'off');
    redacted bigint;
BEGIN
    PERFORM set_config('emotionsite.across', 'on', true);
    UPDATE accounts_auditevent SET object_name = '[erased]', details = '{}'::jsonb
    WHERE object_type = wanted_type AND object_id = wanted_id;
    GET DIAGNOSTICS redacted = ROW_COUNT;
    PERFORM set_config('emotionsite.across', before, true);
    RETURN redacted;
END $$;

CREATE FUNCTION accounts_audit_redact_team(wanted uuid) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    before text := coalesce(current_setting('emotionsite.across', true), 'off');
    redacted bigint;
BEGIN
    PERFORM set_config('emotionsite.across', 'on', true);
    UPDATE accounts_auditevent
    SET actor_name = '[erased]', object_name = '[erased]', details = '{}'::jsonb, address = NULL
    WHERE team_id = wanted;
    GET DIAGNOSTICS redacted = ROW_COUNT;
    PERFORM set_config('emotionsite.across', before, true);
    RETURN redacted;
END $$;

DO $$
DECLARE grantee name;
BEGIN
    FOR grantee IN
        SELECT DISTINCT privilege.grantee FROM information_schema.role_table_grants AS privilege
        WHERE privilege.table_schema = current_schema() AND privilege.table_name = 'accounts_auditevent'
            AND privilege.grantee <> current_user AND privilege.grantee <> 'PUBLIC'
    LOOP
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON accounts_auditevent FROM %I', grantee);
    END LOOP;
END $$;
"""
NOT_APPEND_ONLY = """
DROP FUNCTION accounts_audit_redact_team(uuid);
DROP FUNCTION accounts_audit_redact_object(text, text);
DROP FUNCTION accounts_audit_redact_actor(bigint);
DROP TRIGGER accounts_audit_guard ON accounts_auditevent;
DROP FUNCTION accounts_audit_guard();
"""

USAGE_ROW = """
CREATE FUNCTION accounts_usage_begin() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE before text := coalesce(current_setting('emotionsite.across', true), 'off');
BEGIN
    PERFORM set_config('emotionsite.across', 'on', true);
    INSERT INTO accounts_teamusage (team_id, month, pictures, stored_faces, stored_bytes)
    VALUES (NEW.id, date_trunc('month', now() AT TIME ZONE 'UTC')::date, 0, 0, 0) ON CONFLICT DO NOTHING;
    PERFORM set_config('emotionsite.across', before, true);
    RETURN NULL;
END $$;

CREATE TRIGGER accounts_usage_begin AFTER INSERT ON accounts_team
    FOR EACH ROW EXECUTE FUNCTION accounts_usage_begin();

INSERT INTO accounts_teamusage (team_id, month, pictures, stored_faces, stored_bytes)
    SELECT id, date_trunc('month', now() AT TIME ZONE 'UTC')::date, 0, 0, 0 FROM accounts_team;
-- Checked now: a table with checks still to come cannot be altered.
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
"""
NO_USAGE_ROW = """
DROP TRIGGER accounts_usage_begin ON accounts_team;
DROP FUNCTION accounts_usage_begin();
DELETE FROM accounts_teamusage;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_add_plans_invitations_audit")]

    operations = [
        # Before the fence, which would hide the rows from the one who fills the table.
        migrations.RunSQL(USAGE_ROW, NO_USAGE_ROW),
        migrations.RunSQL(APPEND_ONLY, NOT_APPEND_ONLY),
        ProtectRows(
            "accounts_membership",
            "accounts_invitation",
            "accounts_apikey",
            "accounts_idempotentrequest",
            "accounts_teamusage",
            "accounts_usageday",
            "accounts_auditevent",
        ),
    ]
