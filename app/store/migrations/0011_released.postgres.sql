-- The same indexes as in the SQLite file beside this one.

CREATE INDEX device_released ON device (account_id, released_at) WHERE released_at IS NOT NULL;
CREATE INDEX device_suspended ON device (account_id) WHERE suspended_at IS NOT NULL;
-- Whether a device was let in since an entry is asked behind the account's lock, and not of all devices. (SQLite has
-- this one from 0004, for its own look through whatever names an entry.)
CREATE INDEX device_credential_audit ON device_credential (audit_id);
