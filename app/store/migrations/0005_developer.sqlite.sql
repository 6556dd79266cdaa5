-- Certificates that the service makes itself for a developer's devices, and their private keys: encrypted under a key that
-- is not in the database.

ALTER TABLE certificate ADD COLUMN is_developer BOOLEAN NOT NULL DEFAULT 0;
CREATE TRIGGER certificate_developer_fixed BEFORE UPDATE OF is_developer ON certificate
WHEN NEW.is_developer <> OLD.is_developer BEGIN
    SELECT RAISE(ABORT, 'certificate_fixed');
END;

CREATE TABLE developer_key (
    certificate_id TEXT NOT NULL PRIMARY KEY REFERENCES certificate (id) ON DELETE CASCADE,
    account_id TEXT NOT NULL,
    -- Which key of the installation it is encrypted under.
    secrets_key_id TEXT NOT NULL,
    nonce BLOB NOT NULL,
    ciphertext BLOB NOT NULL,
    CONSTRAINT developer_key_size CHECK (length(nonce) = 12 AND length(ciphertext) BETWEEN 17 AND 1024)
) WITHOUT ROWID;
CREATE INDEX developer_key_secrets ON developer_key (secrets_key_id);

-- A key comes with its record, whose entry is not there yet, and goes with it; in between it stays as it is.
CREATE TRIGGER developer_key_new BEFORE INSERT ON developer_key BEGIN
    SELECT RAISE(ABORT, 'developer_key_unrecorded')
    WHERE EXISTS (SELECT 1 FROM developer_key WHERE certificate_id = NEW.certificate_id)
       OR NOT EXISTS (
        SELECT 1 FROM certificate AS c
        WHERE c.id = NEW.certificate_id AND c.account_id = NEW.account_id AND c.is_developer
          AND NOT EXISTS (SELECT 1 FROM audit_entry WHERE id = c.created_audit_id)
    );
    -- One key for all of them: two hosts that each made their own would read half of what there is.
    SELECT RAISE(ABORT, 'developer_key_of_another_installation')
    WHERE EXISTS (SELECT 1 FROM developer_key WHERE secrets_key_id < NEW.secrets_key_id)
       OR EXISTS (SELECT 1 FROM developer_key WHERE secrets_key_id > NEW.secrets_key_id);
END;
CREATE TRIGGER developer_key_no_update BEFORE UPDATE ON developer_key BEGIN
    SELECT RAISE(ABORT, 'developer_key_fixed');
END;
CREATE TRIGGER developer_key_no_delete BEFORE DELETE ON developer_key BEGIN
    SELECT RAISE(ABORT, 'developer_key_fixed')
    WHERE EXISTS (SELECT 1 FROM certificate WHERE id = OLD.certificate_id);
END;
