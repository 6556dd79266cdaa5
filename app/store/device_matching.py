"""Which device comes, and which suspended one keeps it out: found by name and by certificate, however many share it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from app.store.connection import Connection
from app.store.device_reads import CREDENTIAL_COLUMNS, DEVICE_COLUMNS, devices
from app.store.device_rows import CredentialRow, DeviceRow
from app.store.device_suspension import SUSPENSIONS
from app.terms import Service

CROWD = 16
"""How many devices of one certificate are read. A developer's certificate may be that of thousands."""

# One row for each credential, because two statements take twice as long, and a gateway waits for the answer.
_MATCHING = (
    f"SELECT {DEVICE_COLUMNS}, {', '.join(f'p.{name}' for name in CREDENTIAL_COLUMNS.split(', '))}"
    " FROM device AS d JOIN device_credential AS p ON p.device_id = d.id"
    " WHERE d.id IN (SELECT id FROM device WHERE account_id = $1 AND endpoint_name = $2"
    " UNION SELECT device_id FROM (SELECT device_id FROM device_key WHERE account_id = $1 AND key_sha256 = $3"
    f" ORDER BY device_id LIMIT {CROWD + 1}) AS sharing)"
    " ORDER BY d.id, p.service"
)
_FIRST_WITH_KEY = (
    "SELECT k.device_id FROM device_key AS k JOIN device_credential AS c ON c.device_id = k.device_id"
    " AND c.key_sha256 = k.key_sha256 WHERE k.account_id = $1 AND k.key_sha256 = $2 AND c.service = $3"
    " ORDER BY k.device_id LIMIT 1"
)
# Found by those that are suspended, who are few. All of the certificate are looked through only where the account has
# a record that suspends its devices.
_SUSPENDED_WITH_KEY = (
    "SELECT endpoint_name FROM ("
    "SELECT d.endpoint_name FROM device AS d WHERE d.account_id = $1 AND d.suspended_at IS NOT NULL AND EXISTS"
    " (SELECT 1 FROM device_key AS k WHERE k.account_id = $1 AND k.key_sha256 = $2 AND k.device_id = d.id)"
    " UNION ALL "
    "SELECT d.endpoint_name FROM device_key AS k JOIN device AS d ON d.id = k.device_id"
    " WHERE k.account_id = $1 AND k.key_sha256 = $2"
    " AND EXISTS (SELECT 1 FROM device_suspension WHERE account_id = $1)"
    f" AND EXISTS (SELECT 1 FROM {SUSPENSIONS})"
    ") AS holding LIMIT 1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comer:
    """With what somebody comes: `name` is told by the gateway, or else stands in the certificate.

    `key_sha256` identifies name and key of the certificate.
    """

    service: Service
    name: str
    is_told: bool
    key_sha256: bytes


@dataclass(frozen=True, slots=True)
class Match:
    """The device that comes, None if it is new; and the endpoint name of a suspended one that holds it, if one does.

    One holds it whose name it has, or that was ever let in with a certificate of this name and key; it may be itself.
    """

    device: DeviceRow | None
    held_by: str | None


async def match(connection: Connection, account_id: str, comer: Comer) -> Match:
    """Find it.

    The name that a gateway tells decides. Where it tells none, the certificate does, the oldest device first, and then
    the name in it.
    """
    found = await connection.fetch(_MATCHING, account_id, comer.name, comer.key_sha256)
    read = [
        DeviceRow.of(rows[0], tuple(map(CredentialRow.of, rows)))
        for rows in (tuple(of_device) for _, of_device in groupby(found, key=itemgetter("id")))
    ]
    is_crowd = len(read) > CROWD
    coming = None if comer.is_told else _of_key(read, comer)
    if coming is None and is_crowd and not comer.is_told:
        coming = await _first_of_crowd(connection, account_id, comer)
    if coming is None:
        coming = next((each for each in read if each.endpoint_name == comer.name), None)
    held_by = min((each.endpoint_name for each in read if each.is_suspended), default=None)
    if held_by is None and is_crowd:
        row = await connection.fetch_one(_SUSPENDED_WITH_KEY, account_id, comer.key_sha256)
        held_by = None if row is None else row["endpoint_name"]
    return Match(coming, held_by)


def _of_key(read: Sequence[DeviceRow], comer: Comer) -> DeviceRow | None:
    for device in read:
        known = device.credential(comer.service)
        if known is not None and known.key_sha256 == comer.key_sha256:
            return device
    return None


async def _first_of_crowd(connection: Connection, account_id: str, comer: Comer) -> DeviceRow | None:
    row = await connection.fetch_one(_FIRST_WITH_KEY, account_id, comer.key_sha256, comer.service.value)
    if row is None:
        return None
    return (await devices(connection, account_id, [row["device_id"]])).get(row["device_id"])
