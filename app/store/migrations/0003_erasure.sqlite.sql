-- What may be removed from the log, and only together with the entry that says so: a person's disclosures (erasure), and
-- the bodies of a month that is archived (retention). Hashes, numbers and digests stay for ever.

-- Where the only way out of a transaction leads for a removal: see the last column of the next table.
CREATE TABLE audit_removal_end (state TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID;
INSERT INTO audit_removal_end (state) VALUES ('recorded');
CREATE TRIGGER audit_removal_end_no_insert BEFORE INSERT ON audit_removal_end BEGIN
    SELECT RAISE(ABORT, 'audit_removal_end_append_only');
END;
CREATE TRIGGER audit_removal_end_no_update BEFORE UPDATE ON audit_removal_end BEGIN
    SELECT RAISE(ABORT, 'audit_removal_end_append_only');
END;
CREATE TRIGGER audit_removal_end_no_delete BEFORE DELETE ON audit_removal_end BEGIN
    SELECT RAISE(ABORT, 'audit_removal_end_append_only');
END;

-- A row opens a removal and names the entry that will record it, which is not there yet. That entry closes it, and a
-- COMMIT while it is open is refused (the reference is deferred): no later transaction finds one open.
CREATE TABLE audit_removal (
    audit_id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    account_id TEXT,
    -- The subject of an erasure; the month of a retention, as 2026-01.
    target_id TEXT NOT NULL,
    month INTEGER,
    state TEXT NOT NULL DEFAULT 'open' REFERENCES audit_removal_end (state) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT audit_removal_kind CHECK (
        (kind = 'audit.erasure' AND month IS NULL)
        OR (kind = 'audit.retention' AND month IS NOT NULL AND account_id IS NULL
            AND target_id = printf('%04d-%02d', month / 100, month % 100))
    )
) WITHOUT ROWID;
-- There is one row in it at most, and it is empty at every COMMIT: what a deletion looks through costs nothing.
CREATE INDEX audit_removal_open ON audit_removal (audit_id) WHERE state = 'open';
CREATE INDEX audit_removal_target ON audit_removal (kind, target_id);

CREATE TRIGGER audit_removal_new BEFORE INSERT ON audit_removal BEGIN
    SELECT RAISE(ABORT, 'audit_removal_unrecorded')
    WHERE NEW.state <> 'open'
       OR EXISTS (SELECT 1 FROM audit_removal WHERE audit_id = NEW.audit_id)
       OR EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.audit_id);
END;
CREATE TRIGGER audit_removal_ends BEFORE UPDATE ON audit_removal BEGIN
    SELECT RAISE(ABORT, 'audit_removal_unrecorded')
    WHERE OLD.state <> 'open' OR NEW.state <> 'recorded' OR NEW.audit_id <> OLD.audit_id OR NEW.kind <> OLD.kind
       OR NEW.account_id IS NOT OLD.account_id OR NEW.target_id <> OLD.target_id OR NEW.month IS NOT OLD.month
       OR NOT EXISTS (
        SELECT 1 FROM audit_entry
        WHERE id = OLD.audit_id AND action = OLD.kind AND result = 'success'
          AND account_id IS OLD.account_id AND target_id = OLD.target_id
    );
END;
CREATE TRIGGER audit_removal_no_delete BEFORE DELETE ON audit_removal BEGIN
    SELECT RAISE(ABORT, 'audit_removal_append_only');
END;
CREATE TRIGGER audit_entry_removal AFTER INSERT ON audit_entry
WHEN NEW.action IN ('audit.erasure', 'audit.retention') AND NEW.result = 'success' BEGIN
    UPDATE audit_removal SET state = 'recorded' WHERE audit_id = NEW.id;
END;

DROP TRIGGER audit_disclosure_no_delete;
CREATE TRIGGER audit_disclosure_no_delete BEFORE DELETE ON audit_disclosure BEGIN
    SELECT RAISE(ABORT, 'audit_disclosure_append_only')
    WHERE NOT EXISTS (
        SELECT 1 FROM audit_removal
        WHERE state = 'open' AND kind = 'audit.erasure' AND target_id = OLD.subject_id AND account_id IS OLD.account_id
    ) AND NOT EXISTS (
        -- A month's disclosures go before its bodies, which say that they are of that month.
        SELECT 1 FROM audit_removal AS r JOIN audit_body AS b ON b.month = r.month
        WHERE r.state = 'open' AND r.kind = 'audit.retention' AND b.seq = OLD.seq
    );
END;
DROP TRIGGER audit_body_no_delete;
CREATE TRIGGER audit_body_no_delete BEFORE DELETE ON audit_body BEGIN
    SELECT RAISE(ABORT, 'audit_body_append_only')
    WHERE NOT EXISTS (
        SELECT 1 FROM audit_removal WHERE state = 'open' AND kind = 'audit.retention' AND month = OLD.month
    ) OR EXISTS (
        -- What accounts for what is gone stays.
        SELECT 1 FROM audit_entry WHERE seq = OLD.seq AND action IN ('audit.erasure', 'audit.retention')
    );
END;
