-- Every name and key that a device was ever let in with: a suspended device finds no way in with an earlier one. And of
-- which name an intermediate is, so that those of one name are not all that an account remembers.

CREATE TABLE device_key (
    account_id TEXT NOT NULL,
    key_sha256 BLOB NOT NULL,
    device_id TEXT NOT NULL REFERENCES device (id),
    -- The entry by which the device was first let in with it.
    audit_id TEXT NOT NULL REFERENCES audit_entry (id) DEFERRABLE INITIALLY DEFERRED,
    PRIMARY KEY (account_id, key_sha256, device_id),
    CONSTRAINT device_key_hash CHECK (length(key_sha256) = 32)
) WITHOUT ROWID;
-- For the look through all that names an entry which is being written; see 0001.
CREATE INDEX device_key_audit ON device_key (audit_id);
-- What devices were let in with before the last time is not known of those that came before this migration.
INSERT INTO device_key (account_id, key_sha256, device_id, audit_id)
SELECT account_id, key_sha256, device_id, min(audit_id) FROM device_credential
GROUP BY account_id, key_sha256, device_id;

CREATE TRIGGER device_key_new BEFORE INSERT ON device_key BEGIN
    SELECT RAISE(ABORT, 'device_key_unrecorded')
    WHERE EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.audit_id)
       OR EXISTS (
        SELECT 1 FROM device_key
        WHERE account_id = NEW.account_id AND key_sha256 = NEW.key_sha256 AND device_id = NEW.device_id
    );
END;
CREATE TRIGGER device_key_no_update BEFORE UPDATE ON device_key BEGIN
    SELECT RAISE(ABORT, 'device_key_append_only');
END;
CREATE TRIGGER device_key_no_delete BEFORE DELETE ON device_key BEGIN
    SELECT RAISE(ABORT, 'device_key_append_only');
END;

-- Null for what was remembered before: until it is remembered again, it is the only one of its name.
ALTER TABLE intermediate ADD COLUMN subject_sha256 BLOB CHECK (length(subject_sha256) = 32);
