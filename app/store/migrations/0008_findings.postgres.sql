-- The same tables and the same promises as the SQLite file beside this one, in PostgreSQL's own means.

CREATE TABLE standing_finding (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL,
    certificate_id TEXT NOT NULL REFERENCES certificate (id) ON DELETE CASCADE,
    code TEXT NOT NULL,
    -- The other certificate that it is about, which need not be there any more; empty where it is about none.
    related_id TEXT NOT NULL,
    severity TEXT NOT NULL,
    message TEXT NOT NULL,
    chain_index INTEGER,
    reference TEXT,
    appeared_at BIGINT NOT NULL,
    -- The entries that say that it appeared, and that it is gone.
    audit_id TEXT NOT NULL,
    gone_audit_id TEXT
);
CREATE UNIQUE INDEX standing_finding_place ON standing_finding (certificate_id, code, related_id);
CREATE INDEX standing_finding_account ON standing_finding (account_id, id);
CREATE INDEX standing_finding_gone ON standing_finding (gone_audit_id) WHERE gone_audit_id IS NOT NULL;

CREATE FUNCTION standing_finding_announced() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.gone_audit_id IS NULL
           AND NOT EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.audit_id)
           AND EXISTS (SELECT 1 FROM certificate WHERE id = NEW.certificate_id AND account_id = NEW.account_id) THEN
            RETURN NEW;
        END IF;
    -- Only its words follow what is there now; what it is stays, until it names the entry that will say that it is gone.
    ELSIF (NEW.id, NEW.account_id, NEW.certificate_id, NEW.code, NEW.related_id, NEW.appeared_at, NEW.audit_id)
          = (OLD.id, OLD.account_id, OLD.certificate_id, OLD.code, OLD.related_id, OLD.appeared_at, OLD.audit_id)
          AND OLD.gone_audit_id IS NULL
          AND NOT EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.gone_audit_id) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'standing_finding_unrecorded' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER standing_finding_announced BEFORE INSERT OR UPDATE ON standing_finding
    FOR EACH ROW EXECUTE FUNCTION standing_finding_announced();
CREATE CONSTRAINT TRIGGER standing_finding_recorded AFTER INSERT ON standing_finding
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_recorded();

-- It goes with its certificate, or with the entry that it named. A COMMIT before that entry is refused.
CREATE FUNCTION standing_finding_gone() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM audit_entry
        WHERE id = OLD.gone_audit_id AND action = 'certificate.findings' AND result = 'success'
          AND target_id = OLD.certificate_id
    ) OR NOT EXISTS (SELECT 1 FROM certificate WHERE id = OLD.certificate_id) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'standing_finding_unrecorded' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER standing_finding_no_delete BEFORE DELETE ON standing_finding
    FOR EACH ROW EXECUTE FUNCTION standing_finding_gone();
CREATE TRIGGER standing_finding_no_truncate BEFORE TRUNCATE ON standing_finding
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse('standing_finding');
CREATE FUNCTION standing_finding_gone_recorded() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.gone_audit_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.gone_audit_id) THEN
        RAISE EXCEPTION 'standing_finding_unrecorded' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER standing_finding_gone_recorded AFTER UPDATE ON standing_finding
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION standing_finding_gone_recorded();

CREATE FUNCTION audit_entry_findings() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM standing_finding WHERE gone_audit_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_entry_findings AFTER INSERT ON audit_entry
    FOR EACH ROW WHEN (NEW.action = 'certificate.findings' AND NEW.result = 'success')
    EXECUTE FUNCTION audit_entry_findings();

CREATE TABLE standing_look (
    account_id TEXT NOT NULL PRIMARY KEY,
    -- Of the account's trust: what changed since was not looked at yet.
    trust_version BIGINT NOT NULL,
    looked_at BIGINT NOT NULL
);

DO $$
DECLARE
    guard RECORD;
BEGIN
    FOR guard IN
        SELECT c.relname, t.tgname FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
        WHERE NOT t.tgisinternal AND c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
          AND c.relname IN ('audit_entry', 'standing_finding')
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', guard.relname, guard.tgname);
    END LOOP;
END $$;
