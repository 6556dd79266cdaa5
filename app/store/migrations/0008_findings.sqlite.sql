-- What is to be noticed about certificates, as it was found by looking again and again; and when each account was looked
-- at last. All of it follows from the certificates, the devices and the time: the log can tell when a finding appeared
-- and when it went, and the next look makes good whatever else is changed here.
CREATE TABLE standing_finding (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL,
    certificate_id TEXT NOT NULL REFERENCES certificate (id) ON DELETE CASCADE,
    code TEXT NOT NULL,
    -- The other certificate that it is about, which need not be there any more; empty where it is about none.
    related_id TEXT NOT NULL,
    severity TEXT NOT NULL,
    message TEXT NOT NULL,
    chain_index INTEGER,
    reference TEXT,
    appeared_at INTEGER NOT NULL,
    -- The entries that say that it appeared, and that it is gone.
    audit_id TEXT NOT NULL REFERENCES audit_entry (id) DEFERRABLE INITIALLY DEFERRED,
    gone_audit_id TEXT REFERENCES audit_entry (id) DEFERRABLE INITIALLY DEFERRED
);
CREATE UNIQUE INDEX standing_finding_place ON standing_finding (certificate_id, code, related_id);
CREATE INDEX standing_finding_account ON standing_finding (account_id, id);
CREATE INDEX standing_finding_audit ON standing_finding (audit_id);
CREATE INDEX standing_finding_gone ON standing_finding (gone_audit_id) WHERE gone_audit_id IS NOT NULL;

CREATE TRIGGER standing_finding_new BEFORE INSERT ON standing_finding BEGIN
    SELECT RAISE(ABORT, 'standing_finding_unrecorded')
    WHERE NEW.gone_audit_id IS NOT NULL
       OR EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.audit_id)
       OR EXISTS (SELECT 1 FROM standing_finding WHERE id = NEW.id)
       OR EXISTS (
        SELECT 1 FROM standing_finding
        WHERE certificate_id = NEW.certificate_id AND code = NEW.code AND related_id = NEW.related_id
       )
       OR NOT EXISTS (SELECT 1 FROM certificate WHERE id = NEW.certificate_id AND account_id = NEW.account_id);
END;
-- Only its words follow what is there now; what it is stays, until it names the entry that will say that it is gone.
CREATE TRIGGER standing_finding_changed BEFORE UPDATE ON standing_finding BEGIN
    SELECT RAISE(ABORT, 'standing_finding_unrecorded')
    WHERE NEW.id <> OLD.id OR NEW.account_id <> OLD.account_id OR NEW.certificate_id <> OLD.certificate_id
       OR NEW.code <> OLD.code OR NEW.related_id <> OLD.related_id OR NEW.appeared_at <> OLD.appeared_at
       OR NEW.audit_id <> OLD.audit_id OR OLD.gone_audit_id IS NOT NULL
       OR EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.gone_audit_id);
END;
-- It goes with its certificate, or with the entry that it named. A COMMIT before that entry is refused.
CREATE TRIGGER standing_finding_no_delete BEFORE DELETE ON standing_finding BEGIN
    SELECT RAISE(ABORT, 'standing_finding_unrecorded')
    WHERE EXISTS (SELECT 1 FROM certificate WHERE id = OLD.certificate_id)
      AND NOT EXISTS (
        SELECT 1 FROM audit_entry
        WHERE id = OLD.gone_audit_id AND action = 'certificate.findings' AND result = 'success'
          AND target_id = OLD.certificate_id
      );
END;
CREATE TRIGGER audit_entry_findings AFTER INSERT ON audit_entry
WHEN NEW.action = 'certificate.findings' AND NEW.result = 'success' BEGIN
    DELETE FROM standing_finding WHERE gone_audit_id = NEW.id;
END;

CREATE TABLE standing_look (
    account_id TEXT NOT NULL PRIMARY KEY,
    -- Of the account's trust: what changed since was not looked at yet.
    trust_version INTEGER NOT NULL,
    looked_at INTEGER NOT NULL
) WITHOUT ROWID;
