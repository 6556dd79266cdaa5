"""What the operator of the installation does to accounts, at the command line: the seed's "contact us"."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar

from app.actor import Scope
from app.audit.events import AccountCreated, AccountFeatureSet, AccountLimitSet, AccountTierSet
from app.audit.states import Target
from app.errors import NameTaken, NotFound
from app.ids import new_id
from app.rules import quota, text
from app.services import states
from app.services.command import Done, Tx
from app.store.rows import AccountRow
from app.terms import Tier


class Feature(StrEnum):
    """What can be switched per account."""

    REQUIRE_POSSESSION = "require-possession"
    """CREDENTIALS uploads stay PENDING until the account proves that it holds the key."""
    SUSPEND_DEVICES = "suspend-devices"
    """Blacklisting may suspend the devices that are registered through the certificate."""
    AUDIT_ALL_DECISIONS = "audit-all-decisions"
    """Every acceptance of a device has an entry, not only its first and each that changes something."""


@dataclass(frozen=True, slots=True)
class CreateAccount:
    """Open an account. Its own log starts with its first act; this one is the installation's."""

    action: ClassVar[str] = AccountCreated.kind
    scope: ClassVar[Scope] = Scope.OPERATE
    name: str
    tier: Tier
    reason: None = None

    @property
    def target(self) -> Target:
        """An account that is not there yet."""
        return Target("account", None, text.quotable_name(self.name))

    async def __call__(self, tx: Tx) -> Done[AccountRow]:
        """Names are unique in the installation."""
        name = text.require_name(self.name)
        if await tx.accounts.with_name(name) is not None:
            raise NameTaken(f"There is an account named “{name}” already: names are unique.", path=("name",))
        account = AccountRow(
            id=new_id(tx.now),
            version=1,
            name=name,
            tier=self.tier,
            limit_override=None,
            certificate_limit=quota.effective_limit(self.tier, None),
            certificate_used=0,
            require_possession=True,
            suspend_devices=False,
            audit_all_decisions=False,
            created_at=tx.now,
            updated_at=tx.now,
        )
        await tx.accounts.insert(account)
        return Done(account, AccountCreated(states.account_state(account)))


@dataclass(frozen=True, slots=True)
class SetAccountTier:
    """Change what an account pays for. What it holds over a lower limit stays; more is refused."""

    action: ClassVar[str] = AccountTierSet.kind
    scope: ClassVar[Scope] = Scope.OPERATE
    account_id: str
    tier: Tier
    reason: str | None = None

    @property
    def target(self) -> Target:
        """The account."""
        return Target("account", self.account_id)

    async def __call__(self, tx: Tx) -> Done[AccountRow]:
        """A limit of the account's own stays as it is."""
        before = await _require(tx)
        after = await _store(tx, replace(before, tier=self.tier))
        return Done(after, AccountTierSet(states.account_state(before), states.account_state(after)))


@dataclass(frozen=True, slots=True)
class SetAccountLimit:
    """Give an account a limit of its own; None gives it its tier's again."""

    action: ClassVar[str] = AccountLimitSet.kind
    scope: ClassVar[Scope] = Scope.OPERATE
    account_id: str
    limit: int | None
    reason: str | None = None

    @property
    def target(self) -> Target:
        """The account."""
        return Target("account", self.account_id)

    async def __call__(self, tx: Tx) -> Done[AccountRow]:
        """A limit under what is used keeps what is there."""
        before = await _require(tx)
        limit = None if self.limit is None else quota.require_limit(self.limit)
        after = await _store(tx, replace(before, limit_override=limit))
        return Done(after, AccountLimitSet(states.account_state(before), states.account_state(after)))


@dataclass(frozen=True, slots=True)
class SetAccountFeature:
    """Switch a feature of an account on or off."""

    action: ClassVar[str] = AccountFeatureSet.kind
    scope: ClassVar[Scope] = Scope.OPERATE
    account_id: str
    feature: Feature
    enabled: bool
    reason: str | None = None

    @property
    def target(self) -> Target:
        """The account."""
        return Target("account", self.account_id)

    async def __call__(self, tx: Tx) -> Done[AccountRow]:
        """What was uploaded before keeps the possession state that it has."""
        before = await _require(tx)
        match self.feature:
            case Feature.REQUIRE_POSSESSION:
                switched = replace(before, require_possession=self.enabled)
            case Feature.SUSPEND_DEVICES:
                switched = replace(before, suspend_devices=self.enabled)
            case Feature.AUDIT_ALL_DECISIONS:
                switched = replace(before, audit_all_decisions=self.enabled)
        after = await _store(tx, switched)
        return Done(after, AccountFeatureSet(states.account_state(before), states.account_state(after)))


async def _require(tx: Tx) -> AccountRow:
    account = await tx.accounts.with_id(tx.account_id)
    if account is None:
        raise NotFound("There is no account of this id.", path=("id",))
    tx.target = states.account_state(account).target
    return account


async def _store(tx: Tx, account: AccountRow) -> AccountRow:
    stored = replace(
        account,
        version=account.version + 1,
        certificate_limit=quota.effective_limit(account.tier, account.limit_override),
        updated_at=tx.now,
    )
    await tx.accounts.update(stored)
    return stored
