"""The database itself lets no finding come or go without an entry that says so, and lets none become another.

Seen to fail without `standing_finding_no_delete`, and with `gone_audit_id` that no COMMIT looks at.
"""

from typing import ClassVar

import pytest

from app.actor import Scope, command_line
from app.audit.events import CERTIFICATE_NOTED
from app.audit.finding_events import CertificateFindingsNoted
from app.audit.states import Target
from app.errors import AuditUnavailable
from app.services.certificates import DeleteCertificate
from app.services.door import Done, Tx
from app.store import standing
from app.store.connection import Engine
from app.store.database import Database
from app.store.standing import FindingRow
from tests.audit.owner import require_refused
from tests.checks import check_log
from tests.conftest import ENGINE
from tests.house import House, actor_of, fresh_ca
from tests.looking import DAY, look
from tests.rules.authority import AT

COLUMNS = (
    "id, account_id, certificate_id, code, related_id, severity, message, chain_index, reference, appeared_at, audit_id"
)
COPY = (
    f"INSERT INTO standing_finding ({COLUMNS}) SELECT 'x', account_id, certificate_id, 'UNUSED', '', severity, message,"
    " NULL, NULL, appeared_at,"
)
STATEMENTS = [
    "DELETE FROM standing_finding",
    "UPDATE standing_finding SET code = 'UNUSED'",
    "UPDATE standing_finding SET related_id = 'x'",
    "UPDATE standing_finding SET certificate_id = 'x'",
    "UPDATE standing_finding SET account_id = 'x'",
    "UPDATE standing_finding SET appeared_at = 0",
    "UPDATE standing_finding SET audit_id = (SELECT max(id) FROM audit_entry WHERE id <> audit_id)",
    # The entry is there already, and the other one never comes.
    "UPDATE standing_finding SET gone_audit_id = audit_id",
    "UPDATE standing_finding SET gone_audit_id = 'x'",
    # Of an entry that is there already, and of one that never comes.
    f"{COPY} audit_id FROM standing_finding",
    f"{COPY} 'x' FROM standing_finding",
]
OWN = (
    ["INSERT OR REPLACE INTO standing_finding SELECT * FROM standing_finding"]
    if ENGINE is Engine.SQLITE
    else ["TRUNCATE standing_finding", "TRUNCATE certificate CASCADE"]
)


@pytest.fixture
async def found(house: House) -> None:
    """A record about which something stands."""
    await house.upload(actor_of(await house.account()), fresh_ca(not_after=AT + DAY))
    await look(house)


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize("statement", [*STATEMENTS, *OWN])
async def test_a_statement_past_the_door_is_refused(database: Database, migrated_url: str, statement: str) -> None:
    await require_refused(database, migrated_url, statement)


class TakeAway:
    """Let a finding go, and say it of another certificate."""

    action: ClassVar[str] = CERTIFICATE_NOTED
    scope: ClassVar[Scope] = Scope.OPERATE
    reason = None
    target = Target("certificate")

    def __init__(self, finding: FindingRow, said_of: str) -> None:
        self._finding = finding
        self._said_of = said_of

    async def __call__(self, tx: Tx) -> Done[None]:
        """See `app.services.door.Command`."""
        await tx.findings.go(self._finding.id, tx.entry_id)
        code = self._finding.standing.finding.code.value
        return Done(None, CertificateFindingsNoted(self._said_of, "fleet", 1, (), (code,)))


async def test_a_finding_goes_with_the_entry_about_its_certificate_and_no_other(house: House) -> None:
    account = await house.account()
    one, other = [await house.upload(actor_of(account), fresh_ca(not_after=AT + DAY)) for _ in range(2)]
    await look(house)
    found = await standing.of_account(house.database.reads, account.id)
    finding = next(row for row in found if row.certificate_id == one.id and row.standing.related_id == "")
    operator = command_line(account.id, "root")

    with pytest.raises(AuditUnavailable):
        await house.perform(operator, TakeAway(finding, other.id))
    assert await standing.of_account(house.database.reads, account.id) == found
    await house.perform(operator, TakeAway(finding, one.id))
    assert await standing.of_account(house.database.reads, account.id) == [row for row in found if row != finding]


async def test_a_certificate_takes_its_findings_along(house: House) -> None:
    account = await house.account()
    made = await house.upload(actor_of(account), fresh_ca(not_after=AT + DAY))
    await look(house)
    await house.perform(actor_of(account), DeleteCertificate(made.id))

    assert await standing.of_account(house.database.reads, account.id) == []
    await check_log(house.database)
