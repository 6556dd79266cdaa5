"""The services of one database for tests, and callers that execute whole documents."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from strawberry.types import ExecutionResult

from app.actor import ANONYMOUS, SCOPES, Actor, ActorType, Origin, Role, command_line
from app.audit.entry import GENESIS, entry_hash
from app.services.accounts import CreateAccount
from app.services.door import Door
from app.services.keys import CreateApiKey
from app.settings import Settings
from app.store import log_reads
from app.store.connection import Connection, Engine, Row
from app.store.database import Database
from app.terms import Tier
from app.transport.graphql.context import Budget, Context, Probe, Services
from app.transport.graphql.ids import Kind, encode
from app.transport.graphql.schema import schema
from tests.transport.authorities import NOW, authority

Data = Any
"""What JSON holds."""


@dataclass
class Clock:
    """A clock that goes on by a millisecond whenever it is asked, so that instants differ and orders are certain."""

    at: datetime = NOW

    def __call__(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at


class CountingConnection:
    """A connection that keeps the statements it was given, and hands them on."""

    def __init__(self, inner: Connection) -> None:
        self._inner = inner
        self.statements: list[str] = []
        run = inner.run  # type: ignore[attr-defined]

        async def counted(sql: str, values: Sequence[object]) -> Any:
            self.statements.append(sql)
            return await run(sql, values)

        self._counted = counted
        self.orm = type(inner.orm)(inner.engine.value, counted)

    @property
    def engine(self) -> Engine:
        return self._inner.engine

    async def fetch(self, sql: str, *args: object) -> Sequence[Row]:
        rows: Sequence[Row] = (await self._counted(self._inner.native(sql), args)).rows  # type: ignore[attr-defined]
        return rows

    async def fetch_one(self, sql: str, *args: object) -> Row | None:
        rows = await self.fetch(sql, *args)
        return rows[0] if rows else None


@dataclass
class House:
    """The services, and a clock that tests may set."""

    services: Services
    clock: Clock
    reads: CountingConnection

    @classmethod
    def on(cls, database: Database, folder: Path) -> Self:
        """The services of a database."""
        clock = Clock()
        reads = CountingConnection(database.reads)
        database.reads = reads  # type: ignore[assignment]
        door = Door(database, clock=clock, node="test", software="anchorage/test")
        settings = Settings(data_dir=folder, _env_file=None)  # type: ignore[call-arg]
        return cls(Services(database, door, clock, settings, release="1.2.3"), clock, reads)

    @property
    def database(self) -> Database:
        return self.services.database

    async def open_account(self, name: str, *, tier: Tier = Tier.COMMERCIAL) -> "Caller":
        """An account, and its administrator's key."""
        made = await self.services.door.perform(
            command_line(None, "operator"), CreateAccount(name, tier), self.origin()
        )
        operator = command_line(made.value.id, "operator")
        return await self.key(operator, "first key", Role.ADMIN)

    async def key(self, maker: Actor, name: str, role: Role) -> "Caller":
        """A key of the maker's account, as somebody who asks with it."""
        made = await self.services.door.perform(maker, CreateApiKey(name, role, bytes(32)), self.origin())
        row = made.value.row
        return Caller(self, Actor(ActorType.API_KEY, row.id, row.account_id, name, SCOPES[role]))

    def anonymous(self) -> "Caller":
        """Somebody without a key."""
        return Caller(self, ANONYMOUS)

    def origin(self) -> Origin:
        """A request."""
        return Origin(request_id="req-1", operation="Test", address="192.0.2.7", agent="pytest")

    async def check_log(self) -> None:
        """Hash every stream again, entry by entry, up to its head."""
        connection = self.database.reads
        for head in await log_reads.streams(connection):
            aseq, previous = 0, GENESIS
            async for entry in log_reads.walk(connection, head.stream):
                aseq += 1
                assert (entry.aseq, entry.prev) == (aseq, previous)
                assert hashlib.sha256(entry.body).digest() == entry.body_sha256
                previous = entry_hash(head.stream, aseq, previous, entry.body_sha256)
                assert entry.hash == previous
            assert (aseq, previous) == (head.aseq, head.hash)


@dataclass
class Caller:
    """Somebody who executes documents."""

    house: House
    actor: Actor
    budget: Budget | None = None
    probes: Sequence[Probe] = ()
    last: ExecutionResult | None = field(default=None, repr=False)

    @property
    def account_id(self) -> str:
        return self.actor.account_id or ""

    def context(self) -> Context:
        services = replace(self.house.services, probes=self.probes)
        return Context(services, self.actor, self.house.origin(), self.house.clock(), budget=self.budget)

    async def with_role(self, role: Role) -> "Caller":
        """Another key of the same account."""
        return await self.house.key(command_line(self.account_id, "operator"), f"a {role.value} key", role)

    async def execute(self, document: str, **variables: Data) -> ExecutionResult:
        """What the schema answers, errors included."""
        result = await schema.execute(document, variables, context_value=self.context())
        assert isinstance(result, ExecutionResult)
        self.last = result
        return result

    async def __call__(self, document: str, **variables: Data) -> Data:
        """The data of an operation that has no errors."""
        result = await self.execute(document, **variables)
        assert result.errors is None, [error.message for error in result.errors]
        return result.data

    async def refusal(self, document: str, **variables: Data) -> str:
        """The code of the one top-level error of an operation."""
        result = await self.execute(document, **variables)
        assert result.errors is not None
        codes = {(error.extensions or {}).get("code") for error in result.errors}
        assert len(codes) == 1, [error.message for error in result.errors]
        return str(codes.pop())

    async def subscribe(self, document: str, **variables: Data) -> AsyncIterator[ExecutionResult]:
        """The events of a subscription."""
        events = await schema.subscribe(document, variables, context_value=self.context())
        return events  # type: ignore[return-value]

    async def upload(self, name: str, **more: Data) -> Data:
        """Upload a self-signed CA of this name; the certificate."""
        made = {"name": name, "usage": "ENROLLMENT", "source": {"pem": authority(name).pem}} | more
        data = await self(UPLOAD, input=made)
        assert data["uploadCertificate"]["errors"] == []
        return data["uploadCertificate"]["certificate"]

    @property
    def key_id(self) -> str:
        """The id of the caller's own key."""
        return encode(Kind.API_KEY, self.actor.id or "")


UPLOAD = """
mutation Upload($input: UploadCertificateInput!) {
  uploadCertificate(input: $input) {
    certificate { id version name status fingerprint }
    account { certificateQuota { limit used remaining } }
    errors { __typename ... on UserError { code message path } }
    auditEntry { id action outcome code }
  }
}
"""
