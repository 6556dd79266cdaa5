"""An account with a past, made through the door: every kind of act, refusals and repetitions among them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from app.actor import ANONYMOUS, Actor, ActorType, Origin, Role, Scope, command_line
from app.errors import Refusal
from app.rules.credential import Credential
from app.rules.possession import Signature
from app.services.accounts import CreateAccount, Feature, SetAccountFeature, SetAccountLimit, SetAccountTier
from app.services.bulk import Uploads
from app.services.bursts import SINGLY
from app.services.certificates import DeleteCertificate, SetCertificateStatus, UpdateCertificate, UploadCertificate
from app.services.command import Command, Repeatable, T
from app.services.door import Door
from app.services.enrollments import ClaimEnrollment, ReleaseEnrollment
from app.services.jobs import JobRunner
from app.services.keys import CreateApiKey, RevokeApiKey
from app.services.possession import CreatePossessionChallenge, ProvePossession, asked
from app.services.strangers import Strangers
from app.services.submission import Submission
from app.services.users import CreateUser, SetUserPassword
from app.store.database import Database
from app.store.rows import AccountRow, CertificateRow
from app.terms import JobKind, Service, Status, Tier, Usage
from tests.enrolling import csv_of, fingerprint, identity, in_pieces
from tests.rules.authority import Made, make
from tests.rules.challenging import signature_of

START = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
DAYS = (30, 30, 1, None)
"""For how long claims are made."""


@cache
def _ca(name: str) -> Made:
    # The same bytes for the same name: a repeated request is the same only then.
    return make(name)


@dataclass(slots=True)
class Ticking:
    """A clock that is a second later at every look."""

    now: datetime = START

    def __call__(self) -> datetime:
        """See `app.clock.Clock`."""
        self.now += timedelta(seconds=1)
        return self.now


@dataclass(slots=True)
class World:
    """A door on a database, and an account to act in."""

    database: Database
    clock: Ticking = field(default_factory=Ticking)
    door: Door = field(init=False)
    account: AccountRow = field(init=False)
    _requests: Iterator[int] = field(default_factory=lambda: iter(range(1, 1_000_000)))

    def __post_init__(self) -> None:
        self.door = Door(self.database, clock=self.clock, node="test", software="anchorage/test")

    @classmethod
    async def open(cls, database: Database, *, name: str = "Northwind") -> "World":
        """A world with an account of this name."""
        world = cls(database)
        made = await world.door.perform(
            command_line(None, "root"), CreateAccount(name, Tier.COMMERCIAL), world.origin()
        )
        world.account = made.value
        return world

    @property
    def operator(self) -> Actor:
        """The installation's operator, acting on the account."""
        return command_line(self.account.id, "root")

    @property
    def operator_of_all(self) -> Actor:
        """The installation's operator, acting on the whole."""
        return command_line(None, "root")

    @property
    def admin(self) -> Actor:
        """Somebody who may do everything in the account."""
        scopes = frozenset(Scope) - {Scope.OPERATE}
        return Actor(ActorType.API_KEY, "a" * 32, self.account.id, "Ada's key", scopes)

    def origin(self) -> Origin:
        """A request of its own."""
        return Origin(f"{next(self._requests):032x}", "Test", "field", None, "192.0.2.7", "test/1")

    async def act(self, command: Command[T], actor: Actor | None = None) -> T:
        """Perform a command."""
        return (await self.door.perform(actor or self.admin, command, self.origin())).value

    async def repeat(self, command: Repeatable[T], key: str) -> T:
        """Perform a command once for its key."""
        return (await self.door.perform_once(self.admin, command, self.origin(), key)).value

    async def upload(self, name: str, service: Service = Service.BOOTSTRAP) -> CertificateRow:
        """Trust a CA of this name."""
        return await self.act(self.uploading(name, service))

    async def work_off(self, kind: JobKind, data: bytes) -> None:
        """Have a job made of a file, and done."""
        uploads = Uploads(self.database, self.door, self.clock)
        await uploads.take(self.admin, kind, self.origin(), in_pieces(data))
        await JobRunner(self.database, self.door, self.clock, self.database.leadership("jobs"), 30).once()

    def uploading(self, name: str, service: Service = Service.BOOTSTRAP) -> UploadCertificate:
        """The command that trusts a CA of this name."""
        submission = Submission.of(_ca(name).der, at=START)
        return UploadCertificate(name, f"The CA {name}", submission, Usage.CREDENTIALS, service)


async def claim(world: World) -> None:
    """Claims by themselves and by jobs, of either kind some given up by themselves, some by a job, some not."""
    alone = [await world.act(ClaimEnrollment(identity(f"alone {number}"), days)) for number, days in enumerate(DAYS)]
    world.clock.now += timedelta(days=1)
    await world.act(ClaimEnrollment(identity("alone 2"), 30))
    await world.act(ReleaseEnrollment(alone[0].id, "Sold"))
    with pytest.raises(Refusal):
        await world.act(ClaimEnrollment(identity("alone 1")))
    names = [identity(f"together {number}") for number in range(4)]
    await world.work_off(JobKind.ENROLLMENT_CLAIM, csv_of([*names, "no identity"]))
    row = await world.database.reads.fetch_one(
        "SELECT id FROM enrollment WHERE fingerprint = $1", fingerprint("together 0")
    )
    assert row is not None
    await world.act(ReleaseEnrollment(row["id"]))
    await world.work_off(JobKind.ENROLLMENT_RELEASE, csv_of([names[1], identity("alone 1"), identity("nobody's")]))


async def live(world: World) -> None:
    """Give the account of the world a past in which everything happens that can."""
    first, second, third = [await world.upload(name) for name in ("Plant A", "Plant B", "Plant C")]
    await world.act(UpdateCertificate(first.id, description=None))
    await world.act(SetCertificateStatus(first.id, Status.INACTIVE, "Leaked"))
    await world.act(SetCertificateStatus(first.id, Status.INACTIVE, "Leaked, said again"))
    await world.act(CreatePossessionChallenge(second.id, bytes(32)))
    await world.act(DeleteCertificate(second.id))
    await world.act(SetAccountLimit(world.account.id, 1, "Less"), world.operator)
    with pytest.raises(Refusal):
        await world.upload("Plant D")
    await world.act(DeleteCertificate(third.id))
    await world.act(SetAccountLimit(world.account.id, None), world.operator)
    await world.act(SetAccountTier(world.account.id, Tier.DEVELOPER), world.operator)
    await world.act(SetAccountFeature(world.account.id, Feature.REQUIRE_POSSESSION, enabled=False), world.operator)
    for _ in range(2):
        await world.repeat(world.uploading("Plant E"), "once")
    key = await world.act(CreateApiKey("Gateway", Role.GATEWAY, Credential("b" * 32, bytes(32))))
    await world.act(RevokeApiKey(key.row.id, "Rotated"))
    await claim(world)
    await world.act(CreateUser("ada", Role.ADMIN, "hash"), world.operator)
    await world.act(SetUserPassword("ada", "another hash"), world.operator)
    with pytest.raises(Refusal):
        await world.act(DeleteCertificate("f" * 32))
    await prove(world, first, "Plant A")
    strangers = Strangers(world.door, world.clock)
    for _ in range(SINGLY + 3):
        await strangers.refused("UNAUTHENTICATED", ANONYMOUS, world.origin())
    await strangers.flush(everything=True)


async def prove(world: World, record: CertificateRow, name: str) -> None:
    """Prove possession of the key of the CA of this name, by the second challenge and at the second try."""
    for nonce in (bytes(32), bytes([1] * 32)):
        challenge = (await world.act(CreatePossessionChallenge(record.id, nonce))).challenge
    with pytest.raises(Refusal):
        await world.act(ProvePossession(challenge.id, Signature(b"x")))
    await world.act(ProvePossession(challenge.id, signature_of(_ca(name), asked(challenge))))
