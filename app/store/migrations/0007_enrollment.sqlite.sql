-- First to claim: an account claims a device's identity before the device comes, one account in the whole installation.

-- A row is never deleted: it says who claimed, and whether and by which entry the claim was given up. So the entry of a
-- batch, which tells of a thousand claims by their digest, can be held against its rows for ever.
CREATE TABLE enrollment (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account (id),
    version INTEGER NOT NULL,
    -- SHA-256 of the device's bootstrap certificate.
    fingerprint BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    -- When a device first used it, and which.
    claimed_at INTEGER,
    device_id TEXT,
    -- Null where the claim was made, or given up, by itself.
    job_id TEXT,
    release_job_id TEXT,
    released_at INTEGER,
    created_audit_id TEXT NOT NULL,
    audit_id TEXT NOT NULL REFERENCES audit_entry (id) DEFERRABLE INITIALLY DEFERRED,
    released_audit_id TEXT REFERENCES audit_entry (id) DEFERRABLE INITIALLY DEFERRED,
    -- The claim, of whichever account, to which it gave way when its time was over: see enrollment_new.
    superseded_audit_id TEXT REFERENCES audit_entry (id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT enrollment_fingerprint CHECK (length(fingerprint) = 32),
    CONSTRAINT enrollment_expiry CHECK (expires_at > created_at),
    CONSTRAINT enrollment_released CHECK (
        (released_at IS NULL) = (released_audit_id IS NULL) AND (release_job_id IS NULL OR released_at IS NOT NULL)
    )
);
CREATE UNIQUE INDEX enrollment_identity ON enrollment (fingerprint)
    WHERE released_audit_id IS NULL AND superseded_audit_id IS NULL;
CREATE INDEX enrollment_list ON enrollment (account_id, id) WHERE released_at IS NULL;
-- The few that a verification looks at one by one: what batches alone made and ended is held against their entries.
CREATE INDEX enrollment_told_singly ON enrollment (account_id, id)
    WHERE job_id IS NULL OR audit_id <> created_audit_id OR (released_audit_id IS NOT NULL AND release_job_id IS NULL);
CREATE INDEX enrollment_claim_batch ON enrollment (account_id, created_audit_id) WHERE job_id IS NOT NULL;
CREATE INDEX enrollment_release_batch ON enrollment (account_id, released_audit_id) WHERE release_job_id IS NOT NULL;
-- For the look through all that names an entry which is being written; see 0001.
CREATE INDEX enrollment_audit ON enrollment (audit_id);
CREATE INDEX enrollment_released_audit ON enrollment (released_audit_id) WHERE released_audit_id IS NOT NULL;
CREATE INDEX enrollment_superseded_audit ON enrollment (superseded_audit_id) WHERE superseded_audit_id IS NOT NULL;

CREATE TRIGGER enrollment_new BEFORE INSERT ON enrollment BEGIN
    SELECT RAISE(ABORT, 'enrollment_unrecorded')
    WHERE NEW.audit_id <> NEW.created_audit_id OR NEW.version <> 1 OR NEW.superseded_audit_id IS NOT NULL
       OR NEW.claimed_at IS NOT NULL OR NEW.device_id IS NOT NULL OR NEW.released_at IS NOT NULL
       OR EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.audit_id);
    SELECT RAISE(ABORT, 'enrollment_exists') WHERE EXISTS (SELECT 1 FROM enrollment WHERE id = NEW.id);
    -- A claim whose time is over, and that no device used, gives way to the next one, whoever makes it.
    UPDATE enrollment SET superseded_audit_id = NEW.audit_id
    WHERE fingerprint = NEW.fingerprint AND released_audit_id IS NULL AND superseded_audit_id IS NULL
      AND claimed_at IS NULL AND expires_at <= NEW.created_at;
    -- Passed over here, so that INSERT OR REPLACE cannot put one account's claim in the place of another's.
    SELECT RAISE(IGNORE) WHERE EXISTS (
        SELECT 1 FROM enrollment
        WHERE fingerprint = NEW.fingerprint AND released_audit_id IS NULL AND superseded_audit_id IS NULL
    );
END;
CREATE TRIGGER enrollment_changed BEFORE UPDATE ON enrollment BEGIN
    SELECT RAISE(ABORT, 'enrollment_unrecorded')
    WHERE (NEW.version <> OLD.version OR NEW.claimed_at IS NOT OLD.claimed_at OR NEW.device_id IS NOT OLD.device_id
           OR NEW.audit_id <> OLD.audit_id)
      AND (NEW.audit_id = OLD.audit_id OR NEW.version <> OLD.version + 1
           OR EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.audit_id));
    SELECT RAISE(ABORT, 'enrollment_unrecorded')
    WHERE (NEW.released_at IS NOT OLD.released_at OR NEW.released_audit_id IS NOT OLD.released_audit_id
           OR NEW.release_job_id IS NOT OLD.release_job_id)
      AND (NEW.released_audit_id IS NULL OR EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.released_audit_id));
    SELECT RAISE(ABORT, 'enrollment_unrecorded')
    WHERE NEW.superseded_audit_id IS NOT OLD.superseded_audit_id
      AND (OLD.superseded_audit_id IS NOT NULL OR OLD.claimed_at IS NOT NULL OR OLD.expires_at IS NULL
           OR EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.superseded_audit_id));
    SELECT RAISE(ABORT, 'enrollment_fixed')
    WHERE OLD.released_at IS NOT NULL
       OR NEW.id <> OLD.id OR NEW.account_id <> OLD.account_id OR NEW.fingerprint <> OLD.fingerprint
       OR NEW.created_at <> OLD.created_at OR NEW.expires_at IS NOT OLD.expires_at OR NEW.job_id IS NOT OLD.job_id
       OR NEW.created_audit_id <> OLD.created_audit_id;
END;
CREATE TRIGGER enrollment_no_delete BEFORE DELETE ON enrollment BEGIN
    SELECT RAISE(ABORT, 'enrollment_append_only');
END;

-- What is worked off in batches, each in a transaction with its entry, the rows that it makes and this row's progress.
CREATE TABLE job (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account (id),
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    completed_at INTEGER,
    total_count INTEGER NOT NULL,
    processed_count INTEGER NOT NULL,
    errors_count INTEGER NOT NULL,
    input_sha256 BLOB NOT NULL,
    input_bytes INTEGER NOT NULL,
    chunk_count INTEGER NOT NULL,
    -- How many chunks of the input are done: where it goes on, also after a crash.
    cursor INTEGER NOT NULL,
    audit_id TEXT NOT NULL REFERENCES audit_entry (id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT job_kind CHECK (kind IN ('ENROLLMENT_CLAIM', 'ENROLLMENT_RELEASE')),
    CONSTRAINT job_status CHECK (status IN ('QUEUED', 'RUNNING', 'DONE', 'FAILED')),
    CONSTRAINT job_completed CHECK ((completed_at IS NULL) = (status IN ('QUEUED', 'RUNNING'))),
    CONSTRAINT job_counts CHECK (
        errors_count BETWEEN 0 AND processed_count AND processed_count BETWEEN 0 AND total_count
        AND cursor BETWEEN 0 AND chunk_count
        AND (status <> 'DONE' OR (processed_count = total_count AND cursor = chunk_count))
    )
);
CREATE INDEX job_list ON job (account_id, id);
CREATE INDEX job_unfinished ON job (account_id, id) WHERE completed_at IS NULL;
CREATE INDEX job_audit ON job (audit_id);

CREATE TRIGGER job_new BEFORE INSERT ON job BEGIN
    SELECT RAISE(ABORT, 'job_unrecorded')
    WHERE EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.audit_id) OR EXISTS (SELECT 1 FROM job WHERE id = NEW.id);
END;
CREATE TRIGGER job_changed BEFORE UPDATE ON job BEGIN
    SELECT RAISE(ABORT, 'job_unrecorded')
    WHERE NEW.audit_id = OLD.audit_id OR EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.audit_id);
    SELECT RAISE(ABORT, 'job_fixed')
    WHERE OLD.completed_at IS NOT NULL OR NEW.id <> OLD.id OR NEW.account_id <> OLD.account_id OR NEW.kind <> OLD.kind
       OR NEW.created_at <> OLD.created_at OR NEW.total_count <> OLD.total_count
       OR NEW.input_sha256 <> OLD.input_sha256 OR NEW.input_bytes <> OLD.input_bytes
       OR NEW.chunk_count <> OLD.chunk_count OR NEW.cursor < OLD.cursor OR NEW.cursor > OLD.cursor + 1;
END;
CREATE TRIGGER job_no_delete BEFORE DELETE ON job BEGIN
    SELECT RAISE(ABORT, 'job_append_only');
END;

-- What was sent, read already: it is written before the job is, and goes with the batch that has done it.
CREATE TABLE job_chunk (
    job_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    lines BLOB NOT NULL
);
CREATE UNIQUE INDEX job_chunk_place ON job_chunk (job_id, number);

-- The lines that were refused, and why; `text` is as it may be shown.
CREATE TABLE job_error (
    job_id TEXT NOT NULL,
    line INTEGER NOT NULL,
    code TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (job_id, line)
) WITHOUT ROWID;
CREATE TRIGGER job_error_no_update BEFORE UPDATE ON job_error BEGIN
    SELECT RAISE(ABORT, 'job_error_append_only');
END;
CREATE TRIGGER job_error_no_delete BEFORE DELETE ON job_error BEGIN
    SELECT RAISE(ABORT, 'job_error_append_only');
END;
