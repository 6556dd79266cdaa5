-- The same tables and the same promises as the SQLite file beside this one, in PostgreSQL's own means.

-- A row is never deleted: it says who claimed, and whether and by which entry the claim was given up.
CREATE TABLE enrollment (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account (id),
    version INTEGER NOT NULL,
    fingerprint BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    claimed_at BIGINT,
    device_id TEXT,
    job_id TEXT,
    release_job_id TEXT,
    released_at BIGINT,
    created_audit_id TEXT NOT NULL,
    audit_id TEXT NOT NULL,
    released_audit_id TEXT,
    superseded_audit_id TEXT,
    CONSTRAINT enrollment_fingerprint CHECK (octet_length(fingerprint) = 32),
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
-- What an archive of the log must keep.
CREATE INDEX enrollment_audit ON enrollment (audit_id);
CREATE INDEX enrollment_released_audit ON enrollment (released_audit_id) WHERE released_audit_id IS NOT NULL;

CREATE FUNCTION enrollment_new() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.audit_id <> NEW.created_audit_id OR NEW.version <> 1 OR NEW.superseded_audit_id IS NOT NULL
       OR NEW.claimed_at IS NOT NULL OR NEW.device_id IS NOT NULL OR NEW.released_at IS NOT NULL
       OR EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.audit_id) THEN
        RAISE EXCEPTION 'enrollment_unrecorded' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    -- A claim whose time is over, and that no device used, gives way to the next one, whoever makes it.
    UPDATE enrollment SET superseded_audit_id = NEW.audit_id
    WHERE fingerprint = NEW.fingerprint AND released_audit_id IS NULL AND superseded_audit_id IS NULL
      AND claimed_at IS NULL AND expires_at <= NEW.created_at;
    RETURN NEW;
END $$;
CREATE FUNCTION enrollment_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF (NEW.version <> OLD.version OR NEW.claimed_at IS DISTINCT FROM OLD.claimed_at
        OR NEW.device_id IS DISTINCT FROM OLD.device_id OR NEW.audit_id <> OLD.audit_id)
       AND (NEW.audit_id = OLD.audit_id OR NEW.version <> OLD.version + 1
            OR EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.audit_id)) THEN
        RAISE EXCEPTION 'enrollment_unrecorded' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.released_at IS DISTINCT FROM OLD.released_at
        OR NEW.released_audit_id IS DISTINCT FROM OLD.released_audit_id
        OR NEW.release_job_id IS DISTINCT FROM OLD.release_job_id)
       AND (NEW.released_audit_id IS NULL
            OR EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.released_audit_id)) THEN
        RAISE EXCEPTION 'enrollment_unrecorded' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.superseded_audit_id IS DISTINCT FROM OLD.superseded_audit_id
       AND (OLD.superseded_audit_id IS NOT NULL OR OLD.claimed_at IS NOT NULL OR OLD.expires_at IS NULL
            OR EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.superseded_audit_id)) THEN
        RAISE EXCEPTION 'enrollment_unrecorded' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.released_at IS NOT NULL
       OR NEW.id <> OLD.id OR NEW.account_id <> OLD.account_id OR NEW.fingerprint <> OLD.fingerprint
       OR NEW.created_at <> OLD.created_at OR NEW.expires_at IS DISTINCT FROM OLD.expires_at
       OR NEW.job_id IS DISTINCT FROM OLD.job_id OR NEW.created_audit_id <> OLD.created_audit_id THEN
        RAISE EXCEPTION 'enrollment_fixed' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION enrollment_end_recorded() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF (NEW.released_audit_id IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.released_audit_id))
       OR (NEW.superseded_audit_id IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.superseded_audit_id)) THEN
        RAISE EXCEPTION 'enrollment_unrecorded' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER enrollment_new BEFORE INSERT ON enrollment FOR EACH ROW EXECUTE FUNCTION enrollment_new();
CREATE TRIGGER enrollment_changed BEFORE UPDATE ON enrollment FOR EACH ROW EXECUTE FUNCTION enrollment_changed();
CREATE TRIGGER enrollment_no_delete BEFORE DELETE ON enrollment
    FOR EACH ROW EXECUTE FUNCTION audit_refuse('enrollment');
CREATE TRIGGER enrollment_no_truncate BEFORE TRUNCATE ON enrollment
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse('enrollment');
CREATE CONSTRAINT TRIGGER enrollment_recorded AFTER INSERT OR UPDATE OF audit_id ON enrollment
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_recorded();
CREATE CONSTRAINT TRIGGER enrollment_end_recorded AFTER UPDATE OF released_audit_id, superseded_audit_id ON enrollment
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION enrollment_end_recorded();

-- What is worked off in batches, each in a transaction with its entry, the rows that it makes and this row's progress.
CREATE TABLE job (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account (id),
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    completed_at BIGINT,
    total_count INTEGER NOT NULL,
    processed_count INTEGER NOT NULL,
    errors_count INTEGER NOT NULL,
    input_sha256 BYTEA NOT NULL,
    input_bytes BIGINT NOT NULL,
    chunk_count INTEGER NOT NULL,
    cursor INTEGER NOT NULL,
    audit_id TEXT NOT NULL,
    CONSTRAINT job_kind CHECK (kind IN ('ENROLLMENT_CLAIM', 'ENROLLMENT_RELEASE')),
    CONSTRAINT job_status CHECK (status IN ('QUEUED', 'RUNNING', 'DONE', 'FAILED')),
    CONSTRAINT job_completed CHECK ((completed_at IS NULL) = (status IN ('QUEUED', 'RUNNING'))),
    CONSTRAINT job_counts CHECK (
        errors_count BETWEEN 0 AND processed_count AND processed_count BETWEEN 0 AND total_count
        AND cursor BETWEEN 0 AND chunk_count
        AND (status <> 'DONE' OR (processed_count = total_count AND cursor = chunk_count))
    )
) WITH (fillfactor = 50);
CREATE INDEX job_list ON job (account_id, id);
CREATE INDEX job_unfinished ON job (account_id, id) WHERE completed_at IS NULL;
CREATE INDEX job_audit ON job (audit_id);

CREATE FUNCTION job_fixed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF OLD.completed_at IS NOT NULL OR NEW.id <> OLD.id OR NEW.account_id <> OLD.account_id OR NEW.kind <> OLD.kind
       OR NEW.created_at <> OLD.created_at OR NEW.total_count <> OLD.total_count
       OR NEW.input_sha256 <> OLD.input_sha256 OR NEW.input_bytes <> OLD.input_bytes
       OR NEW.chunk_count <> OLD.chunk_count OR NEW.cursor < OLD.cursor OR NEW.cursor > OLD.cursor + 1 THEN
        RAISE EXCEPTION 'job_fixed' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER job_announced BEFORE INSERT OR UPDATE ON job FOR EACH ROW EXECUTE FUNCTION audit_announced();
CREATE TRIGGER job_fixed BEFORE UPDATE ON job FOR EACH ROW EXECUTE FUNCTION job_fixed();
CREATE TRIGGER job_no_delete BEFORE DELETE ON job FOR EACH ROW EXECUTE FUNCTION audit_refuse('job');
CREATE TRIGGER job_no_truncate BEFORE TRUNCATE ON job FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse('job');
CREATE CONSTRAINT TRIGGER job_recorded AFTER INSERT OR UPDATE ON job
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_recorded();

-- What was sent, read already: it is written before the job is, and goes with the batch that has done it.
CREATE TABLE job_chunk (
    job_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    lines BYTEA NOT NULL,
    CONSTRAINT job_chunk_place PRIMARY KEY (job_id, number)
);

-- The lines that were refused, and why; `text` is as it may be shown.
CREATE TABLE job_error (
    job_id TEXT NOT NULL,
    line INTEGER NOT NULL,
    code TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (job_id, line)
);
CREATE TRIGGER job_error_no_change BEFORE UPDATE OR DELETE ON job_error
    FOR EACH ROW EXECUTE FUNCTION audit_refuse('job_error');
CREATE TRIGGER job_error_no_truncate BEFORE TRUNCATE ON job_error
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse('job_error');

DO $$
DECLARE
    guard RECORD;
BEGIN
    FOR guard IN
        SELECT c.relname, t.tgname FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
        WHERE NOT t.tgisinternal AND c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
          AND c.relname IN ('enrollment', 'job', 'job_error')
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', guard.relname, guard.tgname);
    END LOOP;
END $$;
