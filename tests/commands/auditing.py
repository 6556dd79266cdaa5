"""`anchorage audit …` on a database of an account with a past."""

import asyncio
import json
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.audit import log
from app.audit.entry import account_stream, seal
from app.audit.kept import KeptCheckpoint
from app.audit.notary import Notary
from app.clock import system_clock
from app.ids import new_id
from app.services import log_key
from app.services.door import fresh_salt
from app.store.connection import Transaction
from app.store.database import Database
from tests.audit.acts import acts as acts_by_name

ORIGIN = "log.example/audit"
BATCH = 500


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    status: int
    out: bytes
    err: str


@dataclass(frozen=True)
class Anchorage:
    """The command line on a database of an account with a past."""

    url: str
    account: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """The settings."""
        given = {name: value for name, value in os.environ.items() if not name.startswith("ANCHORAGE_")}
        return given | {"ANCHORAGE_DATABASE_URL": self.url, "ANCHORAGE_DATA_DIR": str(self.folder)}

    @property
    def stream(self) -> str:
        """Where the account's entries are."""
        return f"{self.account}/0"

    async def audit(self, *words: str, url: str | None = None) -> Said:
        """Run `anchorage audit` with these words."""
        return await self.shell(shlex.join((sys.executable, "-m", "app", "audit", *words)), url=url)

    async def shell(self, line: str, *, url: str | None = None) -> Said:
        """Run a line of shell."""
        environment = self.environment | ({} if url is None else {"ANCHORAGE_DATABASE_URL": url})
        process = await asyncio.create_subprocess_shell(
            line, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, err = await process.communicate()
        assert process.returncode is not None
        return Said(process.returncode, out, err.decode())

    async def export(self, name: str, *words: str, form: str = "jsonl") -> Path:
        """Export the account to a file, successfully."""
        output = self.folder / name
        said = await self.audit("export", "--account", self.account, "--format", form, "--output", str(output), *words)
        assert (said.status, said.out) == (0, b""), said
        return output


@dataclass(frozen=True)
class Exported:
    """An export, read line by line as its format says."""

    header: Mapping[str, Any]
    entries: list[Mapping[str, Any]]
    bodies: list[bytes]
    end: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> "Exported":
        """Every line of the file."""
        first, *lines, last, rest = path.read_bytes().split(b"\n")
        assert rest == b""
        return cls(
            json.loads(first),
            [json.loads(line) for line in lines],
            [line.partition(b',"body":')[2][:-1] for line in lines],
            json.loads(last)["end"],
        )


async def sign(database: Database, folder: Path) -> Notary:
    """Put what waits into the tree and sign it, with the key in this data directory; the notary can go on."""
    path = folder / "log-key"
    key: Ed25519PrivateKey | None = log_key.read(path)
    notary = Notary(database, key or log_key.make(path), ORIGIN, [KeptCheckpoint(folder / "checkpoint")], system_clock)
    await notary.start()
    while (await notary.cycle()).more:
        pass
    return notary


async def fill(database: Database, account_id: str, count: int) -> None:
    """Append so many entries to an account's log, without their effects."""
    stream = account_stream(account_id)
    acts = cycle(act for _, act in acts_by_name().values())

    async def unit(transaction: Transaction) -> None:
        head = await log.lock(transaction, stream, account_id)
        async with transaction.savepoint():
            for _ in range(BATCH):
                act = replace(next(acts), id=new_id(system_clock()))
                await log.append(transaction, head, act, seal(act, node="test", software="test/1", salt=fresh_salt))
                head = await log.lock(transaction, stream, account_id)

    for _ in range(count // BATCH):
        await database.write(stream, unit)
