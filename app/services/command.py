"""What an act is made of: a use case, what it may use, and what it answers. `app.services.door` performs it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Generic, Protocol, Self, TypeVar, runtime_checkable

from app.actor import Actor, Scope
from app.audit.event import Event
from app.audit.states import Json, Target
from app.errors import Refusal
from app.store.challenges import Challenges
from app.store.connection import Connection, Transaction
from app.store.developer_keys import DeveloperKeys
from app.store.device_writes import Devices
from app.store.enrollments import Enrollments
from app.store.jobs import Jobs
from app.store.standing import Findings
from app.store.writes import Accounts, ApiKeys, Certificates, Users

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Done(Generic[T_co]):
    """What a command did: the caller's answer, and the event for the log.

    What is more than one event, or none, has each by the id of its entry: a look at many objects, or a device that uses
    a claim as it comes in.
    """

    value: T_co
    event: Event | Mapping[str, Event]


@dataclass(slots=True)
class Tx:
    """What a command may use: one account's rows in the door's transaction, and the instant of the act.

    `entry_id` is the id that the entry of this act will have. `target` is what a refusal's entry will name: a command
    sets it once it has found the object. `if_refused` is what a refusal does all the same, None for most: it runs once
    what the command did is rolled back, and commits with the refusal's entry, so that neither is there without the
    other. A wrong proof of possession takes an attempt that way.
    """

    transaction: Transaction
    actor: Actor
    now: datetime
    entry_id: str
    target: Target
    if_refused: Callable[[], Awaitable[None]] | None = None
    account_id: str = field(init=False)
    accounts: Accounts = field(init=False)
    certificates: Certificates = field(init=False)
    api_keys: ApiKeys = field(init=False)
    users: Users = field(init=False)
    challenges: Challenges = field(init=False)
    developer_keys: DeveloperKeys = field(init=False)
    devices: Devices = field(init=False)
    enrollments: Enrollments = field(init=False)
    jobs: Jobs = field(init=False)
    findings: Findings = field(init=False)

    def __post_init__(self) -> None:
        # The operator of the whole installation has no account, and so finds nothing in the rows of one.
        self.account_id = self.actor.account_id or ""
        self.accounts = Accounts(self.transaction, self.entry_id)
        self.certificates = Certificates(self.transaction, self.account_id, self.entry_id)
        self.api_keys = ApiKeys(self.transaction, self.account_id, self.entry_id)
        self.users = Users(self.transaction, self.account_id, self.entry_id)
        self.challenges = Challenges(self.transaction, self.account_id, self.entry_id)
        self.developer_keys = DeveloperKeys(self.transaction, self.account_id)
        self.devices = Devices(self.transaction, self.account_id, self.entry_id)
        self.enrollments = Enrollments(self.transaction, self.account_id, self.entry_id)
        self.jobs = Jobs(self.transaction, self.account_id, self.entry_id)
        self.findings = Findings(self.transaction, self.account_id)


class Outdated(Exception):
    """What a command was prepared with does not hold any more, so that it has to be prepared again.

    `refusal` is what its caller hears where that happens again and again.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__()
        self.refusal = refusal


class Command(Protocol[T_co]):
    """A use case. `target` is what the caller names, before anything is known of it."""

    action: ClassVar[str]
    scope: ClassVar[Scope]

    @property
    def target(self) -> Target:
        """What the act is about, as far as the caller's words go."""

    @property
    def reason(self) -> str | None:
        """Why, in the caller's words."""

    async def __call__(self, tx: Tx) -> Done[T_co]:
        """Act, or raise a Refusal."""


@runtime_checkable
class Prepared(Protocol):
    """A use case of which some takes too long for a transaction: it is done before, and held against it there."""

    async def prepared(self, connection: Connection, account_id: str, at: datetime) -> Self:
        """The same with what was done. What its caller is to be refused for is left to the transaction."""


class Repeatable(Command[T_co], Protocol[T_co]):
    """A use case that a caller may send twice for one effect."""

    @property
    def identity(self) -> Json:
        """What makes two requests the same."""

    def recall(self, change: Json, account_id: str) -> T_co:
        """The first answer, from the `change` of the entry that recorded it."""
