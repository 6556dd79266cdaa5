"""Which devices are suspended, by themselves or with a record, as conditions of statements."""

# The view would be read as a whole where the planner does not know yet how few records suspend anybody.
_SUSPENDED_AT = (
    "coalesce((SELECT k.devices_suspended_at FROM certificate AS k WHERE k.id = c.certificate_id"
    " AND k.account_id = c.account_id), (SELECT t.devices_suspended_at FROM certificate_tombstone AS t"
    " WHERE t.certificate_id = c.certificate_id AND t.account_id = c.account_id))"
)
SUSPENSIONS = (
    f"(SELECT c.account_id, c.certificate_id, c.accepted_at, {_SUSPENDED_AT} AS suspended_at"
    " FROM device_credential AS c WHERE c.device_id = d.id) AS s"
    " WHERE s.accepted_at <= s.suspended_at AND (d.released_at IS NULL OR d.released_at < s.suspended_at)"
)
"""The suspensions `s` by records that hold for the device `d` of a statement."""


def is_suspended(besides: str = "") -> str:
    """Whether the device `d` of a statement is suspended, by itself or with a record.

    `besides` is a placeholder, or a column, for the id of a record whose suspension is left out of account.
    """
    others = f" AND s.certificate_id <> {besides}" if besides else ""
    return f"(d.suspended_at IS NOT NULL OR EXISTS (SELECT 1 FROM {SUSPENSIONS}{others}))"


IS_SUSPENDED = is_suspended()
