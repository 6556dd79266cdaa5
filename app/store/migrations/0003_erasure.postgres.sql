-- The same table and the same promises as the SQLite file beside this one, in PostgreSQL's own means.

-- A row opens a removal and names the entry that will record it, which is not there yet. That entry closes it, and a
-- COMMIT while it is open is refused: no later transaction finds one open, and no other transaction sees this one's.
CREATE TABLE audit_removal (
    audit_id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    account_id TEXT,
    -- The subject of an erasure; the month of a retention, as 2026-01.
    target_id TEXT NOT NULL,
    month INTEGER,
    state TEXT NOT NULL DEFAULT 'open',
    CONSTRAINT audit_removal_kind CHECK (
        (kind = 'audit.erasure' AND month IS NULL)
        OR (kind = 'audit.retention' AND month IS NOT NULL AND account_id IS NULL
            AND target_id = to_char(month / 100, 'FM0000') || '-' || to_char(month % 100, 'FM00'))
    )
);
CREATE INDEX audit_removal_open ON audit_removal (audit_id) WHERE state = 'open';
CREATE INDEX audit_removal_target ON audit_removal (kind, target_id);

CREATE FUNCTION audit_removal_new() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.state <> 'open' OR EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.audit_id) THEN
        RAISE EXCEPTION 'audit_removal_unrecorded' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_removal_new BEFORE INSERT ON audit_removal
    FOR EACH ROW EXECUTE FUNCTION audit_removal_new();

CREATE FUNCTION audit_removal_ends() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF OLD.state = 'open' AND NEW.state = 'recorded'
       AND (NEW.audit_id, NEW.kind, NEW.target_id) = (OLD.audit_id, OLD.kind, OLD.target_id)
       AND NEW.account_id IS NOT DISTINCT FROM OLD.account_id AND NEW.month IS NOT DISTINCT FROM OLD.month
       AND EXISTS (
        SELECT 1 FROM audit_entry
        WHERE id = OLD.audit_id AND action = OLD.kind AND result = 'success'
          AND account_id IS NOT DISTINCT FROM OLD.account_id AND target_id = OLD.target_id
       ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'audit_removal_unrecorded' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER audit_removal_ends BEFORE UPDATE ON audit_removal
    FOR EACH ROW EXECUTE FUNCTION audit_removal_ends();
CREATE TRIGGER audit_removal_no_delete BEFORE DELETE ON audit_removal
    FOR EACH ROW EXECUTE FUNCTION audit_refuse('audit_removal');
CREATE TRIGGER audit_removal_no_truncate BEFORE TRUNCATE ON audit_removal
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse('audit_removal');

CREATE FUNCTION audit_removal_recorded() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM audit_removal WHERE audit_id = NEW.audit_id AND state = 'open') THEN
        RAISE EXCEPTION 'audit_removal_unrecorded' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER audit_removal_recorded AFTER INSERT ON audit_removal
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_removal_recorded();

CREATE FUNCTION audit_entry_removal() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE audit_removal SET state = 'recorded' WHERE audit_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_entry_removal AFTER INSERT ON audit_entry
    FOR EACH ROW WHEN (NEW.action IN ('audit.erasure', 'audit.retention') AND NEW.result = 'success')
    EXECUTE FUNCTION audit_entry_removal();

CREATE FUNCTION audit_disclosure_removable() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM audit_removal
        WHERE state = 'open' AND kind = 'audit.erasure' AND target_id = OLD.subject_id
          AND account_id IS NOT DISTINCT FROM OLD.account_id
    ) OR EXISTS (
        -- A month's disclosures go before its bodies, which say that they are of that month.
        SELECT 1 FROM audit_removal AS r JOIN audit_body AS b ON b.month = r.month
        WHERE r.state = 'open' AND r.kind = 'audit.retention' AND b.seq = OLD.seq
    ) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'audit_disclosure_append_only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
DROP TRIGGER audit_disclosure_no_change ON audit_disclosure;
CREATE TRIGGER audit_disclosure_no_update BEFORE UPDATE ON audit_disclosure
    FOR EACH ROW EXECUTE FUNCTION audit_refuse('audit_disclosure');
CREATE TRIGGER audit_disclosure_no_delete BEFORE DELETE ON audit_disclosure
    FOR EACH ROW EXECUTE FUNCTION audit_disclosure_removable();

CREATE FUNCTION audit_body_removable() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM audit_removal WHERE state = 'open' AND kind = 'audit.retention' AND month = OLD.month
    ) AND NOT EXISTS (
        -- What accounts for what is gone stays.
        SELECT 1 FROM audit_entry WHERE seq = OLD.seq AND action IN ('audit.erasure', 'audit.retention')
    ) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'audit_body_append_only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
DROP TRIGGER audit_body_no_change ON audit_body;
CREATE TRIGGER audit_body_no_update BEFORE UPDATE ON audit_body
    FOR EACH ROW EXECUTE FUNCTION audit_refuse('audit_body');
CREATE TRIGGER audit_body_no_delete BEFORE DELETE ON audit_body
    FOR EACH ROW EXECUTE FUNCTION audit_body_removable();

-- ANALYZE would copy names into pg_statistic, where no erasure reaches them.
ALTER TABLE audit_disclosure ALTER COLUMN disclosures SET STATISTICS 0;
ALTER TABLE portal_user ALTER COLUMN name SET STATISTICS 0;

-- The partitions that are there have clones of the new triggers, which must not be skipped either.
DO $$
DECLARE
    guard RECORD;
BEGIN
    FOR guard IN
        SELECT c.relname, t.tgname FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
        WHERE NOT t.tgisinternal AND t.tgenabled <> 'A' AND c.relnamespace = current_schema()::regnamespace
          AND (c.relname IN ('audit_removal', 'audit_entry', 'audit_disclosure', 'audit_body')
               OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'audit_body'::regclass))
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', guard.relname, guard.tgname);
    END LOOP;
END $$;
