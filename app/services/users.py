"""The people who may sign in. Passwords are hashed (argon2id) before they come here."""

from dataclasses import dataclass, replace
from typing import ClassVar

from app.actor import Role, Scope
from app.audit.events import UserCreated, UserPasswordSet
from app.audit.states import Target
from app.errors import InvalidInput, NameTaken, NotFound
from app.ids import new_id
from app.rules import text
from app.services import states
from app.services.command import Done, Tx
from app.store.rows import UserRow


@dataclass(frozen=True, slots=True, repr=False)
class CreateUser:
    """Let a person sign in to an account."""

    action: ClassVar[str] = UserCreated.kind
    scope: ClassVar[Scope] = Scope.OPERATE
    name: str
    role: Role
    password_hash: str
    reason: None = None

    @property
    def target(self) -> Target:
        """A person, unnamed: a name is personal data."""
        return Target("user")

    async def __call__(self, tx: Tx) -> Done[UserRow]:
        """Names are unique in the installation: a person signs in with the name alone."""
        name = text.require_name(self.name)
        if self.role is Role.GATEWAY:
            raise InvalidInput("A gateway is a program: make it a key.", path=("role",))
        if await tx.accounts.with_id(tx.account_id) is None:
            raise NotFound("There is no account of this id.")
        if await tx.users.with_name(name) is not None:
            raise NameTaken("There is a user of this name already: names are unique.", path=("name",))
        user = UserRow(
            id=new_id(tx.now),
            account_id=tx.account_id,
            version=1,
            name=name,
            role=self.role,
            password_hash=self.password_hash,
            created_at=tx.now,
            updated_at=tx.now,
        )
        await tx.users.insert(user)
        return Done(user, UserCreated(states.user_state(user)))


@dataclass(frozen=True, slots=True, repr=False)
class SetUserPassword:
    """Replace a person's password."""

    action: ClassVar[str] = UserPasswordSet.kind
    scope: ClassVar[Scope] = Scope.OPERATE
    name: str
    password_hash: str
    reason: None = None

    @property
    def target(self) -> Target:
        """A person, unnamed until found."""
        return Target("user")

    async def __call__(self, tx: Tx) -> Done[UserRow]:
        """Find the person by name, in the account alone."""
        before = await tx.users.with_name(self.name)
        if before is None or before.account_id != tx.account_id:
            raise NotFound("The account has no user of this name.", path=("name",))
        tx.target = states.user_state(before).target
        after = replace(before, version=before.version + 1, password_hash=self.password_hash, updated_at=tx.now)
        await tx.users.set_password(after)
        return Done(after, UserPasswordSet(states.user_state(before), states.user_state(after)))
