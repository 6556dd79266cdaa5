"""`anchorage key …`: keys for programs and gateways."""

from typing import Annotated

import typer

from app.actor import Role
from app.clock import to_text
from app.commands.running import AccountId, AsJson, Shown, answer, answer_list, instant, known_account, object_id, run
from app.installation import Installation
from app.services.keys import CreateApiKey, NewApiKey, RevokeApiKey, fresh_credential
from app.store import reads
from app.store.counting import COUNT_LIMIT
from app.store.paging import Window
from app.store.rows import ApiKeyRow
from app.terms import ClientCertForm

commands = typer.Typer(help="API keys.", no_args_is_help=True)


@commands.command("create")
def create(
    account: AccountId,
    role: Annotated[Role, typer.Option(help="What the key may do.")],
    *,
    name: Annotated[str | None, typer.Option(help="What people know it by; the role when absent.")] = None,
    expires: Annotated[str | None, typer.Option(metavar="INSTANT", help="When it stops working.")] = None,
    client_cert: Annotated[
        ClientCertForm | None, typer.Option(help="A gateway's key: the form in which the device's chain comes.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. Prints the secret, this once, and nothing else."""

    async def action(installation: Installation) -> NewApiKey:
        made = CreateApiKey(
            name=name or role.value,
            role=role,
            credential=fresh_credential(installation.clock()),
            expires_at=None if expires is None else instant(expires),
            client_cert=client_cert,
        )
        operator = installation.operator(object_id(account))
        origin = installation.origin("anchorage key create")
        return (await installation.door.perform(operator, made, origin)).value

    key = run(action)
    answer(_shown(key.row) | {"secret": key.text}, as_json=as_json, plain=key.text or "")


@commands.command("revoke")
def revoke(
    account: AccountId,
    key: Annotated[str, typer.Argument(metavar="ID", help="The key's id.")],
    *,
    reason: Annotated[str | None, typer.Option(help="Why; it goes into the audit log.")] = None,
    as_json: AsJson = False,
) -> None:
    """Revoke a key, at once and for good."""

    async def action(installation: Installation) -> ApiKeyRow:
        operator = installation.operator(object_id(account))
        origin = installation.origin("anchorage key revoke")
        command = RevokeApiKey(object_id(key, told_by="key list"), reason)
        return (await installation.door.perform(operator, command, origin)).value

    revoked = run(action)
    answer(_shown(revoked), as_json=as_json, plain=f"revoked {revoked.id}")


@commands.command("list")
def list_keys(account: AccountId, *, as_json: AsJson = False) -> None:
    """An account's keys, newest first; secrets are never shown again."""

    async def action(installation: Installation) -> list[ApiKeyRow]:
        account_id = await known_account(installation, account)
        page = await reads.api_keys_page(installation.database.reads, account_id, Window(COUNT_LIMIT))
        return page.rows

    shown = [_shown(key) for key in run(action)]
    answer_list(shown, as_json=as_json, columns=("id", "name", "role", "hint", "expires_at", "revoked_at"))


def _shown(key: ApiKeyRow) -> dict[str, str | int | bool | None]:
    shown: Shown = {
        "id": key.id,
        "name": key.name,
        "role": key.role.value,
        "client_cert": key.client_cert,
        "hint": key.hint,
        "created_at": to_text(key.created_at),
        "expires_at": None if key.expires_at is None else to_text(key.expires_at),
        "revoked_at": None if key.revoked_at is None else to_text(key.revoked_at),
    }
    return dict(shown)
