-- The same tables and the same promises as the SQLite file beside this one, in PostgreSQL's own means.
-- Every guard is ENABLE ALWAYS: an ordinary trigger is skipped under session_replication_role = replica.

CREATE TABLE audit_stream (
    stream TEXT NOT NULL PRIMARY KEY,
    account_id TEXT,
    aseq BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    CONSTRAINT audit_stream_hash CHECK (octet_length(hash) = 32)
) WITH (fillfactor = 50);

CREATE TABLE audit_entry (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id TEXT NOT NULL,
    account_id TEXT,
    stream TEXT NOT NULL,
    aseq BIGINT NOT NULL,
    prev BYTEA NOT NULL,
    body_sha256 BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    time BIGINT NOT NULL,
    actor_type TEXT NOT NULL,
    actor_id TEXT,
    action TEXT NOT NULL,
    result TEXT NOT NULL,
    code TEXT,
    target_type TEXT,
    target_id TEXT,
    CONSTRAINT audit_entry_hashes
        CHECK (octet_length(prev) = 32 AND octet_length(body_sha256) = 32 AND octet_length(hash) = 32),
    CONSTRAINT audit_entry_result CHECK (result IN ('success', 'refused', 'failed'))
);
CREATE UNIQUE INDEX audit_entry_id ON audit_entry (id);
CREATE UNIQUE INDEX audit_entry_place ON audit_entry (stream, aseq);
CREATE INDEX audit_entry_account ON audit_entry (account_id, seq);
CREATE INDEX audit_entry_actor ON audit_entry (account_id, actor_id, seq);
CREATE INDEX audit_entry_action ON audit_entry (account_id, action, seq);
CREATE INDEX audit_entry_time ON audit_entry (account_id, time, seq);
CREATE INDEX audit_entry_target ON audit_entry (account_id, target_id, seq);

-- Bodies are cut by month, so that whole months can be archived and dropped; hashes and numbers never are.
CREATE TABLE audit_body (
    seq BIGINT NOT NULL,
    month INTEGER NOT NULL,
    body BYTEA NOT NULL,
    -- In this order, so that a body is also found where the month is not known.
    PRIMARY KEY (seq, month),
    CONSTRAINT audit_body_size CHECK (octet_length(body) BETWEEN 2 AND 16384)
) PARTITION BY RANGE (month);

CREATE TABLE audit_disclosure (
    seq BIGINT NOT NULL,
    account_id TEXT,
    subject_id TEXT NOT NULL,
    disclosures TEXT NOT NULL,
    PRIMARY KEY (seq, subject_id)
);
CREATE INDEX audit_disclosure_subject ON audit_disclosure (account_id, subject_id);

-- Refuses whatever it is attached to; the name of the table says what.
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    RAISE EXCEPTION '%_append_only', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE FUNCTION audit_entry_chain() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    -- The head is advanced here, and only from the hash that the entry names: a gap or a fork cannot be written.
    UPDATE audit_stream SET aseq = NEW.aseq, hash = NEW.hash
    WHERE stream = NEW.stream AND aseq = NEW.aseq - 1 AND hash = NEW.prev
      AND account_id IS NOT DISTINCT FROM NEW.account_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'audit_entry_chain' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_entry_chain AFTER INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION audit_entry_chain();

CREATE FUNCTION audit_stream_forward() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.aseq = 0 AND NEW.hash = decode(repeat('00', 32), 'hex') THEN
            RETURN NEW;
        END IF;
    -- Only an entry that is there advances the head: by hand it would leave a gap.
    ELSIF NEW.stream = OLD.stream AND NEW.account_id IS NOT DISTINCT FROM OLD.account_id AND NEW.aseq = OLD.aseq + 1
          AND EXISTS (
            SELECT 1 FROM audit_entry WHERE stream = NEW.stream AND aseq = NEW.aseq AND hash = NEW.hash
          ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'audit_stream_append_only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER audit_stream_forward BEFORE INSERT OR UPDATE ON audit_stream
    FOR EACH ROW EXECUTE FUNCTION audit_stream_forward();
CREATE TRIGGER audit_stream_no_delete BEFORE DELETE ON audit_stream
    FOR EACH ROW EXECUTE FUNCTION audit_refuse('audit_stream');
CREATE TRIGGER audit_stream_no_truncate BEFORE TRUNCATE ON audit_stream
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse('audit_stream');
CREATE TRIGGER audit_entry_no_change BEFORE UPDATE OR DELETE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION audit_refuse('audit_entry');
CREATE TRIGGER audit_entry_no_truncate BEFORE TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse('audit_entry');
CREATE TRIGGER audit_body_no_change BEFORE UPDATE OR DELETE ON audit_body
    FOR EACH ROW EXECUTE FUNCTION audit_refuse('audit_body');
CREATE TRIGGER audit_body_no_truncate BEFORE TRUNCATE ON audit_body
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse('audit_body');
CREATE TRIGGER audit_disclosure_no_change BEFORE UPDATE OR DELETE ON audit_disclosure
    FOR EACH ROW EXECUTE FUNCTION audit_refuse('audit_disclosure');
CREATE TRIGGER audit_disclosure_no_truncate BEFORE TRUNCATE ON audit_disclosure
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse('audit_disclosure');
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_chain;
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_no_change;
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_no_truncate;
ALTER TABLE audit_stream ENABLE ALWAYS TRIGGER audit_stream_forward;
ALTER TABLE audit_stream ENABLE ALWAYS TRIGGER audit_stream_no_delete;
ALTER TABLE audit_stream ENABLE ALWAYS TRIGGER audit_stream_no_truncate;
ALTER TABLE audit_body ENABLE ALWAYS TRIGGER audit_body_no_change;
ALTER TABLE audit_body ENABLE ALWAYS TRIGGER audit_body_no_truncate;
ALTER TABLE audit_disclosure ENABLE ALWAYS TRIGGER audit_disclosure_no_change;
ALTER TABLE audit_disclosure ENABLE ALWAYS TRIGGER audit_disclosure_no_truncate;

-- Makes the partition of one month (year * 100 + month), with the TRUNCATE trigger that partitions do not inherit.
CREATE FUNCTION audit_ensure_month(wanted INTEGER) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    part TEXT := 'audit_body_' || wanted;
    following INTEGER := CASE WHEN wanted % 100 = 12 THEN wanted + 89 ELSE wanted + 1 END;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('audit_ensure_month'));
    IF to_regclass(part) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I PARTITION OF audit_body FOR VALUES FROM (%s) TO (%s)', part, wanted, following);
    EXECUTE format(
        'CREATE TRIGGER audit_body_no_truncate BEFORE TRUNCATE ON %I '
        'FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse(''audit_body'')', part
    );
    EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER audit_body_no_truncate', part);
END $$;

-- One statement appends an entry with its body and its disclosures: the same statement on both engines.
CREATE VIEW audit_append AS
    SELECT
        e.id, e.account_id, e.stream, e.aseq, e.prev, e.body_sha256, e.hash, e.time, e.actor_type, e.actor_id,
        e.action, e.result, e.code, e.target_type, e.target_id, b.month, b.body, d.subject_id, d.disclosures
    FROM audit_entry AS e
    JOIN audit_body AS b ON b.seq = e.seq
    LEFT JOIN audit_disclosure AS d ON d.seq = e.seq;
CREATE FUNCTION audit_append() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    place BIGINT;
BEGIN
    INSERT INTO audit_entry (
        id, account_id, stream, aseq, prev, body_sha256, hash, time, actor_type, actor_id,
        action, result, code, target_type, target_id
    ) VALUES (
        NEW.id, NEW.account_id, NEW.stream, NEW.aseq, NEW.prev, NEW.body_sha256, NEW.hash, NEW.time,
        NEW.actor_type, NEW.actor_id, NEW.action, NEW.result, NEW.code, NEW.target_type, NEW.target_id
    ) RETURNING seq INTO place;
    IF to_regclass('audit_body_' || NEW.month) IS NULL THEN
        PERFORM audit_ensure_month(NEW.month);
    END IF;
    INSERT INTO audit_body (seq, month, body) VALUES (place, NEW.month, NEW.body);
    IF NEW.disclosures IS NOT NULL THEN
        INSERT INTO audit_disclosure (seq, account_id, subject_id, disclosures)
        VALUES (place, NEW.account_id, NEW.subject_id, NEW.disclosures);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_append_insert INSTEAD OF INSERT ON audit_append
    FOR EACH ROW EXECUTE FUNCTION audit_append();

-- The state.

CREATE TABLE account (
    id TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    tier TEXT NOT NULL,
    limit_override INTEGER,
    certificate_limit INTEGER NOT NULL,
    certificate_used INTEGER NOT NULL DEFAULT 0,
    certificate_kept INTEGER NOT NULL DEFAULT 0,
    require_possession BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    audit_id TEXT NOT NULL,
    CONSTRAINT account_tier CHECK (tier IN ('DEVELOPER', 'COMMERCIAL')),
    CONSTRAINT account_quota
        CHECK (certificate_used BETWEEN 0 AND greatest(certificate_limit, certificate_kept) AND certificate_limit >= 0)
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX account_name ON account (name);

CREATE TABLE certificate (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account (id),
    version INTEGER NOT NULL,
    -- "C" orders names by code point, as SQLite does, so that a list has one order on both engines.
    name TEXT COLLATE "C" NOT NULL,
    description TEXT,
    status TEXT NOT NULL,
    service TEXT NOT NULL,
    usage TEXT NOT NULL,
    possession TEXT NOT NULL,
    fingerprint BYTEA NOT NULL,
    subject_key_sha256 BYTEA NOT NULL,
    chain BYTEA NOT NULL,
    search_text TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    created_by_type TEXT NOT NULL,
    created_by_id TEXT,
    created_audit_id TEXT NOT NULL,
    audit_id TEXT NOT NULL,
    CONSTRAINT certificate_status CHECK (status IN ('ACTIVE', 'INACTIVE')),
    CONSTRAINT certificate_service CHECK (service IN ('BOOTSTRAP', 'LWM2M')),
    CONSTRAINT certificate_usage CHECK (usage IN ('CREDENTIALS', 'ENROLLMENT', 'THIRD_PARTY_CA')),
    CONSTRAINT certificate_possession CHECK (possession IN ('NOT_REQUIRED', 'PENDING', 'PROVEN')),
    CONSTRAINT certificate_chain CHECK (octet_length(chain) BETWEEN 32 AND 320 AND octet_length(chain) % 32 = 0)
);
CREATE UNIQUE INDEX certificate_trusted_ca ON certificate (account_id, service, fingerprint);
CREATE UNIQUE INDEX certificate_name ON certificate (account_id, name);
-- None for updated_at: sorting an account's records costs less than an index that every change of one must touch.
CREATE INDEX certificate_created ON certificate (account_id, created_at, id);
CREATE INDEX certificate_expires ON certificate (account_id, expires_at, id);
CREATE INDEX certificate_subject_key ON certificate (account_id, subject_key_sha256);

CREATE TABLE x509_certificate (
    account_id TEXT NOT NULL,
    sha256 BYTEA NOT NULL,
    der BYTEA NOT NULL,
    PRIMARY KEY (account_id, sha256),
    CONSTRAINT x509_certificate_size CHECK (octet_length(sha256) = 32 AND octet_length(der) <= 16384)
);
CREATE TABLE certificate_tombstone (
    certificate_id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL,
    audit_id TEXT NOT NULL
);

CREATE TABLE api_key (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account (id),
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    client_cert TEXT,
    hint TEXT NOT NULL,
    secret_sha256 BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    last_used_at BIGINT,
    audit_id TEXT NOT NULL,
    CONSTRAINT api_key_role CHECK (role IN ('admin', 'operator', 'viewer', 'auditor', 'gateway'))
);
CREATE INDEX api_key_account ON api_key (account_id, id);

CREATE TABLE portal_user (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account (id),
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    audit_id TEXT NOT NULL,
    CONSTRAINT portal_user_role CHECK (role IN ('admin', 'operator', 'viewer', 'auditor'))
);
CREATE UNIQUE INDEX portal_user_name ON portal_user (name);
CREATE INDEX portal_user_account ON portal_user (account_id, id);

CREATE TABLE idempotency_key (
    account_id TEXT NOT NULL,
    key TEXT NOT NULL,
    action TEXT NOT NULL,
    input_sha256 BYTEA NOT NULL,
    audit_id TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, key)
);
CREATE INDEX idempotency_key_expiry ON idempotency_key (account_id, expires_at);

CREATE TRIGGER x509_certificate_no_change BEFORE UPDATE OR DELETE ON x509_certificate
    FOR EACH ROW EXECUTE FUNCTION audit_refuse('x509_certificate');
CREATE TRIGGER x509_certificate_no_truncate BEFORE TRUNCATE ON x509_certificate
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse('x509_certificate');
CREATE TRIGGER certificate_tombstone_no_change BEFORE UPDATE OR DELETE ON certificate_tombstone
    FOR EACH ROW EXECUTE FUNCTION audit_refuse('certificate_tombstone');
CREATE TRIGGER certificate_tombstone_no_truncate BEFORE TRUNCATE ON certificate_tombstone
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse('certificate_tombstone');
ALTER TABLE x509_certificate ENABLE ALWAYS TRIGGER x509_certificate_no_change;
ALTER TABLE x509_certificate ENABLE ALWAYS TRIGGER x509_certificate_no_truncate;
ALTER TABLE certificate_tombstone ENABLE ALWAYS TRIGGER certificate_tombstone_no_change;
ALTER TABLE certificate_tombstone ENABLE ALWAYS TRIGGER certificate_tombstone_no_truncate;

-- A change must name an entry that is not there yet, so that it cannot hide behind the entry of an earlier one ...
CREATE FUNCTION audit_announced() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF (TG_OP = 'UPDATE' AND NEW.audit_id = OLD.audit_id)
       OR EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.audit_id) THEN
        RAISE EXCEPTION '%_unrecorded', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
-- ... and at the COMMIT that entry must be there.
CREATE FUNCTION audit_recorded() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.audit_id) THEN
        RAISE EXCEPTION '%_unrecorded', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION certificate_counted() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
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
    INSERT INTO certificate_tombstone (certificate_id, account_id, audit_id)
    VALUES (OLD.id, OLD.account_id, OLD.audit_id);
    UPDATE account
    SET certificate_used = certificate_used - 1, certificate_kept = least(certificate_kept, certificate_used - 1)
    WHERE id = OLD.account_id;
    RETURN OLD;
END $$;
CREATE FUNCTION certificate_fixed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.id <> OLD.id OR NEW.account_id <> OLD.account_id OR NEW.chain <> OLD.chain
       OR NEW.fingerprint <> OLD.fingerprint OR NEW.version <> OLD.version + 1 THEN
        RAISE EXCEPTION 'certificate_fixed' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION account_kept() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.certificate_kept > OLD.certificate_kept AND NEW.audit_id = OLD.audit_id THEN
        RAISE EXCEPTION 'account_unrecorded' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER account_announced BEFORE INSERT OR UPDATE OF
    id, version, name, tier, limit_override, certificate_limit, require_possession, created_at, updated_at, audit_id
ON account FOR EACH ROW EXECUTE FUNCTION audit_announced();
CREATE TRIGGER account_kept BEFORE UPDATE OF certificate_kept ON account
    FOR EACH ROW EXECUTE FUNCTION account_kept();
CREATE TRIGGER account_no_delete BEFORE DELETE ON account FOR EACH ROW EXECUTE FUNCTION audit_refuse('account');
CREATE TRIGGER account_no_truncate BEFORE TRUNCATE ON account
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse('account');
CREATE CONSTRAINT TRIGGER account_recorded AFTER INSERT OR UPDATE OF audit_id ON account
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_recorded();

CREATE TRIGGER certificate_announced BEFORE INSERT OR UPDATE ON certificate
    FOR EACH ROW EXECUTE FUNCTION audit_announced();
CREATE TRIGGER certificate_counted BEFORE INSERT OR DELETE ON certificate
    FOR EACH ROW EXECUTE FUNCTION certificate_counted();
CREATE TRIGGER certificate_fixed BEFORE UPDATE ON certificate FOR EACH ROW EXECUTE FUNCTION certificate_fixed();
CREATE TRIGGER certificate_no_truncate BEFORE TRUNCATE ON certificate
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse('certificate');
CREATE CONSTRAINT TRIGGER certificate_recorded AFTER INSERT OR UPDATE ON certificate
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_recorded();
CREATE CONSTRAINT TRIGGER certificate_tombstone_recorded AFTER INSERT ON certificate_tombstone
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_recorded();

CREATE TRIGGER api_key_announced BEFORE INSERT OR UPDATE OF
    id, account_id, version, name, role, client_cert, hint, secret_sha256, created_at, expires_at, revoked_at, audit_id
ON api_key FOR EACH ROW EXECUTE FUNCTION audit_announced();
CREATE TRIGGER api_key_no_delete BEFORE DELETE ON api_key FOR EACH ROW EXECUTE FUNCTION audit_refuse('api_key');
CREATE TRIGGER api_key_no_truncate BEFORE TRUNCATE ON api_key
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse('api_key');
CREATE CONSTRAINT TRIGGER api_key_recorded AFTER INSERT OR UPDATE OF audit_id ON api_key
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_recorded();

CREATE TRIGGER portal_user_announced BEFORE INSERT OR UPDATE ON portal_user
    FOR EACH ROW EXECUTE FUNCTION audit_announced();
CREATE TRIGGER portal_user_no_delete BEFORE DELETE ON portal_user
    FOR EACH ROW EXECUTE FUNCTION audit_refuse('portal_user');
CREATE TRIGGER portal_user_no_truncate BEFORE TRUNCATE ON portal_user
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse('portal_user');
CREATE CONSTRAINT TRIGGER portal_user_recorded AFTER INSERT OR UPDATE ON portal_user
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_recorded();
CREATE CONSTRAINT TRIGGER idempotency_key_recorded AFTER INSERT ON idempotency_key
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_recorded();

DO $$
DECLARE
    guard RECORD;
BEGIN
    FOR guard IN
        SELECT c.relname, t.tgname FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
        WHERE NOT t.tgisinternal AND c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
          AND c.relname IN (
            'account', 'certificate', 'certificate_tombstone', 'api_key', 'portal_user', 'idempotency_key'
          )
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', guard.relname, guard.tgname);
    END LOOP;
END $$;
