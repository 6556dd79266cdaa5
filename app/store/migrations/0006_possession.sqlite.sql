-- Challenges to prove that an account holds a CA's private key. One serves both ways of proving it.

CREATE TABLE possession_challenge (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account (id),
    -- No reference: the record may be deleted, and then its challenges prove nothing.
    certificate_id TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    nonce BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    signature_expires_at INTEGER NOT NULL,
    certificate_expires_at INTEGER NOT NULL,
    attempts_left INTEGER NOT NULL,
    used_at INTEGER,
    voided_at INTEGER,
    audit_id TEXT NOT NULL REFERENCES audit_entry (id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT possession_challenge_bytes CHECK (length(fingerprint) = 32 AND length(nonce) = 32),
    CONSTRAINT possession_challenge_attempts CHECK (attempts_left >= 0),
    CONSTRAINT possession_challenge_end CHECK (used_at IS NULL OR voided_at IS NULL)
);
-- A record has one challenge at a time: a new one needs the last one voided.
CREATE UNIQUE INDEX possession_challenge_open ON possession_challenge (certificate_id)
WHERE used_at IS NULL AND voided_at IS NULL;
CREATE INDEX possession_challenge_audit ON possession_challenge (audit_id);

CREATE TRIGGER possession_challenge_new BEFORE INSERT ON possession_challenge BEGIN
    SELECT RAISE(ABORT, 'possession_challenge_unrecorded')
    WHERE EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.audit_id);
    SELECT RAISE(ABORT, 'possession_challenge_exists')
    WHERE EXISTS (SELECT 1 FROM possession_challenge WHERE id = NEW.id)
       OR EXISTS (
        SELECT 1 FROM possession_challenge
        WHERE certificate_id = NEW.certificate_id AND used_at IS NULL AND voided_at IS NULL
    );
END;
-- It ends once, and attempts are only ever taken: neither a proof nor an attempt can be had twice.
CREATE TRIGGER possession_challenge_changed BEFORE UPDATE ON possession_challenge BEGIN
    SELECT RAISE(ABORT, 'possession_challenge_unrecorded')
    WHERE NEW.audit_id = OLD.audit_id OR EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.audit_id);
    SELECT RAISE(ABORT, 'possession_challenge_fixed')
    WHERE OLD.used_at IS NOT NULL OR OLD.voided_at IS NOT NULL OR NEW.id <> OLD.id
       OR NEW.account_id <> OLD.account_id OR NEW.certificate_id <> OLD.certificate_id
       OR NEW.fingerprint <> OLD.fingerprint OR NEW.nonce <> OLD.nonce OR NEW.created_at <> OLD.created_at
       OR NEW.signature_expires_at <> OLD.signature_expires_at
       OR NEW.certificate_expires_at <> OLD.certificate_expires_at
       OR NEW.attempts_left NOT IN (OLD.attempts_left, OLD.attempts_left - 1);
END;
CREATE TRIGGER possession_challenge_no_delete BEFORE DELETE ON possession_challenge BEGIN
    SELECT RAISE(ABORT, 'possession_challenge_unrecorded');
END;
