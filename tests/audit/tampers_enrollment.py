"""Ways to tamper with claims of devices' identities: with those that entries of their own tell of, and with batches."""

from app.audit.stored import Code
from tests.audit.conftest import Lived
from tests.audit.tampers import Tamper
from tests.enrolling import fingerprint

COLUMNS = "account_id, version, created_at, expires_at, job_id, created_audit_id, audit_id"


def of(name: str, assignments: str) -> Tamper:
    """A claim of the past, by its device's name, changed."""

    async def tamper(lived: Lived) -> None:
        await lived.owner.execute(f"UPDATE enrollment SET {assignments} WHERE fingerprint = $1", fingerprint(name))

    return tamper


def dropped(name: str) -> Tamper:
    """A claim of the past, by its device's name, gone."""

    async def tamper(lived: Lived) -> None:
        await lived.owner.execute("DELETE FROM enrollment WHERE fingerprint = $1", fingerprint(name))

    return tamper


def every(condition: str, statement: str) -> Tamper:
    """All claims for which something holds."""

    async def tamper(lived: Lived) -> None:
        await lived.owner.execute(f"{statement} WHERE {condition}")

    return tamper


def made_up(name: str, **changed: str) -> Tamper:
    """One more claim, like that of a device of this name but for what is changed."""

    async def tamper(lived: Lived) -> None:
        columns = ", ".join(changed.get(column, column) for column in COLUMNS.split(", "))
        await lived.owner.execute(
            f"INSERT INTO enrollment (id, fingerprint, {COLUMNS})"
            f" SELECT $1, $2, {columns} FROM enrollment WHERE fingerprint = $3",
            *("e" * 32, fingerprint("nobody's"), fingerprint(name)),
        )

    return tamper


def exchanged(name: str) -> Tamper:
    """Another device's identity in the place of this one."""

    async def tamper(lived: Lived) -> None:
        await lived.owner.execute(
            "UPDATE enrollment SET fingerprint = $1 WHERE fingerprint = $2", fingerprint("nobody's"), fingerprint(name)
        )

    return tamper


UNDONE = "released_at = NULL, released_audit_id = NULL, release_job_id = NULL"
ENROLLMENT_CASES: dict[str, tuple[Tamper, set[Code]]] = {
    "claim exchanged": (exchanged("alone 3"), {Code.STATE_DIFFERS}),
    "claim made to last": (of("alone 2", "expires_at = expires_at + 1"), {Code.STATE_DIFFERS}),
    "claim used": (of("alone 3", "claimed_at = 1"), {Code.STATE_DIFFERS}),
    "claim dropped": (dropped("alone 3"), {Code.STATE_MISSING}),
    "claim made up": (made_up("alone 3"), {Code.STATE_UNRECORDED}),
    "claim given up": (
        of("alone 3", "released_at = 1, released_audit_id = 'x'"),
        {Code.STATE_MISSING},
    ),
    "claim taken back": (of("alone 0", UNDONE), {Code.STATE_UNRECORDED}),
    "claim taken back from a batch": (of("alone 1", UNDONE), {Code.STATE_DIFFERS}),
    "claim hidden in a batch": (of("alone 3", "job_id = 'x'"), {Code.STATE_MISSING, Code.STATE_UNRECORDED}),
    "claim hidden in a batch's end": (
        of("alone 3", "released_at = 1, released_audit_id = 'x', release_job_id = 'x'"),
        {Code.STATE_UNRECORDED},
    ),
    "claim of a batch exchanged": (exchanged("together 2"), {Code.STATE_DIFFERS}),
    "claim of a batch made to last": (of("together 2", "expires_at = expires_at + 1"), {Code.STATE_DIFFERS}),
    "claim of a batch made to last for ever": (of("together 2", "expires_at = NULL"), {Code.STATE_DIFFERS}),
    "claims of a batch made to last": (
        every("job_id IS NOT NULL", "UPDATE enrollment SET expires_at = expires_at + 1"),
        {Code.STATE_DIFFERS},
    ),
    "claims of a batch made earlier": (
        every("job_id IS NOT NULL", "UPDATE enrollment SET created_at = created_at - 1"),
        {Code.STATE_DIFFERS},
    ),
    "claims of a batch beyond the calendar": (
        every("job_id IS NOT NULL", "UPDATE enrollment SET expires_at = 9000000000000000000"),
        {Code.STATE_DIFFERS},
    ),
    "claim of a batch used": (of("together 2", "claimed_at = 1"), {Code.STATE_DIFFERS}),
    "claim of a batch changed by an entry": (of("together 2", "audit_id = 'x'"), {Code.STATE_UNRECORDED}),
    "claim of a batch dropped": (dropped("together 2"), {Code.STATE_DIFFERS}),
    "claim of a batch made up": (made_up("together 2"), {Code.STATE_DIFFERS}),
    "claim of no batch made up": (
        made_up("together 2", created_audit_id="'x'", audit_id="'x'"),
        {Code.STATE_UNRECORDED},
    ),
    "claim of a batch told of by itself": (
        of("together 2", "job_id = NULL"),
        {Code.STATE_UNRECORDED, Code.STATE_DIFFERS},
    ),
    "claim of a batch given up": (
        of("together 2", "released_at = 1, released_audit_id = 'x'"),
        {Code.STATE_UNRECORDED},
    ),
    "claim of a batch given up with no batch": (
        of("together 2", "released_at = 1, released_audit_id = 'x', release_job_id = 'x'"),
        {Code.STATE_UNRECORDED},
    ),
    "claim of a batch taken back": (of("together 0", UNDONE), {Code.STATE_DIFFERS}),
    "claim of a batch taken back from a batch": (of("together 1", UNDONE), {Code.STATE_DIFFERS}),
    "end of a claim of a batch moved": (of("together 0", "released_audit_id = 'x'"), {Code.STATE_ENTRY_DIFFERS}),
    "all of a batch taken back": (
        every("release_job_id IS NOT NULL", f"UPDATE enrollment SET {UNDONE}"),
        {Code.STATE_MISSING},
    ),
    "batch dropped": (
        every("job_id IS NOT NULL", "DELETE FROM enrollment"),
        # What was given up is missed as well: by itself, and by the other batch.
        {Code.STATE_MISSING, Code.STATE_DIFFERS},
    ),
}
