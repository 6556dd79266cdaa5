"""Somebody who looks for findings about certificates on a house's clock, with the few words that tests need."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

import orjson

from app.actor import Role, Scope
from app.audit.events import CERTIFICATE_NOTED, CertificateStatusSet
from app.audit.states import Target
from app.rules.trust import decide
from app.services import states
from app.services.asked import question_of
from app.services.command import Done, Tx
from app.services.devices import ConnectDevice
from app.services.standing import LEAD, StandingFindings
from app.services.trust_states import load
from app.store import standing
from app.store.rows import AccountRow, CertificateRow
from app.terms import Service
from tests.house import House, actor_of
from tests.rules.authority import Made

DAY = timedelta(days=1)
UNUSED_AFTER = 90 * DAY
Told = tuple[str | None, list[str], list[str]]
"""What an entry says: of which record, what appeared, what is gone."""


def looking(house: House) -> StandingFindings:
    """What looks at the accounts of a house."""
    database = house.database
    return StandingFindings(database, house.door, house.clock, database.leadership(LEAD), UNUSED_AFTER)


async def look(house: House) -> None:
    """Look at everything that is due."""
    while await looking(house).round():
        pass


async def told(house: House, account: AccountRow) -> list[Told]:
    """Every entry about findings that the account has, oldest first."""
    bodies = [orjson.loads(entry.body) for entry in await house.log_of(account.id) if entry.action == CERTIFICATE_NOTED]
    return [(body["target"]["name"], body["change"]["appeared"], body["change"]["gone"]) for body in bodies]


async def stands(house: House, account: AccountRow) -> Mapping[str, list[str]]:
    """The codes of what stands about each record, by its id, oldest first."""
    found: dict[str, list[str]] = {}
    for row in reversed(await standing.of_account(house.database.reads, account.id)):
        found.setdefault(row.certificate_id, []).append(row.standing.finding.code.value)
    return found


async def connect(house: House, account: AccountRow, leaf: Made, service: Service = Service.BOOTSTRAP) -> str:
    """Let a device in; its id."""
    state = await load(house.database.reads, account.id)
    decision = decide(state.store, question_of((leaf.der,), service, house.clock.now))
    gateway = actor_of(account, Role.GATEWAY)
    return (await house.perform(gateway, ConnectDevice(None, decision, state))).device.id


class SuspendDevicesOf:
    """Suspend every device that was registered through a record, and leave the record as it is."""

    action: ClassVar[str] = CertificateStatusSet.kind
    scope: ClassVar[Scope] = Scope.CERTIFICATES_WRITE
    reason = None

    def __init__(self, certificate_id: str) -> None:
        self.target = Target("certificate", certificate_id)

    async def __call__(self, tx: Tx) -> Done[CertificateRow]:
        """See `app.services.door.Command`."""
        before = await tx.certificates.with_id(self.target.id or "")
        assert before is not None
        after = replace(before, version=before.version + 1, devices_suspended_at=tx.now, updated_at=tx.now)
        await tx.certificates.update(after)
        return Done(after, CertificateStatusSet(states.certificate_state(before), states.certificate_state(after)))
