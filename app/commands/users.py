"""`anchorage user …`: people who may sign in to the portal."""

import sys
from typing import Annotated

import typer

from app.actor import Role
from app.clock import to_text
from app.commands.running import AccountId, AsJson, Shown, answer, answer_list, known_account, object_id, run
from app.errors import InvalidInput
from app.installation import Installation
from app.passwords import MINIMUM_LENGTH, hash_password
from app.services.users import CreateUser, SetUserPassword
from app.store import reads
from app.store.rows import UserRow

commands = typer.Typer(help="People who may sign in.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="What the person signs in with; unique in the installation.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking for it.")
]


@commands.command("create")
def create(
    name: Name,
    account: AccountId,
    role: Annotated[Role, typer.Option(help="What the person may do; `gateway` is for keys alone.")],
    *,
    password_stdin: FromStdin = False,
    as_json: AsJson = False,
) -> None:
    """Let a person sign in. Prints the person's id."""
    password = _password(from_stdin=password_stdin)

    async def action(installation: Installation) -> UserRow:
        operator = installation.operator(object_id(account))
        made = CreateUser(name, role, hash_password(_long_enough(password)))
        return (await installation.door.perform(operator, made, installation.origin("anchorage user create"))).value

    user = run(action)
    answer(_shown(user), as_json=as_json, plain=user.id)


@commands.command("set-password")
def set_password(name: Name, account: AccountId, *, password_stdin: FromStdin = False, as_json: AsJson = False) -> None:
    """Replace a person's password."""
    password = _password(from_stdin=password_stdin)

    async def action(installation: Installation) -> UserRow:
        operator = installation.operator(object_id(account))
        change = SetUserPassword(name, hash_password(_long_enough(password)))
        origin = installation.origin("anchorage user set-password")
        return (await installation.door.perform(operator, change, origin)).value

    user = run(action)
    answer(_shown(user), as_json=as_json, plain=f"changed {user.id}")


@commands.command("list")
def list_users(account: AccountId, *, as_json: AsJson = False) -> None:
    """An account's people, oldest first."""

    async def action(installation: Installation) -> list[UserRow]:
        return await reads.users(installation.database.reads, await known_account(installation, account))

    answer_list([_shown(user) for user in run(action)], as_json=as_json, columns=("id", "name", "role", "created_at"))


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    answered: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return answered


def _long_enough(password: str) -> str:
    if len(password) < MINIMUM_LENGTH:
        raise InvalidInput(f"A password has at least {MINIMUM_LENGTH} characters.", path=("password",))
    return password


def _shown(user: UserRow) -> Shown:
    return {"id": user.id, "name": user.name, "role": user.role.value, "created_at": to_text(user.created_at)}
