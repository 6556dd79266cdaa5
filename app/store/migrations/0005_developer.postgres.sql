-- The same table and the same promises as the SQLite file beside this one, in PostgreSQL's own means.

ALTER TABLE certificate ADD COLUMN is_developer BOOLEAN NOT NULL DEFAULT false;
CREATE FUNCTION certificate_developer_fixed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    RAISE EXCEPTION 'certificate_fixed' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER certificate_developer_fixed BEFORE UPDATE ON certificate
    FOR EACH ROW WHEN (NEW.is_developer <> OLD.is_developer) EXECUTE FUNCTION certificate_developer_fixed();

CREATE TABLE developer_key (
    certificate_id TEXT NOT NULL PRIMARY KEY REFERENCES certificate (id) ON DELETE CASCADE,
    account_id TEXT NOT NULL,
    -- Which key of the installation it is encrypted under.
    secrets_key_id TEXT COLLATE "C" NOT NULL,
    nonce BYTEA NOT NULL,
    ciphertext BYTEA NOT NULL,
    CONSTRAINT developer_key_size CHECK (octet_length(nonce) = 12 AND octet_length(ciphertext) BETWEEN 17 AND 1024)
);
CREATE INDEX developer_key_secrets ON developer_key (secrets_key_id);

-- A key comes with its record, whose entry is not there yet, and goes with it; in between it stays as it is.
CREATE FUNCTION developer_key_new() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM certificate AS c
        WHERE c.id = NEW.certificate_id AND c.account_id = NEW.account_id AND c.is_developer
          AND NOT EXISTS (SELECT 1 FROM audit_entry WHERE id = c.created_audit_id)
    ) THEN
        RAISE EXCEPTION 'developer_key_unrecorded' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    -- One key for all of them: two hosts that each made their own would read half of what there is. The lock keeps the
    -- first keys of two accounts apart, until whichever came first is committed.
    PERFORM pg_advisory_xact_lock(hashtext('developer_key_new'));
    IF EXISTS (SELECT 1 FROM developer_key WHERE secrets_key_id < NEW.secrets_key_id)
       OR EXISTS (SELECT 1 FROM developer_key WHERE secrets_key_id > NEW.secrets_key_id) THEN
        RAISE EXCEPTION 'developer_key_of_another_installation' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER developer_key_new BEFORE INSERT ON developer_key
    FOR EACH ROW EXECUTE FUNCTION developer_key_new();
CREATE FUNCTION developer_key_fixed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'DELETE' AND NOT EXISTS (SELECT 1 FROM certificate WHERE id = OLD.certificate_id) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'developer_key_fixed' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER developer_key_fixed BEFORE UPDATE OR DELETE ON developer_key
    FOR EACH ROW EXECUTE FUNCTION developer_key_fixed();
CREATE TRIGGER developer_key_no_truncate BEFORE TRUNCATE ON developer_key
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse('developer_key');

ALTER TABLE certificate ENABLE ALWAYS TRIGGER certificate_developer_fixed;
ALTER TABLE developer_key ENABLE ALWAYS TRIGGER developer_key_new;
ALTER TABLE developer_key ENABLE ALWAYS TRIGGER developer_key_fixed;
ALTER TABLE developer_key ENABLE ALWAYS TRIGGER developer_key_no_truncate;
