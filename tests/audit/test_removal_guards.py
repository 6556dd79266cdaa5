"""What may leave the log leaves it with an entry of the same transaction, or the database refuses: whatever code asks.

Seen to fail with the state of a removal left out of the deletion's guard: an erasure of the past gave a right to more.
"""

import pytest

from app.services.retention import DropArchived, Month
from app.store.connection import Engine
from app.store.database import Database
from tests.audit.erasing import Person
from tests.audit.history import World
from tests.audit.owner import require_refused
from tests.checks import check_log
from tests.conftest import ENGINE

PERMIT = "INSERT INTO audit_removal (audit_id, kind, account_id, target_id, month) "
ERASURE = PERMIT + "SELECT '{entry}', 'audit.erasure', account_id, '{subject}', NULL FROM portal_user LIMIT 1"
RETENTION = PERMIT + "SELECT '{entry}', 'audit.retention', NULL, '2026-06', 202606"
ERASE = "DELETE FROM audit_disclosure WHERE subject_id = '{subject}'"
DROP = "DELETE FROM audit_body WHERE month = 202606"
APPEND = (
    "INSERT INTO audit_append (id, account_id, stream, aseq, prev, body_sha256, hash, time, actor_type, action, result,"
    " target_id, month, body) SELECT '{entry}', s.account_id, s.stream, s.aseq + 1, s.hash, e.body_sha256, e.hash,"
    " e.time, 'system', '{action}', '{result}', '{target}', 202607, b.body FROM audit_stream AS s"
    " JOIN audit_entry AS e ON e.stream = s.stream AND e.aseq = 1 JOIN audit_body AS b ON b.seq = e.seq"
    " WHERE s.account_id IS NOT NULL"
)
NEW, PAST = "e" * 32, "(past)"


def append(entry: str = NEW, action: str = "audit.erasure", result: str = "success", target: str = "{subject}") -> str:
    """An entry, well chained."""
    return APPEND.format(entry=entry, action=action, result=result, target=target)


def permit(statement: str, entry: str = NEW, subject: str = "{subject}") -> str:
    """A removal that names an entry."""
    return statement.format(entry=entry, subject=subject)


FORGED: dict[str, tuple[str, ...]] = {
    "disclosures": (ERASE,),
    "disclosures, one by one": ("DELETE FROM audit_disclosure WHERE seq = (SELECT max(seq) FROM audit_disclosure)",),
    "bodies": (DROP,),
    "an erasure without an entry": (permit(ERASURE), ERASE),
    "an erasure that nothing is erased in": (permit(ERASURE),),
    "a retention without an entry": (permit(RETENTION), DROP),
    "an erasure with the entry of an earlier one": (permit(ERASURE, PAST), ERASE),
    "an erasure whose entry came first": (append(), permit(ERASURE), ERASE),
    "an erasure after its entry": (permit(ERASURE), append(), ERASE),
    "an erasure with an entry of another act": (permit(ERASURE), ERASE, append(action="audit.read")),
    "an erasure with a refusal": (permit(ERASURE), ERASE, append(result="refused")),
    "an erasure with an entry about somebody else": (permit(ERASURE), ERASE, append(target="x")),
    "an erasure of somebody else": (permit(ERASURE, subject="x"), ERASE, append(target="x")),
    "an erasure in another account": (
        permit(ERASURE).replace("account_id, '{subject}'", "NULL, '{subject}'"), ERASE, append(),
    ),
    "bodies with an erasure": (permit(ERASURE), DROP, append()),
    "bodies of another month": (
        permit(RETENTION).replace("2026-06", "2026-05").replace("202606", "202605"), DROP,
    ),
    "a month that is spelled as another": (permit(RETENTION).replace("202606", "202605"),),
    "bodies that account for removals": (
        permit(RETENTION),
        "DELETE FROM audit_body WHERE seq IN (SELECT seq FROM audit_entry WHERE action = 'audit.erasure')",
    ),
    "a removal that is opened again": ("UPDATE audit_removal SET state = 'open'",),
    "a removal that is closed by hand": (permit(ERASURE), ERASE, "UPDATE audit_removal SET state = 'recorded'"),
    "a removal that begins closed": (
        permit(ERASURE).replace("month)", "month, state)").replace("NULL FROM", "NULL, 'recorded' FROM"), ERASE,
    ),
    "a removal that is taken back": (permit(ERASURE), ERASE, "DELETE FROM audit_removal"),
    "a removal that is deleted": ("DELETE FROM audit_removal",),
}  # fmt: skip
SQLITE = {
    "another way out": ("INSERT INTO audit_removal_end VALUES ('open')", permit(ERASURE), ERASE),
    "a renamed way out": ("UPDATE audit_removal_end SET state = 'open'", permit(ERASURE), ERASE),
    "no way out": ("DELETE FROM audit_removal_end",),
    "a removal that is replaced": ("INSERT OR REPLACE INTO audit_removal SELECT * FROM audit_removal",),
    "a way out that is replaced": ("INSERT OR REPLACE INTO audit_removal_end VALUES ('recorded')",),
}
POSTGRES = {
    "truncated removals": ("TRUNCATE audit_removal",),
    "truncated disclosures": (permit(ERASURE), "TRUNCATE audit_disclosure", append()),
    "a truncated month": (permit(RETENTION), "TRUNCATE audit_body_202606"),
    "bodies of a partition": ("DELETE FROM audit_body_202606",),
}
OWN = SQLITE if ENGINE is Engine.SQLITE else POSTGRES


@pytest.mark.parametrize("case", [*FORGED, *OWN])
async def test_a_forged_removal_is_refused(database: Database, migrated_url: str, case: str) -> None:
    world = await World.open(database)
    erased, person = await Person.join(world, "Erased"), await Person.join(world)
    for one in (erased, person):
        await one.work(1)
    await erased.erase()
    (past,) = await database.reads.fetch("SELECT id FROM audit_entry WHERE action = 'audit.erasure'")

    statements = [
        statement.replace("{subject}", person.row.id).replace(PAST, past["id"]) for statement in (FORGED | OWN)[case]
    ]
    await require_refused(database, migrated_url, *statements)

    await check_log(database)


async def test_what_is_right_about_them_is_accepted(database: Database) -> None:
    world = await World.open(database)
    person = await Person.join(world)
    await person.work()
    month = Month(2026, 6)
    world.clock.now = month.end.replace(day=3)

    await person.erase()
    await world.door.perform(world.operator_of_all, DropArchived(month, "0" * 64, 0, 1_000_000), world.origin())

    assert await database.reads.fetch("SELECT state FROM audit_removal WHERE state = 'open'") == []
    states = await database.reads.fetch("SELECT state FROM audit_removal")
    assert [row["state"] for row in states] == ["recorded", "recorded"]
    await check_log(database)
