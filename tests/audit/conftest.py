"""One account with a past for all tests that tamper with it: each in a transaction that is rolled back."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from app.audit.checkpoint import Note
from app.audit.entry import account_stream
from app.store import cosignatures
from app.store.connection import Engine
from app.store.database import Database, open_database
from app.store.migrate import migrate
from tests.audit.history import World, live
from tests.audit.notaries import add, sign_all, started
from tests.audit.owner import Owner, owning
from tests.audit.signing import WITNESS, cosigned_line
from tests.conftest import ENGINE, UrlOf


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lived_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The URL of a database in which an account has had a past."""
    if ENGINE is Engine.SQLITE:
        url = f"sqlite://{tmp_path_factory.mktemp('lived')}/anchorage.db"
    else:
        postgres: UrlOf = request.getfixturevalue("postgres")
        name = f"anchorage_lived_{secrets.token_hex(4)}"
        owner = await asyncpg.connect(postgres("postgres"))
        await owner.execute(f"CREATE DATABASE {name}")
        await owner.close()
        url = postgres(name)
    await migrate(url)
    database = open_database(url)
    await database.start()
    await live_signed(database, tmp_path_factory.mktemp("kept"))
    await database.close()
    yield url


async def live_signed(database: Database, kept: Path) -> None:
    """A past, and the tree over it: more than a full tile, of several streams, signed at each turn and once witnessed.

    The newest entries wait for their leaves.
    """
    notary = await started(database, kept)
    world = await World.open(database)
    await sign_all(notary)
    await live(world)
    (signed,) = await sign_all(notary)
    line = cosigned_line(Note.parse(signed.note).text)
    await database.write("witness", lambda transaction: cosignatures.insert(transaction, 1, signed.size, WITNESS, line))
    for sizes in ({"sys/6": 5, "sys/7": 240}, {"sys/7": 3, "sys/8": 4}):
        for stream, number in sizes.items():
            await add(database, stream, number)
        await sign_all(notary)
    await add(database, "sys/8")
    await add(database, "sys/9", 2)


@dataclass(frozen=True)
class Lived:
    """The database, and its owner in a transaction without guards. Entries are named by number in the account's stream.

    `refusal` is an entry that changed nothing; `change` is one that did.
    """

    url: str
    owner: Owner
    account_id: str
    stream: str
    refusal: int
    change: int

    async def entry(self, sql: str, *args: object, aseq: int | None = None) -> None:
        """Run a statement that ends in WHERE, on an entry; the refusal when none is named."""
        await self.owner.execute(f"{sql} {self._place(aseq)}", *args)

    async def body(self, aseq: int | None = None) -> bytes:
        """An entry's body."""
        (row,) = await self.owner.fetch(f"SELECT body FROM audit_body WHERE {self.seq_of(aseq)}")
        return bytes(row["body"])

    def seq_of(self, aseq: int | None = None) -> str:
        """The condition that names an entry's rows in the tables beside it."""
        return f"seq = (SELECT seq FROM audit_entry WHERE {self._place(aseq)})"

    def _place(self, aseq: int | None) -> str:
        return f"stream = '{self.stream}' AND aseq = {aseq or self.refusal}"


@pytest.fixture
async def lived(lived_url: str) -> AsyncIterator[Lived]:
    """The past, and its owner, of whose deeds nothing is left afterwards."""
    async with owning(lived_url) as owner:
        (account,) = await owner.fetch("SELECT id FROM account")
        stream = account_stream(account["id"])
        (places,) = await owner.fetch(
            "SELECT min(CASE WHEN action = 'certificate.upload' AND result = 'refused' THEN aseq END) AS refusal,"
            " max(CASE WHEN action = 'account.set_feature' THEN aseq END) AS change"
            " FROM audit_entry WHERE stream = $1",
            stream,
        )
        await owner.execute("BEGIN")
        await owner.take_guards_away()
        yield Lived(lived_url, owner, account["id"], stream, places["refusal"], places["change"])
        await owner.execute("ROLLBACK")


@pytest.fixture
async def lived_database(lived_url: str) -> AsyncIterator[Database]:
    """The application's own connections to a database with a past."""
    database = open_database(lived_url)
    await database.start()
    yield database
    await database.close()
