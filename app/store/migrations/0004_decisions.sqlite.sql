-- What decisions need beside the records: which version of an account's trust is the newest, the devices that came in,
-- intermediates that they brought, and how often a blacklisted CA's devices were refused.

-- It rises with every change that a decision may depend on, in the transaction of the change. It says nothing that the
-- log does not say, and so has no entry of its own.
ALTER TABLE account ADD COLUMN trust_version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE account ADD COLUMN suspend_devices BOOLEAN NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN audit_all_decisions BOOLEAN NOT NULL DEFAULT 0;
DROP TRIGGER account_changed;
CREATE TRIGGER account_changed BEFORE UPDATE OF
    id, version, name, tier, limit_override, certificate_limit, require_possession, suspend_devices,
    audit_all_decisions, created_at, updated_at, audit_id
ON account BEGIN
    SELECT RAISE(ABORT, 'account_unrecorded')
    WHERE NEW.audit_id = OLD.audit_id OR EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.audit_id);
END;
CREATE TRIGGER account_trust_forward BEFORE UPDATE OF trust_version ON account
WHEN NEW.trust_version <= OLD.trust_version BEGIN
    SELECT RAISE(ABORT, 'account_trust_forward');
END;

-- While it stands, every device that was registered through the record before that instant is suspended, unless it was
-- released since. It outlives the record: deleting must not let anybody in.
ALTER TABLE certificate ADD COLUMN devices_suspended_at INTEGER;
ALTER TABLE certificate_tombstone ADD COLUMN devices_suspended_at INTEGER;
DROP TRIGGER certificate_deleted;
CREATE TRIGGER certificate_deleted BEFORE DELETE ON certificate BEGIN
    SELECT RAISE(ABORT, 'certificate_unrecorded') WHERE EXISTS (SELECT 1 FROM audit_entry WHERE id = OLD.audit_id);
    INSERT INTO certificate_tombstone (certificate_id, account_id, audit_id, devices_suspended_at)
    VALUES (OLD.id, OLD.account_id, OLD.audit_id, OLD.devices_suspended_at);
    UPDATE account
    SET certificate_used = certificate_used - 1, certificate_kept = min(certificate_kept, certificate_used - 1)
    WHERE id = OLD.account_id;
END;
CREATE VIEW device_suspension AS
    SELECT id AS certificate_id, account_id, devices_suspended_at AS suspended_at
    FROM certificate WHERE devices_suspended_at IS NOT NULL
    UNION ALL
    SELECT certificate_id, account_id, devices_suspended_at FROM certificate_tombstone
    WHERE devices_suspended_at IS NOT NULL;
CREATE INDEX certificate_suspension ON certificate (account_id) WHERE devices_suspended_at IS NOT NULL;
CREATE INDEX certificate_tombstone_suspension ON certificate_tombstone (account_id)
WHERE devices_suspended_at IS NOT NULL;

CREATE TRIGGER certificate_trust_new AFTER INSERT ON certificate BEGIN
    UPDATE account SET trust_version = trust_version + 1 WHERE id = NEW.account_id;
END;
CREATE TRIGGER certificate_trust_changed AFTER UPDATE ON certificate BEGIN
    UPDATE account SET trust_version = trust_version + 1 WHERE id = NEW.account_id;
END;
CREATE TRIGGER certificate_trust_deleted AFTER DELETE ON certificate BEGIN
    UPDATE account SET trust_version = trust_version + 1 WHERE id = OLD.account_id;
END;

-- `last_seen_at` and `refused_at` are noted in batches, and are no part of what the log can rebuild.
CREATE TABLE device (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account (id),
    version INTEGER NOT NULL,
    endpoint_name TEXT NOT NULL,
    suspended_at INTEGER,
    suspended_category TEXT,
    suspended_description TEXT,
    released_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    last_seen_at INTEGER,
    refused_at INTEGER,
    audit_id TEXT NOT NULL REFERENCES audit_entry (id) DEFERRABLE INITIALLY DEFERRED
);
CREATE UNIQUE INDEX device_endpoint_name ON device (account_id, endpoint_name);
CREATE INDEX device_created ON device (account_id, id);
CREATE INDEX device_audit ON device (audit_id);

-- What a device was last let in with, for each service: its certificate, what else it presented, joined end to end,
-- and the record that let it in, which need not be there any more.
CREATE TABLE device_credential (
    device_id TEXT NOT NULL REFERENCES device (id),
    account_id TEXT NOT NULL,
    service TEXT NOT NULL,
    key_sha256 BLOB NOT NULL,
    fingerprint BLOB NOT NULL,
    leaf BLOB NOT NULL,
    presented BLOB NOT NULL,
    -- What devices of one kind have in common: who signed the certificate, and what else is presented (its SHA-256).
    issuer_sha256 BLOB NOT NULL,
    presented_sha256 BLOB NOT NULL,
    valid_from INTEGER NOT NULL,
    valid_to INTEGER NOT NULL,
    certificate_id TEXT NOT NULL,
    accepted_at INTEGER NOT NULL,
    audit_id TEXT NOT NULL REFERENCES audit_entry (id) DEFERRABLE INITIALLY DEFERRED,
    PRIMARY KEY (device_id, service),
    CONSTRAINT device_credential_service CHECK (service IN ('BOOTSTRAP', 'LWM2M')),
    CONSTRAINT device_credential_hashes CHECK (length(key_sha256) = 32 AND length(fingerprint) = 32)
) WITHOUT ROWID;
CREATE INDEX device_credential_kind
ON device_credential (account_id, service, certificate_id, issuer_sha256, presented_sha256, valid_to);
CREATE INDEX device_credential_key ON device_credential (account_id, key_sha256);
CREATE INDEX device_credential_certificate ON device_credential (account_id, certificate_id, accepted_at);
CREATE INDEX device_credential_audit ON device_credential (audit_id);

CREATE TRIGGER device_new BEFORE INSERT ON device BEGIN
    SELECT RAISE(ABORT, 'device_unrecorded')
    WHERE EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.audit_id)
       OR EXISTS (SELECT 1 FROM device WHERE id = NEW.id)
       OR EXISTS (SELECT 1 FROM device WHERE account_id = NEW.account_id AND endpoint_name = NEW.endpoint_name);
END;
CREATE TRIGGER device_changed BEFORE UPDATE OF
    id, account_id, version, endpoint_name, suspended_at, suspended_category, suspended_description, released_at,
    created_at, updated_at, audit_id
ON device BEGIN
    SELECT RAISE(ABORT, 'device_unrecorded')
    WHERE NEW.audit_id = OLD.audit_id OR EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.audit_id);
END;
CREATE TRIGGER device_no_delete BEFORE DELETE ON device BEGIN
    SELECT RAISE(ABORT, 'device_unrecorded');
END;
CREATE TRIGGER device_trust_changed AFTER UPDATE OF suspended_at, released_at ON device
WHEN NEW.suspended_at IS NOT OLD.suspended_at OR NEW.released_at IS NOT OLD.released_at BEGIN
    UPDATE account SET trust_version = trust_version + 1 WHERE id = NEW.account_id;
END;
CREATE TRIGGER device_credential_new BEFORE INSERT ON device_credential BEGIN
    SELECT RAISE(ABORT, 'device_credential_unrecorded')
    WHERE EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.audit_id)
       OR EXISTS (SELECT 1 FROM device_credential WHERE device_id = NEW.device_id AND service = NEW.service);
END;
CREATE TRIGGER device_credential_changed BEFORE UPDATE ON device_credential BEGIN
    SELECT RAISE(ABORT, 'device_credential_unrecorded')
    WHERE NEW.audit_id = OLD.audit_id OR EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.audit_id);
END;
CREATE TRIGGER device_credential_no_delete BEFORE DELETE ON device_credential BEGIN
    SELECT RAISE(ABORT, 'device_credential_unrecorded');
END;

-- CAs under an anchor that devices presented, for terminators that hand on the device's certificate alone. They confer
-- no trust.
CREATE TABLE intermediate (
    account_id TEXT NOT NULL,
    sha256 BLOB NOT NULL,
    der BLOB NOT NULL,
    used_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, sha256),
    CONSTRAINT intermediate_size CHECK (length(sha256) = 32 AND length(der) <= 16384)
) WITHOUT ROWID;
CREATE TRIGGER intermediate_trust_new AFTER INSERT ON intermediate BEGIN
    UPDATE account SET trust_version = trust_version + 1 WHERE id = NEW.account_id;
END;
CREATE TRIGGER intermediate_trust_deleted AFTER DELETE ON intermediate BEGIN
    UPDATE account SET trust_version = trust_version + 1 WHERE id = OLD.account_id;
END;

-- How often a device was refused for a blacklisted record. An empty endpoint name counts all that are past the limit.
CREATE TABLE denial (
    account_id TEXT NOT NULL,
    certificate_id TEXT NOT NULL,
    endpoint_name TEXT NOT NULL,
    service TEXT NOT NULL,
    id TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    attempts INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, certificate_id, endpoint_name, service)
) WITHOUT ROWID;
CREATE UNIQUE INDEX denial_id ON denial (account_id, id);
CREATE INDEX denial_last ON denial (account_id, certificate_id, last_at, id);

-- Which version of the trust a gateway says that it enforces.
CREATE TABLE gateway (
    api_key_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    service TEXT NOT NULL,
    applied_version INTEGER,
    applied_at INTEGER,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (api_key_id, service)
) WITHOUT ROWID;
CREATE INDEX gateway_account ON gateway (account_id, api_key_id);
