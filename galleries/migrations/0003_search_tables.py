"""Tables of their own for large trained states, and triggers that take vectors away with what they are of.

The application's role owns nothing, so functions of the owner make, index and drop these tables. They take
the id of a state and numbers within bounds, nothing else that could become part of a statement.
"""

from django.db import migrations

from accounts.row_security import OWN_ROWS

NAMES = """
CREATE FUNCTION galleries_vectors_table(state uuid) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN 'galleries_vectors_' || replace(state::text, '-', '');

-- Held alone while the vectors of a gallery are copied, and shared by what changes or erases faces of it: who comes
-- second sees everything of the first.
CREATE FUNCTION galleries_vectors_lock(gallery uuid) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN hashtextextended('galleries_vectors ' || gallery::text, 0);
"""
NO_NAMES = """
DROP FUNCTION galleries_vectors_lock(uuid);
DROP FUNCTION galleries_vectors_table(uuid);
"""

TABLES = f"""
CREATE FUNCTION galleries_vectors_create(wanted uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    name text := galleries_vectors_table(wanted);
    numbers integer;
BEGIN
    -- The fence holds here too: states of other teams are not seen.
    SELECT dimension INTO numbers FROM galleries_trainedstate
    WHERE id = wanted AND own_table AND NOT is_current AND dimension BETWEEN 1 AND 4000;
    IF numbers IS NULL THEN
        RAISE EXCEPTION 'There is no such state to make a table for.' USING ERRCODE = 'insufficient_privilege';
    END IF;
    EXECUTE format(
        'CREATE TABLE %I (team_id uuid NOT NULL, face_id uuid, subject_id uuid, embedding halfvec(%s) NOT NULL,'
        ' CHECK ((face_id IS NULL) <> (subject_id IS NULL)))',
        name, numbers
    );
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY own_team ON %I ', name)
        || $policy$ USING ({OWN_ROWS}) WITH CHECK ({OWN_ROWS}) $policy$;
END $$;

-- Reads no table but the one it is about, so that no other stays locked while the index is made, which takes minutes.
CREATE FUNCTION galleries_vectors_index(
    wanted uuid, links integer, effort integer, memory_mb integer, workers integer
) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    name text := galleries_vectors_table(wanted);
    statement text;
    filled boolean;
BEGIN
    IF links IS NULL OR links NOT BETWEEN 4 AND 48 OR effort IS NULL OR effort NOT BETWEEN 2 * links AND 512
        OR memory_mb IS NULL OR memory_mb NOT BETWEEN 64 AND 65536 OR workers IS NULL OR workers NOT BETWEEN 0 AND 16
    THEN
        RAISE EXCEPTION 'These numbers make no index.' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Another team's table shows no row.
    EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO filled;
    IF NOT filled THEN
        RAISE EXCEPTION 'There is nothing of yours to index.' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM set_config('maintenance_work_mem', memory_mb || 'MB', true);
    PERFORM set_config('max_parallel_maintenance_workers', workers::text, true);
    EXECUTE format('CREATE INDEX %I ON %I (face_id) WHERE face_id IS NOT NULL', name || '_face', name);
    EXECUTE format('CREATE INDEX %I ON %I (subject_id) WHERE subject_id IS NOT NULL', name || '_person', name);
    statement := format(
        'CREATE INDEX %I ON %I USING hnsw (embedding halfvec_l2_ops) WITH (m = %s, ef_construction = %s)',
        name || '_near', name, links, effort
    );
    BEGIN
        EXECUTE statement;
    EXCEPTION WHEN insufficient_resources THEN
        -- Workers share their memory in /dev/shm, which containers keep small. One alone needs none there.
        PERFORM set_config('max_parallel_maintenance_workers', '0', true);
        EXECUTE statement;
    END;
    EXECUTE format('ANALYZE %I', name);
END $$;

CREATE FUNCTION galleries_vectors_sweep() RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    before text := coalesce(current_setting('emotionsite.across', true), 'off');
    one text;
    dropped integer := 0;
BEGIN
    -- A table is an orphan only when no team has its state.
    PERFORM set_config('emotionsite.across', 'on', true);
    FOR one IN
        SELECT c.relname FROM pg_class c
        WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
            AND c.relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)
            AND c.relname ~ '^galleries_vectors_[0-9a-f]{{32}}$'
            AND NOT EXISTS (SELECT FROM galleries_trainedstate s WHERE galleries_vectors_table(s.id) = c.relname)
    LOOP
        EXECUTE format('DROP TABLE IF EXISTS %I', one);
        dropped := dropped + 1;
    END LOOP;
    PERFORM set_config('emotionsite.across', before, true);
    RETURN dropped;
END $$;

CREATE FUNCTION galleries_vectors_drop() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(galleries_vectors_lock(OLD.gallery_id));
    DELETE FROM galleries_searchvector WHERE state_id = OLD.id;
    IF OLD.own_table THEN
        EXECUTE format('DROP TABLE IF EXISTS %I', galleries_vectors_table(OLD.id));
    END IF;
    RETURN NULL;
END $$;

-- A definer's functions must not take a table of the caller's for one of ours.
DO $$
DECLARE
    one regprocedure;
    vectors name;
BEGIN
    SELECT n.nspname INTO vectors FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
    WHERE e.extname = 'vector';
    FOREACH one IN ARRAY ARRAY[
        'galleries_vectors_create(uuid)', 'galleries_vectors_sweep()', 'galleries_vectors_drop()',
        'galleries_vectors_index(uuid, integer, integer, integer, integer)'
    ]::regprocedure[]
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, %I, pg_temp', one, current_schema(), vectors);
    END LOOP;
END $$;
"""  # noqa: S608
NO_TABLES = """
DO $$
DECLARE one text;
BEGIN
    FOR one IN
        SELECT c.relname FROM pg_class c
        WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
            AND c.relname ~ '^galleries_vectors_[0-9a-f]{32}$'
    LOOP
        EXECUTE format('DROP TABLE %I', one);
    END LOOP;
END $$;
DROP FUNCTION galleries_vectors_drop();
DROP FUNCTION galleries_vectors_sweep();
DROP FUNCTION galleries_vectors_index(uuid, integer, integer, integer, integer);
DROP FUNCTION galleries_vectors_create(uuid);
"""

TRIGGERS = """
CREATE TRIGGER galleries_clear_state AFTER DELETE ON galleries_trainedstate
    FOR EACH ROW EXECUTE FUNCTION galleries_vectors_drop();

-- The face that is gone, and the template it was part of.
CREATE FUNCTION galleries_vectors_clear() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE one text;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(galleries_vectors_lock(gallery_id))
    FROM (SELECT DISTINCT gallery_id FROM old_rows ORDER BY gallery_id) AS touched;
    DELETE FROM galleries_searchvector USING old_rows WHERE galleries_searchvector.face_id = old_rows.id;
    DELETE FROM galleries_searchvector WHERE subject_id IN (SELECT subject_id FROM old_rows);
    FOR one IN
        SELECT galleries_vectors_table(id) FROM galleries_trainedstate
        WHERE own_table AND gallery_id IN (SELECT gallery_id FROM old_rows)
    LOOP
        BEGIN
            EXECUTE format('DELETE FROM %I AS v USING old_rows AS o WHERE v.face_id = o.id', one);
            EXECUTE format('DELETE FROM %I WHERE subject_id IN (SELECT subject_id FROM old_rows)', one);
        EXCEPTION WHEN undefined_table THEN
            -- A training has put another state into its place meanwhile, made of what this one shows.
            NULL;
        END;
    END LOOP;
    RETURN NULL;
END $$;

CREATE TRIGGER galleries_clear_faces AFTER DELETE ON galleries_enrolledface
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION galleries_vectors_clear();

-- The templates of who got or lost a face. Whose face it is, is read from the face itself.
CREATE FUNCTION galleries_vectors_correct() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    one text;
    touched uuid[];
    moved uuid[];
    places uuid[];
BEGIN
    SELECT array_agg(DISTINCT who) FILTER (WHERE who IS NOT NULL),
        array_agg(DISTINCT old_rows.id) FILTER (WHERE old_rows.gallery_id <> new_rows.gallery_id),
        array_agg(DISTINCT place)
    INTO touched, moved, places
    FROM old_rows JOIN new_rows USING (id)
        CROSS JOIN LATERAL (
            VALUES (old_rows.subject_id, old_rows.gallery_id), (new_rows.subject_id, new_rows.gallery_id)
        ) AS both_sides (who, place)
    WHERE (old_rows.subject_id, old_rows.gallery_id) IS DISTINCT FROM (new_rows.subject_id, new_rows.gallery_id);
    IF places IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock_shared(galleries_vectors_lock(place))
    FROM (SELECT unnest(places) AS place ORDER BY 1) AS locked;
    DELETE FROM galleries_searchvector WHERE subject_id = ANY (touched) OR face_id = ANY (moved);
    FOR one IN
        SELECT galleries_vectors_table(id) FROM galleries_trainedstate WHERE own_table AND gallery_id = ANY (places)
    LOOP
        BEGIN
            EXECUTE format('DELETE FROM %I WHERE subject_id = ANY ($1) OR face_id = ANY ($2)', one)
                USING touched, moved;
        EXCEPTION WHEN undefined_table THEN
            NULL;
        END;
    END LOOP;
    RETURN NULL;
END $$;

CREATE TRIGGER galleries_clear_corrected AFTER UPDATE ON galleries_enrolledface
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION galleries_vectors_correct();
"""
NO_TRIGGERS = """
DROP TRIGGER galleries_clear_corrected ON galleries_enrolledface;
DROP FUNCTION galleries_vectors_correct();
DROP TRIGGER galleries_clear_faces ON galleries_enrolledface;
DROP FUNCTION galleries_vectors_clear();
DROP TRIGGER galleries_clear_state ON galleries_trainedstate;
"""


class Migration(migrations.Migration):
    dependencies = [("galleries", "0002_protect_rows_and_count")]

    operations = [
        migrations.RunSQL(NAMES, NO_NAMES),
        migrations.RunSQL(TABLES, NO_TABLES),
        migrations.RunSQL(TRIGGERS, NO_TRIGGERS),
    ]
