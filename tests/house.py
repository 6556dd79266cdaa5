"""The real house on a temporary database, with the few words that tests of use cases need."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.actor import SCOPES, Actor, ActorType, Origin, Role, command_line
from app.audit.entry import account_stream
from app.audit.kept import KeptCheckpoint
from app.audit.notary import Notary
from app.rules import pem
from app.services.accounts import CreateAccount
from app.services.certificates import UploadCertificate
from app.services.developer_certificates import CreateDeveloperCertificate
from app.services.developer_certificates import NewDeveloperCertificate as Developed
from app.services.door import Command, Door, Recorded, T
from app.services.signing import WANTED, Signing
from app.services.submission import Submission
from app.services.trust_states import TrustStates
from app.store import log_reads
from app.store.database import Database
from app.store.rows import AccountRow, CertificateRow, EntryRow
from app.terms import Service, Tier, Usage
from tests.rules.authority import AT, Made, make

ORIGIN = Origin(request_id="req-1", operation="Test", path="field", address="192.0.2.7", agent="tests/1")

_numbers = count(1)


@dataclass
class SteppingClock:
    """A clock that a test moves; every look at it is a microsecond later than the last."""

    now: datetime = AT

    def __call__(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now

    def advance(self, step: timedelta) -> None:
        """Move on."""
        self.now += step


@dataclass
class House:
    """A door on a database, and an account's people to go through it."""

    database: Database
    clock: SteppingClock = field(default_factory=SteppingClock)
    secrets_file: Path = Path("/nowhere/secrets-key")
    """Where the key is that private keys are encrypted under; a test that makes such keys names a folder of its own."""
    door: Door = field(init=False)
    trust: TrustStates = field(init=False)

    def __post_init__(self) -> None:
        self.door = Door(self.database, clock=self.clock, node="test", software="anchorage/test")
        self.trust = TrustStates(self.database, monotonic, bridge_seconds=60.0)

    async def account(self, tier: Tier = Tier.COMMERCIAL, name: str | None = None) -> AccountRow:
        """A new account."""
        made = CreateAccount(name or f"account {next(_numbers)}", tier)
        return (await self.door.perform(command_line(None, "root"), made, ORIGIN)).value

    async def perform(self, actor: Actor, command: Command[T]) -> T:
        """What a command answers."""
        return (await self.recorded(actor, command)).value

    async def recorded(self, actor: Actor, command: Command[T]) -> Recorded[T]:
        """What a command answers, with its entry."""
        return await self.door.perform(actor, command, ORIGIN)

    async def upload(self, actor: Actor, made: Made | None = None, **words: Any) -> CertificateRow:
        """A record of a fresh CA, or of the one given."""
        return await self.perform(actor, upload_of(made or fresh_ca(), **words))

    def developing(self, name: str, description: str | None = None) -> CreateDeveloperCertificate:
        """The command that makes a developer certificate."""
        return CreateDeveloperCertificate(name, description, self.secrets_file)

    async def develop(self, actor: Actor, name: str = "developer") -> Developed:
        """A developer certificate, with what its device needs."""
        return await self.perform(actor, self.developing(name))

    def signing(self, folder: Path) -> Signing:
        """What signs the log, with a key of its own, and keeps its checkpoint in this folder."""
        notary = Notary(
            self.database,
            Ed25519PrivateKey.generate(),
            "log.example/test",
            [KeptCheckpoint(folder / "checkpoint")],
            self.clock,
        )

        async def enlist() -> Notary:
            return notary

        return Signing(self.database, self.database.leadership(WANTED), enlist)

    async def log_of(self, account_id: str) -> list[EntryRow]:
        """The account's entries, oldest first."""
        stream = account_stream(account_id)
        return [entry async for entry in log_reads.walk(self.database.reads, stream)]

    async def last_entry(self, account_id: str) -> "Said":
        """The account's newest entry."""
        return Said.of((await self.log_of(account_id))[-1])


@dataclass(frozen=True)
class Said:
    """What an entry says, in short."""

    action: str
    result: str
    code: str | None
    target_name: str | None
    body: dict[str, object]

    @classmethod
    def of(cls, entry: EntryRow) -> "Said":
        """Read from the body: the bytes that count."""
        body = orjson.loads(entry.body)
        return cls(body["action"], body["outcome"]["result"], body["outcome"]["code"], body["target"]["name"], body)


def actor_of(account: AccountRow, role: Role = Role.ADMIN) -> Actor:
    """Somebody with a key of this role in the account."""
    return Actor(ActorType.API_KEY, f"{role.value:0>32}", account.id, f"the {role.value}", SCOPES[role])


def fresh_ca(**flaw: object) -> Made:
    """A root CA that nobody has seen before; arguments are `make`'s."""
    maker: Callable[..., Made] = make
    return maker(**({"subject": f"CA {next(_numbers)}"} | flaw))


def upload_of(*chain: Made, at: datetime = AT, **words: Any) -> UploadCertificate:
    """The command that uploads a chain; words replace its fields."""
    source = pem.encode([made.der for made in chain])
    given: dict[str, object] = {
        "name": f"record {next(_numbers)}",
        "description": None,
        "submission": Submission.of(source, at=at),
        "usage": Usage.CREDENTIALS,
        "service": Service.BOOTSTRAP,
    }
    build: Callable[..., UploadCertificate] = UploadCertificate
    return build(**(given | words))
