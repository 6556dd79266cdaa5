"""What a trust state is made of: its version, the records, and the bytes of their certificates."""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple, TypeVar

from app.store import reads
from app.store.connection import Connection
from app.store.rows import CertificateRow, columns

_AT_ONCE = 500

T = TypeVar("T")

_NEWEST = "SELECT trust_version, audit_all_decisions, standing_version FROM account WHERE id = $1"
_VERSIONS = "SELECT id, version FROM certificate WHERE account_id = $1 ORDER BY id"
_RECORDS = f"SELECT {columns(CertificateRow)} FROM certificate WHERE account_id = $1 ORDER BY id"
_INTERMEDIATES = "SELECT der FROM intermediate WHERE account_id = $1"


class Newest(NamedTuple):
    """The newest version of an account's trust, and whether every admission of its devices is to have an entry.

    `standing` rises with those versions alone that are about how devices stand: suspended, resumed, no longer claimed.
    """

    version: int
    audits_all: bool
    standing: int


async def newest(connection: Connection, account_id: str) -> Newest | None:
    """What is the newest of an account; None when there is no such account."""
    row = await connection.fetch_one(_NEWEST, account_id)
    if row is None:
        return None
    return Newest(int(row["trust_version"]), bool(row["audit_all_decisions"]), int(row["standing_version"]))


async def version(connection: Connection, account_id: str) -> int | None:
    """Which version of the account's trust is the newest; None when there is no such account."""
    found = await newest(connection, account_id)
    return None if found is None else found.version


async def records(connection: Connection, account_id: str) -> list[CertificateRow]:
    """Every record of the account, oldest first: the quota bounds how many there can be."""
    return [CertificateRow.of(row) for row in await connection.fetch(_RECORDS, account_id)]


async def versions(connection: Connection, account_id: str) -> dict[str, int]:
    """The version of every record of the account by its id, oldest first. It grows with every change of the record."""
    return {row["id"]: row["version"] for row in await connection.fetch(_VERSIONS, account_id)}


async def some_records(connection: Connection, account_id: str, ids: Collection[str]) -> list[CertificateRow]:
    """Those of these records that are there, however many, in no order."""
    found: list[CertificateRow] = []
    for some in _pieces(list(ids)):
        found += (await reads.certificates(connection, account_id, some)).values()
    return found


async def intermediates(connection: Connection, account_id: str) -> list[bytes]:
    """The intermediates that the account remembers, as DER, in no order."""
    return [bytes(row["der"]) for row in await connection.fetch(_INTERMEDIATES, account_id)]


async def ders(connection: Connection, account_id: str, fingerprints: Collection[bytes]) -> dict[bytes, bytes]:
    """The bytes of certificates that stand in the account's chains, however many."""
    found: dict[bytes, bytes] = {}
    for some in _pieces(list(fingerprints)):
        found |= await reads.ders(connection, account_id, some)
    return found


def _pieces(values: Sequence[T]) -> Iterator[Sequence[T]]:
    return (values[start : start + _AT_ONCE] for start in range(0, len(values), _AT_ONCE))
