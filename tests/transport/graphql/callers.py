"""Callers that execute whole documents against the schema, and the statements that this costs."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, cast

from starlette.requests import HTTPConnection
from strawberry.types import ExecutionResult

from app.actor import ANONYMOUS, SCOPES, Actor, ActorType, Origin, Role, command_line
from app.rules import pem
from app.rules.credentials_file import Servers
from app.services.keys import CreateApiKey, fresh_credential
from app.settings import Introspection, Settings
from app.store.connection import Connection, Engine, Row
from app.store.rows import ApiKeyRow
from app.terms import Tier
from app.transport.graphql import gate as asking
from app.transport.graphql.context import Check, Context, Services
from app.transport.graphql.gate import Budget
from app.transport.graphql.ids import Kind, encode
from app.transport.graphql.limits import Limits
from app.transport.graphql.operations import Operations, Response, Transport
from app.transport.graphql.requests import GraphQLRequest
from app.transport.graphql.schema import schema
from tests.house import House
from tests.rules.authority import Made, make

Data = Any
"""What JSON holds."""

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

ORIGIN = Origin(request_id="req-1", operation="Test", address="192.0.2.7", agent="tests/1")


class CountingConnection:
    """A connection that keeps the statements it was given, and hands them on."""

    def __init__(self, inner: Connection) -> None:
        self._inner: Any = inner
        self.statements: list[str] = []
        client: Any = type(self._inner.orm)
        self.orm = client(inner.engine.value, self._run)

    async def _run(self, sql: str, values: Sequence[object]) -> Any:
        self.statements.append(sql)
        return await self._inner.run(sql, values)

    @property
    def engine(self) -> Engine:
        """See Connection."""
        return Engine(self._inner.engine)

    async def fetch(self, sql: str, *args: object) -> Sequence[Row]:
        """See Connection."""
        return cast("Sequence[Row]", (await self._run(self._inner.native(sql), args)).rows)

    async def fetch_one(self, sql: str, *args: object) -> Row | None:
        """See Connection."""
        rows = await self.fetch(sql, *args)
        return rows[0] if rows else None


@dataclass
class Caller:
    """Somebody who executes documents."""

    house: House
    actor: Actor
    budget: Budget | None = None
    checks: Mapping[str, Check] = field(default_factory=dict)
    servers: Servers = field(default_factory=Servers)
    statements: list[str] = field(default_factory=list, repr=False)
    """What the last operation asked of the database, the door's own statements left out."""

    @property
    def account_id(self) -> str:
        """The caller's account."""
        return self.actor.account_id or ""

    @property
    def key_id(self) -> str:
        """The id of the caller's own key."""
        return encode(Kind.API_KEY, self.actor.id or "")

    def context(self) -> Context:
        """The context of one operation."""
        database = self.house.database
        settings = Settings(secrets_key_file=self.house.secrets_file)
        services = Services(
            database,
            self.house.door,
            self.house.clock,
            settings,
            self.house.trust,
            release="1.2.3",
            checks=self.checks,
            servers=self.servers,
        )
        return Context(services, self.actor, ORIGIN, self.house.clock(), budget=self.budget)

    async def execute(self, document: str, **variables: Data) -> ExecutionResult:
        """What the schema answers, errors included."""
        context = self.context()
        counting = CountingConnection(self.house.database.reads)
        context.connection = counting
        context.renew()
        self.statements = counting.statements
        result = await schema.execute(document, variables, context_value=context)
        assert isinstance(result, ExecutionResult)
        return result

    async def __call__(self, document: str, **variables: Data) -> Data:
        """The data of an operation that has no errors."""
        result = await self.execute(document, **variables)
        assert result.errors is None, [(error.message, error.original_error) for error in result.errors]
        return result.data

    async def refusal(self, document: str, **variables: Data) -> str:
        """The code of an operation's top-level errors, which all have the same."""
        result = await self.execute(document, **variables)
        assert result.errors is not None, result.data
        codes = {str((error.extensions or {}).get("code")) for error in result.errors}
        assert len(codes) == 1, [error.message for error in result.errors]
        return codes.pop()

    async def subscribe(self, document: str, **variables: Data) -> AsyncGenerator[Response]:
        """The events of a subscription, as every transport sends them; raises RequestError for what ends it."""
        operations = Operations(schema, _OpenGate(self), Limits(), Introspection.ON)
        request = GraphQLRequest(document, None, variables)
        ready = await operations.ready(asking.Caller(self.actor, ORIGIN), request, Transport.WEB_SOCKET)
        async with aclosing(operations.results(ready)) as responses:
            async for response in responses:
                yield response

    async def upload(self, name: str, *chain: Made, **more: Data) -> Data:
        """Upload a chain, or a fresh root CA; the certificate."""
        given = {"name": name, "usage": "ENROLLMENT", "source": {"pem": pem_of(*(chain or (make(name),)))}} | more
        outcome = (await self(UPLOAD, input=given))["uploadCertificate"]
        assert outcome["errors"] == []
        return outcome["certificate"]

    async def key(self, role: Role, name: str = "another key") -> "Caller":
        """Another key of the same account, as somebody who asks with it."""
        return await key_of(self.house, self.account_id, role, name)


@dataclass(frozen=True, slots=True)
class _OpenGate:
    """Lets one caller in, who may spend what it likes."""

    caller: Caller

    async def admit(self, connection: HTTPConnection, *, authorization: str | None) -> asking.Caller:
        """See Gate."""
        del connection, authorization
        return asking.Caller(self.caller.actor, ORIGIN)

    async def refuse(self, code: str, caller: asking.Caller) -> None:
        """See Gate."""

    def spend(self, caller: asking.Caller, cost: int) -> Budget:
        """See Gate."""
        del caller
        return Budget(limit=cost, remaining=cost, cost=cost, reset_at=self.caller.house.clock())

    def open(self, caller: asking.Caller, operation_name: str | None) -> Context:
        """See Gate."""
        del caller, operation_name
        return self.caller.context()


async def account(house: House, name: str, *, tier: Tier = Tier.COMMERCIAL) -> Caller:
    """A new account's administrator."""
    made = await house.account(tier, name)
    return await key_of(house, made.id, Role.ADMIN, "first key")


async def key_of(house: House, account_id: str, role: Role, name: str) -> Caller:
    """A key of an account, made by the operator."""
    command = CreateApiKey(name, role, fresh_credential(house.clock()))
    row: ApiKeyRow = (await house.perform(command_line(account_id, "root"), command)).row
    return Caller(house, Actor(ActorType.API_KEY, row.id, account_id, name, SCOPES[role]))


def anonymous(house: House) -> Caller:
    """Somebody without a key."""
    return Caller(house, ANONYMOUS)


def as_user(caller: Caller) -> Caller:
    """A person of the same account."""
    return replace(caller, actor=Actor(ActorType.USER, "d" * 32, caller.account_id, "Ada", caller.actor.scopes))


def pem_of(*chain: Made) -> str:
    """Certificates as one text."""
    return pem.encode([made.der for made in chain])
