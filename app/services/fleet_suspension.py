"""Suspending everything that is registered through a record, and resuming it: one instant in the record's own row.

While `devices_suspended_at` stands, the devices that were let in through the record by then, and not released since,
are suspended: however many they are, it is one row in one transaction. What registers later is not among them.
"""

from datetime import datetime, timedelta

from app.errors import InvalidInput, InvalidState
from app.services.command import Tx
from app.store import device_reads, reads
from app.store.connection import Connection
from app.store.rows import CertificateRow
from app.terms import Status


async def devices_suspended_at(tx: Tx, record: CertificateRow, *, suspend: bool, resume: bool) -> datetime | None:
    """Since when a record's devices are suspended from now on; None where they are not.

    `require_suspending` was asked before.
    """
    if suspend:
        return await _instant(tx, record)
    return None if resume else record.devices_suspended_at


async def require_suspending(
    connection: Connection, account_id: str, status: Status, *, suspend: bool, resume: bool
) -> None:
    """Raises InvalidInput where the two are asked of the wrong status.

    Raises InvalidState where the account may not suspend devices with a certificate.
    """
    if suspend and status is not Status.INACTIVE:
        raise InvalidInput("Devices are suspended with a blacklisting, not with enabling.", path=("suspendDevices",))
    if resume and status is not Status.ACTIVE:
        raise InvalidInput("Devices are resumed with enabling, not with a blacklisting.", path=("resumeDevices",))
    if not suspend:
        return
    account = await reads.account(connection, account_id)
    if account is None or not account.suspend_devices:
        message = "Suspending devices with their certificate is not enabled for this account: ask the operator for it."
        raise InvalidState(message, path=("suspendDevices",))


async def _instant(tx: Tx, record: CertificateRow) -> datetime:
    # Never before a registration that another gateway's clock dated ahead of this one, and after every release.
    newest = await device_reads.last_registration(tx.transaction, tx.account_id, record.id)
    instant = tx.now if newest is None else max(tx.now, newest)
    released = await device_reads.last_release(tx.transaction, tx.account_id, record.id, instant)
    return instant if released is None else released + timedelta.resolution
