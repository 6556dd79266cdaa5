-- The same tables and the same promises as the SQLite file beside this one, in PostgreSQL's own means.

CREATE TABLE device_key (
    account_id TEXT NOT NULL,
    key_sha256 BYTEA NOT NULL,
    device_id TEXT NOT NULL REFERENCES device (id),
    -- The entry by which the device was first let in with it.
    audit_id TEXT NOT NULL,
    PRIMARY KEY (account_id, key_sha256, device_id),
    CONSTRAINT device_key_hash CHECK (octet_length(key_sha256) = 32)
);
-- What devices were let in with before the last time is not known of those that came before this migration.
INSERT INTO device_key (account_id, key_sha256, device_id, audit_id)
SELECT account_id, key_sha256, device_id, min(audit_id) FROM device_credential
GROUP BY account_id, key_sha256, device_id;

CREATE TRIGGER device_key_announced BEFORE INSERT ON device_key FOR EACH ROW EXECUTE FUNCTION audit_announced();
CREATE TRIGGER device_key_no_change BEFORE UPDATE OR DELETE ON device_key
    FOR EACH ROW EXECUTE FUNCTION audit_refuse('device_key');
CREATE TRIGGER device_key_no_truncate BEFORE TRUNCATE ON device_key
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse('device_key');
CREATE CONSTRAINT TRIGGER device_key_recorded AFTER INSERT ON device_key
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_recorded();

ALTER TABLE intermediate ADD COLUMN subject_sha256 BYTEA CHECK (octet_length(subject_sha256) = 32);

DO $$
DECLARE
    guard RECORD;
BEGIN
    FOR guard IN
        SELECT c.relname, t.tgname FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
        WHERE NOT t.tgisinternal AND c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
          AND c.relname = 'device_key'
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', guard.relname, guard.tgname);
    END LOOP;
END $$;
