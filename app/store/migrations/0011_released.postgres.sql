-- The same indexes as in the SQLite file beside this one.

CREATE INDEX device_released ON device (account_id, released_at) WHERE released_at IS NOT NULL;
CREATE INDEX device_suspended ON device (account_id) WHERE suspended_at IS NOT NULL;
