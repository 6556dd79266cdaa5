-- The same tables and the same promises as the SQLite file beside this one, in PostgreSQL's own means.

ALTER TABLE account ADD COLUMN trust_version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE account ADD COLUMN suspend_devices BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE account ADD COLUMN audit_all_decisions BOOLEAN NOT NULL DEFAULT FALSE;
DROP TRIGGER account_announced ON account;
CREATE TRIGGER account_announced BEFORE INSERT OR UPDATE OF
    id, version, name, tier, limit_override, certificate_limit, require_possession, suspend_devices,
    audit_all_decisions, created_at, updated_at, audit_id
ON account FOR EACH ROW EXECUTE FUNCTION audit_announced();
CREATE FUNCTION account_trust_forward() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.trust_version <= OLD.trust_version THEN
        RAISE EXCEPTION 'account_trust_forward' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER account_trust_forward BEFORE UPDATE OF trust_version ON account
    FOR EACH ROW EXECUTE FUNCTION account_trust_forward();

ALTER TABLE certificate ADD COLUMN devices_suspended_at BIGINT;
ALTER TABLE certificate_tombstone ADD COLUMN devices_suspended_at BIGINT;
CREATE OR REPLACE FUNCTION certificate_counted() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF EXISTS (SELECT 1 FROM certificate_tombstone WHERE certificate_id = NEW.id) THEN
            RAISE EXCEPTION 'certificate_exists' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        UPDATE account SET certificate_used = certificate_used + 1 WHERE id = NEW.account_id;
        RETURN NEW;
    END IF;
    IF EXISTS (SELECT 1 FROM audit_entry WHERE id = OLD.audit_id) THEN
        RAISE EXCEPTION 'certificate_unrecorded' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    INSERT INTO certificate_tombstone (certificate_id, account_id, audit_id, devices_suspended_at)
    VALUES (OLD.id, OLD.account_id, OLD.audit_id, OLD.devices_suspended_at);
    UPDATE account
    SET certificate_used = certificate_used - 1, certificate_kept = least(certificate_kept, certificate_used - 1)
    WHERE id = OLD.account_id;
    RETURN OLD;
END $$;
CREATE VIEW device_suspension AS
    SELECT id AS certificate_id, account_id, devices_suspended_at AS suspended_at
    FROM certificate WHERE devices_suspended_at IS NOT NULL
    UNION ALL
    SELECT certificate_id, account_id, devices_suspended_at FROM certificate_tombstone
    WHERE devices_suspended_at IS NOT NULL;
CREATE INDEX certificate_suspension ON certificate (account_id) WHERE devices_suspended_at IS NOT NULL;
CREATE INDEX certificate_tombstone_suspension ON certificate_tombstone (account_id)
WHERE devices_suspended_at IS NOT NULL;

CREATE FUNCTION trust_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        UPDATE account SET trust_version = trust_version + 1 WHERE id = OLD.account_id;
    ELSE
        UPDATE account SET trust_version = trust_version + 1 WHERE id = NEW.account_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER certificate_trust_changed AFTER INSERT OR UPDATE OR DELETE ON certificate
    FOR EACH ROW EXECUTE FUNCTION trust_changed();

CREATE TABLE device (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account (id),
    version INTEGER NOT NULL,
    -- By bytes, as on SQLite: lists are sorted, and prefixes found, in one order on both.
    endpoint_name TEXT COLLATE "C" NOT NULL,
    suspended_at BIGINT,
    suspended_category TEXT,
    suspended_description TEXT,
    released_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    last_seen_at BIGINT,
    refused_at BIGINT,
    audit_id TEXT NOT NULL
);
CREATE UNIQUE INDEX device_endpoint_name ON device (account_id, endpoint_name);
CREATE INDEX device_created ON device (account_id, id);

CREATE TABLE device_credential (
    device_id TEXT NOT NULL REFERENCES device (id),
    account_id TEXT NOT NULL,
    service TEXT NOT NULL,
    key_sha256 BYTEA NOT NULL,
    fingerprint BYTEA NOT NULL,
    leaf BYTEA NOT NULL,
    presented BYTEA NOT NULL,
    -- What devices of one kind have in common: who signed the certificate, and what else is presented (its SHA-256).
    issuer_sha256 BYTEA NOT NULL,
    presented_sha256 BYTEA NOT NULL,
    valid_from BIGINT NOT NULL,
    valid_to BIGINT NOT NULL,
    certificate_id TEXT NOT NULL,
    accepted_at BIGINT NOT NULL,
    audit_id TEXT NOT NULL,
    PRIMARY KEY (device_id, service),
    CONSTRAINT device_credential_service CHECK (service IN ('BOOTSTRAP', 'LWM2M')),
    CONSTRAINT device_credential_hashes CHECK (octet_length(key_sha256) = 32 AND octet_length(fingerprint) = 32)
);
CREATE INDEX device_credential_kind
ON device_credential (account_id, service, certificate_id, issuer_sha256, presented_sha256, valid_to);
CREATE INDEX device_credential_key ON device_credential (account_id, key_sha256);
CREATE INDEX device_credential_certificate ON device_credential (account_id, certificate_id, accepted_at);

CREATE TRIGGER device_announced BEFORE INSERT OR UPDATE OF
    id, account_id, version, endpoint_name, suspended_at, suspended_category, suspended_description, released_at,
    created_at, updated_at, audit_id
ON device FOR EACH ROW EXECUTE FUNCTION audit_announced();
CREATE TRIGGER device_no_delete BEFORE DELETE ON device FOR EACH ROW EXECUTE FUNCTION audit_refuse('device');
CREATE TRIGGER device_no_truncate BEFORE TRUNCATE ON device
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse('device');
CREATE CONSTRAINT TRIGGER device_recorded AFTER INSERT OR UPDATE OF audit_id ON device
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_recorded();
CREATE TRIGGER device_trust_changed AFTER UPDATE OF suspended_at, released_at ON device FOR EACH ROW
    WHEN (NEW.suspended_at IS DISTINCT FROM OLD.suspended_at OR NEW.released_at IS DISTINCT FROM OLD.released_at)
    EXECUTE FUNCTION trust_changed();
CREATE TRIGGER device_credential_announced BEFORE INSERT OR UPDATE ON device_credential
    FOR EACH ROW EXECUTE FUNCTION audit_announced();
CREATE TRIGGER device_credential_no_delete BEFORE DELETE ON device_credential
    FOR EACH ROW EXECUTE FUNCTION audit_refuse('device_credential');
CREATE TRIGGER device_credential_no_truncate BEFORE TRUNCATE ON device_credential
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse('device_credential');
CREATE CONSTRAINT TRIGGER device_credential_recorded AFTER INSERT OR UPDATE ON device_credential
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_recorded();

CREATE TABLE intermediate (
    account_id TEXT NOT NULL,
    sha256 BYTEA NOT NULL,
    der BYTEA NOT NULL,
    used_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, sha256),
    CONSTRAINT intermediate_size CHECK (octet_length(sha256) = 32 AND octet_length(der) <= 16384)
);
CREATE TRIGGER intermediate_trust_changed AFTER INSERT OR DELETE ON intermediate
    FOR EACH ROW EXECUTE FUNCTION trust_changed();

CREATE TABLE denial (
    account_id TEXT NOT NULL,
    certificate_id TEXT NOT NULL,
    endpoint_name TEXT NOT NULL,
    service TEXT NOT NULL,
    id TEXT NOT NULL,
    fingerprint BYTEA NOT NULL,
    attempts BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, certificate_id, endpoint_name, service)
);
CREATE UNIQUE INDEX denial_id ON denial (account_id, id);
CREATE INDEX denial_last ON denial (account_id, certificate_id, last_at, id);

CREATE TABLE gateway (
    api_key_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    service TEXT NOT NULL,
    applied_version BIGINT,
    applied_at BIGINT,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (api_key_id, service)
);
CREATE INDEX gateway_account ON gateway (account_id, api_key_id);

DO $$
DECLARE
    guard RECORD;
BEGIN
    FOR guard IN
        SELECT c.relname, t.tgname FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
        WHERE NOT t.tgisinternal AND c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
          AND c.relname IN ('account', 'certificate', 'device', 'device_credential', 'intermediate')
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', guard.relname, guard.tgname);
    END LOOP;
END $$;
