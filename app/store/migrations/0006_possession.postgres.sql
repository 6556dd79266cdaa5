-- The same table and the same promises as the SQLite file beside this one, in PostgreSQL's own means.

CREATE TABLE possession_challenge (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account (id),
    -- No reference: the record may be deleted, and then its challenges prove nothing.
    certificate_id TEXT NOT NULL,
    fingerprint BYTEA NOT NULL,
    nonce BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    signature_expires_at BIGINT NOT NULL,
    certificate_expires_at BIGINT NOT NULL,
    attempts_left INTEGER NOT NULL,
    used_at BIGINT,
    voided_at BIGINT,
    audit_id TEXT NOT NULL,
    CONSTRAINT possession_challenge_bytes CHECK (octet_length(fingerprint) = 32 AND octet_length(nonce) = 32),
    CONSTRAINT possession_challenge_attempts CHECK (attempts_left >= 0),
    CONSTRAINT possession_challenge_end CHECK (used_at IS NULL OR voided_at IS NULL)
);
-- A record has one challenge at a time: a new one needs the last one voided.
CREATE UNIQUE INDEX possession_challenge_open ON possession_challenge (certificate_id)
WHERE used_at IS NULL AND voided_at IS NULL;

-- It ends once, and attempts are only ever taken: neither a proof nor an attempt can be had twice.
CREATE FUNCTION possession_challenge_fixed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF OLD.used_at IS NULL AND OLD.voided_at IS NULL
       AND (NEW.id, NEW.account_id, NEW.certificate_id, NEW.fingerprint, NEW.nonce, NEW.created_at,
            NEW.signature_expires_at, NEW.certificate_expires_at)
         = (OLD.id, OLD.account_id, OLD.certificate_id, OLD.fingerprint, OLD.nonce, OLD.created_at,
            OLD.signature_expires_at, OLD.certificate_expires_at)
       AND NEW.attempts_left IN (OLD.attempts_left, OLD.attempts_left - 1) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'possession_challenge_fixed' USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER possession_challenge_announced BEFORE INSERT OR UPDATE ON possession_challenge
    FOR EACH ROW EXECUTE FUNCTION audit_announced();
CREATE TRIGGER possession_challenge_fixed BEFORE UPDATE ON possession_challenge
    FOR EACH ROW EXECUTE FUNCTION possession_challenge_fixed();
CREATE TRIGGER possession_challenge_no_delete BEFORE DELETE ON possession_challenge
    FOR EACH ROW EXECUTE FUNCTION audit_refuse('possession_challenge');
CREATE TRIGGER possession_challenge_no_truncate BEFORE TRUNCATE ON possession_challenge
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse('possession_challenge');
CREATE CONSTRAINT TRIGGER possession_challenge_recorded AFTER INSERT OR UPDATE ON possession_challenge
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_recorded();
ALTER TABLE possession_challenge ENABLE ALWAYS TRIGGER possession_challenge_announced;
ALTER TABLE possession_challenge ENABLE ALWAYS TRIGGER possession_challenge_fixed;
ALTER TABLE possession_challenge ENABLE ALWAYS TRIGGER possession_challenge_no_delete;
ALTER TABLE possession_challenge ENABLE ALWAYS TRIGGER possession_challenge_no_truncate;
ALTER TABLE possession_challenge ENABLE ALWAYS TRIGGER possession_challenge_recorded;
