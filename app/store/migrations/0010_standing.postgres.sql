-- The same column and the same promises as the SQLite file beside this one, in PostgreSQL's own means.

ALTER TABLE account ADD COLUMN standing_version BIGINT NOT NULL DEFAULT 1;
CREATE FUNCTION account_standing_forward() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.standing_version <= OLD.standing_version THEN
        RAISE EXCEPTION 'account_standing_forward' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER account_standing_forward BEFORE UPDATE OF standing_version ON account
    FOR EACH ROW EXECUTE FUNCTION account_standing_forward();

CREATE FUNCTION standing_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE account SET standing_version = standing_version + 1 WHERE id = NEW.account_id;
    RETURN NULL;
END $$;
CREATE TRIGGER device_standing_changed AFTER UPDATE OF suspended_at, released_at ON device FOR EACH ROW
    WHEN (NEW.suspended_at IS DISTINCT FROM OLD.suspended_at OR NEW.released_at IS DISTINCT FROM OLD.released_at)
    EXECUTE FUNCTION standing_changed();
CREATE TRIGGER certificate_standing_changed AFTER UPDATE OF devices_suspended_at ON certificate FOR EACH ROW
    WHEN (NEW.devices_suspended_at IS DISTINCT FROM OLD.devices_suspended_at)
    EXECUTE FUNCTION standing_changed();
