-- What of an account's trust is about how its devices stand, beside what is trusted: it rises when a device, or all that
-- came in through a record, are suspended or resumed, and when a claim is given up. Where it is the same, a device that
-- was let in before is as it was then, which counts while the database is away.
ALTER TABLE account ADD COLUMN standing_version INTEGER NOT NULL DEFAULT 1;
CREATE TRIGGER account_standing_forward BEFORE UPDATE OF standing_version ON account
WHEN NEW.standing_version <= OLD.standing_version BEGIN
    SELECT RAISE(ABORT, 'account_standing_forward');
END;

CREATE TRIGGER device_standing_changed AFTER UPDATE OF suspended_at, released_at ON device
WHEN NEW.suspended_at IS NOT OLD.suspended_at OR NEW.released_at IS NOT OLD.released_at BEGIN
    UPDATE account SET standing_version = standing_version + 1 WHERE id = NEW.account_id;
END;
CREATE TRIGGER certificate_standing_changed AFTER UPDATE OF devices_suspended_at ON certificate
WHEN NEW.devices_suspended_at IS NOT OLD.devices_suspended_at BEGIN
    UPDATE account SET standing_version = standing_version + 1 WHERE id = NEW.account_id;
END;
