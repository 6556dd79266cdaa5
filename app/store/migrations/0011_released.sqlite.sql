-- Who was released at an instant that lies ahead is found without a look at all who were ever released.
CREATE INDEX device_released ON device (account_id, released_at) WHERE released_at IS NOT NULL;
-- Who is suspended by itself is found without a look at all devices.
CREATE INDEX device_suspended ON device (account_id) WHERE suspended_at IS NOT NULL;
