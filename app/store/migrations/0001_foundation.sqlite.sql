-- The log comes first: every other table points at it, and it points at nothing.

CREATE TABLE audit_stream (
    stream TEXT NOT NULL PRIMARY KEY,
    account_id TEXT,
    aseq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    CONSTRAINT audit_stream_hash CHECK (length(hash) = 32)
) WITHOUT ROWID;

-- AUTOINCREMENT, or SQLite gives the number of the newest row again once that row is gone.
CREATE TABLE audit_entry (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    account_id TEXT,
    stream TEXT NOT NULL,
    aseq INTEGER NOT NULL,
    prev BLOB NOT NULL,
    body_sha256 BLOB NOT NULL,
    hash BLOB NOT NULL,
    time INTEGER NOT NULL,
    actor_type TEXT NOT NULL,
    actor_id TEXT,
    action TEXT NOT NULL,
    result TEXT NOT NULL,
    code TEXT,
    target_type TEXT,
    target_id TEXT,
    CONSTRAINT audit_entry_hashes CHECK (length(prev) = 32 AND length(body_sha256) = 32 AND length(hash) = 32),
    CONSTRAINT audit_entry_result CHECK (result IN ('success', 'refused', 'failed'))
);
CREATE UNIQUE INDEX audit_entry_id ON audit_entry (id);
CREATE UNIQUE INDEX audit_entry_place ON audit_entry (stream, aseq);
CREATE INDEX audit_entry_account ON audit_entry (account_id, seq);
CREATE INDEX audit_entry_actor ON audit_entry (account_id, actor_id, seq);
CREATE INDEX audit_entry_action ON audit_entry (account_id, action, seq);
CREATE INDEX audit_entry_time ON audit_entry (account_id, time, seq);
CREATE INDEX audit_entry_target ON audit_entry (account_id, target_id, seq);

-- Bodies may one day be archived and dropped by whole months; hashes and numbers never are.
CREATE TABLE audit_body (
    seq INTEGER NOT NULL PRIMARY KEY,
    month INTEGER NOT NULL,
    body BLOB NOT NULL,
    CONSTRAINT audit_body_size CHECK (length(body) BETWEEN 2 AND 16384)
);

CREATE TABLE audit_disclosure (
    seq INTEGER NOT NULL,
    account_id TEXT,
    subject_id TEXT NOT NULL,
    disclosures TEXT NOT NULL,
    PRIMARY KEY (seq, subject_id)
) WITHOUT ROWID;
CREATE INDEX audit_disclosure_subject ON audit_disclosure (account_id, subject_id);

-- INSERT OR REPLACE walks past the UPDATE and DELETE triggers, so an existing key is refused before it can.
CREATE TRIGGER audit_entry_chain BEFORE INSERT ON audit_entry BEGIN
    SELECT RAISE(ABORT, 'audit_entry_append_only')
    WHERE EXISTS (SELECT 1 FROM audit_entry WHERE seq = NEW.seq OR id = NEW.id)
       OR EXISTS (SELECT 1 FROM audit_entry WHERE stream = NEW.stream AND aseq = NEW.aseq);
    SELECT RAISE(ABORT, 'audit_entry_chain')
    WHERE NOT EXISTS (
        SELECT 1 FROM audit_stream
        WHERE stream = NEW.stream AND aseq = NEW.aseq - 1 AND hash = NEW.prev AND account_id IS NEW.account_id
    );
END;
CREATE TRIGGER audit_entry_advance AFTER INSERT ON audit_entry BEGIN
    UPDATE audit_stream SET aseq = NEW.aseq, hash = NEW.hash WHERE stream = NEW.stream;
END;
CREATE TRIGGER audit_entry_no_update BEFORE UPDATE ON audit_entry BEGIN
    SELECT RAISE(ABORT, 'audit_entry_append_only');
END;
CREATE TRIGGER audit_entry_no_delete BEFORE DELETE ON audit_entry BEGIN
    SELECT RAISE(ABORT, 'audit_entry_append_only');
END;

CREATE TRIGGER audit_stream_new BEFORE INSERT ON audit_stream BEGIN
    SELECT RAISE(ABORT, 'audit_stream_append_only')
    WHERE NEW.aseq <> 0 OR NEW.hash <> zeroblob(32)
       OR EXISTS (SELECT 1 FROM audit_stream WHERE stream = NEW.stream);
END;
CREATE TRIGGER audit_stream_forward BEFORE UPDATE ON audit_stream BEGIN
    SELECT RAISE(ABORT, 'audit_stream_append_only')
    WHERE NEW.stream <> OLD.stream OR NEW.account_id IS NOT OLD.account_id OR NEW.aseq <> OLD.aseq + 1
       OR NOT EXISTS (
        SELECT 1 FROM audit_entry WHERE stream = NEW.stream AND aseq = NEW.aseq AND hash = NEW.hash
    );
END;
CREATE TRIGGER audit_stream_no_delete BEFORE DELETE ON audit_stream BEGIN
    SELECT RAISE(ABORT, 'audit_stream_append_only');
END;

CREATE TRIGGER audit_body_new BEFORE INSERT ON audit_body BEGIN
    SELECT RAISE(ABORT, 'audit_body_append_only') WHERE EXISTS (SELECT 1 FROM audit_body WHERE seq = NEW.seq);
END;
CREATE TRIGGER audit_body_no_update BEFORE UPDATE ON audit_body BEGIN
    SELECT RAISE(ABORT, 'audit_body_append_only');
END;
CREATE TRIGGER audit_body_no_delete BEFORE DELETE ON audit_body BEGIN
    SELECT RAISE(ABORT, 'audit_body_append_only');
END;

CREATE TRIGGER audit_disclosure_new BEFORE INSERT ON audit_disclosure BEGIN
    SELECT RAISE(ABORT, 'audit_disclosure_append_only')
    WHERE EXISTS (SELECT 1 FROM audit_disclosure WHERE seq = NEW.seq AND subject_id = NEW.subject_id);
END;
CREATE TRIGGER audit_disclosure_no_update BEFORE UPDATE ON audit_disclosure BEGIN
    SELECT RAISE(ABORT, 'audit_disclosure_append_only');
END;
CREATE TRIGGER audit_disclosure_no_delete BEFORE DELETE ON audit_disclosure BEGIN
    SELECT RAISE(ABORT, 'audit_disclosure_append_only');
END;

-- One statement appends an entry with its body and its disclosures: the same statement on both engines.
CREATE VIEW audit_append AS
    SELECT
        e.id, e.account_id, e.stream, e.aseq, e.prev, e.body_sha256, e.hash, e.time, e.actor_type, e.actor_id,
        e.action, e.result, e.code, e.target_type, e.target_id, b.month, b.body, d.subject_id, d.disclosures
    FROM audit_entry AS e
    JOIN audit_body AS b ON b.seq = e.seq
    LEFT JOIN audit_disclosure AS d ON d.seq = e.seq;
CREATE TRIGGER audit_append_insert INSTEAD OF INSERT ON audit_append BEGIN
    INSERT INTO audit_entry (
        id, account_id, stream, aseq, prev, body_sha256, hash, time, actor_type, actor_id,
        action, result, code, target_type, target_id
    ) VALUES (
        NEW.id, NEW.account_id, NEW.stream, NEW.aseq, NEW.prev, NEW.body_sha256, NEW.hash, NEW.time,
        NEW.actor_type, NEW.actor_id, NEW.action, NEW.result, NEW.code, NEW.target_type, NEW.target_id
    );
    INSERT INTO audit_body (seq, month, body)
    SELECT seq, NEW.month, NEW.body FROM audit_entry WHERE id = NEW.id;
    INSERT INTO audit_disclosure (seq, account_id, subject_id, disclosures)
    SELECT seq, NEW.account_id, NEW.subject_id, NEW.disclosures FROM audit_entry
    WHERE id = NEW.id AND NEW.disclosures IS NOT NULL;
END;

-- The state. Each row names the entry of its last change. The reference is deferred: the change comes first, its
-- entry after it, and a COMMIT without the entry is refused.

CREATE TABLE account (
    id TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    tier TEXT NOT NULL,
    limit_override INTEGER,
    certificate_limit INTEGER NOT NULL,
    certificate_used INTEGER NOT NULL DEFAULT 0,
    -- What a lowered limit found: it may stay, and shrinks with every deletion.
    certificate_kept INTEGER NOT NULL DEFAULT 0,
    require_possession BOOLEAN NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    audit_id TEXT NOT NULL REFERENCES audit_entry (id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT account_tier CHECK (tier IN ('DEVELOPER', 'COMMERCIAL')),
    CONSTRAINT account_quota
        CHECK (certificate_used BETWEEN 0 AND max(certificate_limit, certificate_kept) AND certificate_limit >= 0)
);
CREATE UNIQUE INDEX account_name ON account (name);

CREATE TABLE certificate (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account (id),
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    status TEXT NOT NULL,
    service TEXT NOT NULL,
    usage TEXT NOT NULL,
    possession TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    subject_key_sha256 BLOB NOT NULL,
    chain BLOB NOT NULL,
    search_text TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by_type TEXT NOT NULL,
    created_by_id TEXT,
    created_audit_id TEXT NOT NULL,
    audit_id TEXT NOT NULL REFERENCES audit_entry (id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT certificate_status CHECK (status IN ('ACTIVE', 'INACTIVE')),
    CONSTRAINT certificate_service CHECK (service IN ('BOOTSTRAP', 'LWM2M')),
    CONSTRAINT certificate_usage CHECK (usage IN ('CREDENTIALS', 'ENROLLMENT', 'THIRD_PARTY_CA')),
    CONSTRAINT certificate_possession CHECK (possession IN ('NOT_REQUIRED', 'PENDING', 'PROVEN')),
    CONSTRAINT certificate_chain CHECK (length(chain) BETWEEN 32 AND 320 AND length(chain) % 32 = 0)
);
CREATE UNIQUE INDEX certificate_trusted_ca ON certificate (account_id, service, fingerprint);
CREATE UNIQUE INDEX certificate_name ON certificate (account_id, name);
-- None for updated_at: sorting an account's records costs less than an index that every change of one must touch.
CREATE INDEX certificate_created ON certificate (account_id, created_at, id);
CREATE INDEX certificate_expires ON certificate (account_id, expires_at, id);
CREATE INDEX certificate_subject_key ON certificate (account_id, subject_key_sha256);

-- What a certificate was outlives it: the log names chains by hash, and this table knows the bytes.
CREATE TABLE x509_certificate (
    account_id TEXT NOT NULL,
    sha256 BLOB NOT NULL,
    der BLOB NOT NULL,
    PRIMARY KEY (account_id, sha256),
    CONSTRAINT x509_certificate_size CHECK (length(sha256) = 32 AND length(der) <= 16384)
) WITHOUT ROWID;
CREATE TRIGGER x509_certificate_no_update BEFORE UPDATE ON x509_certificate BEGIN
    SELECT RAISE(ABORT, 'x509_certificate_append_only');
END;
CREATE TRIGGER x509_certificate_no_delete BEFORE DELETE ON x509_certificate BEGIN
    SELECT RAISE(ABORT, 'x509_certificate_append_only');
END;

CREATE TABLE certificate_tombstone (
    certificate_id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL,
    audit_id TEXT NOT NULL REFERENCES audit_entry (id) DEFERRABLE INITIALLY DEFERRED
) WITHOUT ROWID;
CREATE TRIGGER certificate_tombstone_no_update BEFORE UPDATE ON certificate_tombstone BEGIN
    SELECT RAISE(ABORT, 'certificate_tombstone_append_only');
END;
CREATE TRIGGER certificate_tombstone_no_delete BEFORE DELETE ON certificate_tombstone BEGIN
    SELECT RAISE(ABORT, 'certificate_tombstone_append_only');
END;

CREATE TABLE api_key (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account (id),
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    client_cert TEXT,
    hint TEXT NOT NULL,
    secret_sha256 BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    last_used_at INTEGER,
    audit_id TEXT NOT NULL REFERENCES audit_entry (id) DEFERRABLE INITIALLY DEFERRED,
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
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    audit_id TEXT NOT NULL REFERENCES audit_entry (id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT portal_user_role CHECK (role IN ('admin', 'operator', 'viewer', 'auditor'))
);
CREATE UNIQUE INDEX portal_user_name ON portal_user (name);
CREATE INDEX portal_user_account ON portal_user (account_id, id);

CREATE TABLE idempotency_key (
    account_id TEXT NOT NULL,
    key TEXT NOT NULL,
    action TEXT NOT NULL,
    input_sha256 BLOB NOT NULL,
    audit_id TEXT NOT NULL REFERENCES audit_entry (id) DEFERRABLE INITIALLY DEFERRED,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_key_expiry ON idempotency_key (account_id, expires_at);

-- When an entry is written while a change waits for its own, SQLite looks through every table that may name it: with an
-- index one step each, without one a scan of all that the installation holds.
CREATE INDEX account_audit ON account (audit_id);
CREATE INDEX certificate_audit ON certificate (audit_id);
CREATE INDEX certificate_tombstone_audit ON certificate_tombstone (audit_id);
CREATE INDEX api_key_audit ON api_key (audit_id);
CREATE INDEX portal_user_audit ON portal_user (audit_id);
CREATE INDEX idempotency_key_audit ON idempotency_key (audit_id);

-- A change must name an entry that is not there yet, so that it cannot hide behind the entry of an earlier one.
CREATE TRIGGER account_new BEFORE INSERT ON account BEGIN
    SELECT RAISE(ABORT, 'account_unrecorded')
    WHERE EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.audit_id)
       OR EXISTS (SELECT 1 FROM account WHERE id = NEW.id);
END;
CREATE TRIGGER account_changed BEFORE UPDATE OF
    id, version, name, tier, limit_override, certificate_limit, require_possession, created_at, updated_at, audit_id
ON account BEGIN
    SELECT RAISE(ABORT, 'account_unrecorded')
    WHERE NEW.audit_id = OLD.audit_id OR EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.audit_id);
END;
-- The deletion of a certificate lowers what is kept and is recorded as what it is; only a change of limit raises it.
CREATE TRIGGER account_kept BEFORE UPDATE OF certificate_kept ON account
WHEN NEW.certificate_kept > OLD.certificate_kept AND NEW.audit_id = OLD.audit_id BEGIN
    SELECT RAISE(ABORT, 'account_unrecorded');
END;
CREATE TRIGGER account_no_delete BEFORE DELETE ON account BEGIN
    SELECT RAISE(ABORT, 'account_unrecorded');
END;

CREATE TRIGGER certificate_new BEFORE INSERT ON certificate BEGIN
    SELECT RAISE(ABORT, 'certificate_unrecorded')
    WHERE EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.audit_id);
    SELECT RAISE(ABORT, 'certificate_exists')
    WHERE EXISTS (SELECT 1 FROM certificate WHERE id = NEW.id)
       OR EXISTS (SELECT 1 FROM certificate_tombstone WHERE certificate_id = NEW.id)
       OR EXISTS (SELECT 1 FROM certificate WHERE account_id = NEW.account_id AND name = NEW.name)
       OR EXISTS (
        SELECT 1 FROM certificate
        WHERE account_id = NEW.account_id AND service = NEW.service AND fingerprint = NEW.fingerprint
    );
    UPDATE account SET certificate_used = certificate_used + 1 WHERE id = NEW.account_id;
END;
CREATE TRIGGER certificate_changed BEFORE UPDATE ON certificate BEGIN
    SELECT RAISE(ABORT, 'certificate_unrecorded')
    WHERE NEW.audit_id = OLD.audit_id OR EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.audit_id);
    SELECT RAISE(ABORT, 'certificate_fixed')
    WHERE NEW.id <> OLD.id OR NEW.account_id <> OLD.account_id OR NEW.chain <> OLD.chain
       OR NEW.fingerprint <> OLD.fingerprint OR NEW.version <> OLD.version + 1;
END;
CREATE TRIGGER certificate_deleted BEFORE DELETE ON certificate BEGIN
    SELECT RAISE(ABORT, 'certificate_unrecorded') WHERE EXISTS (SELECT 1 FROM audit_entry WHERE id = OLD.audit_id);
    INSERT INTO certificate_tombstone (certificate_id, account_id, audit_id)
    VALUES (OLD.id, OLD.account_id, OLD.audit_id);
    UPDATE account
    SET certificate_used = certificate_used - 1, certificate_kept = min(certificate_kept, certificate_used - 1)
    WHERE id = OLD.account_id;
END;

CREATE TRIGGER api_key_new BEFORE INSERT ON api_key BEGIN
    SELECT RAISE(ABORT, 'api_key_unrecorded')
    WHERE EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.audit_id)
       OR EXISTS (SELECT 1 FROM api_key WHERE id = NEW.id);
END;
CREATE TRIGGER api_key_changed BEFORE UPDATE OF
    id, account_id, version, name, role, client_cert, hint, secret_sha256, created_at, expires_at, revoked_at, audit_id
ON api_key BEGIN
    SELECT RAISE(ABORT, 'api_key_unrecorded')
    WHERE NEW.audit_id = OLD.audit_id OR EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.audit_id);
END;
CREATE TRIGGER api_key_no_delete BEFORE DELETE ON api_key BEGIN
    SELECT RAISE(ABORT, 'api_key_unrecorded');
END;

CREATE TRIGGER portal_user_new BEFORE INSERT ON portal_user BEGIN
    SELECT RAISE(ABORT, 'portal_user_unrecorded')
    WHERE EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.audit_id)
       OR EXISTS (SELECT 1 FROM portal_user WHERE id = NEW.id OR name = NEW.name);
END;
CREATE TRIGGER portal_user_changed BEFORE UPDATE ON portal_user BEGIN
    SELECT RAISE(ABORT, 'portal_user_unrecorded')
    WHERE NEW.audit_id = OLD.audit_id OR EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.audit_id);
END;
CREATE TRIGGER portal_user_no_delete BEFORE DELETE ON portal_user BEGIN
    SELECT RAISE(ABORT, 'portal_user_unrecorded');
END;
