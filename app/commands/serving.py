"""`anchorage serve` and `anchorage migrate`."""

from typing import Annotated

import typer

from app.commands.running import UNUSABLE, AsJson, answer, guarded, load_settings, say, stop
from app.errors import StoreUnavailable
from app.first_start import FirstSecrets, UnusableSecretFile, first_start
from app.installation import Installation, ensure_data_dir, opened
from app.services.migrations import RecordMigration
from app.settings import Settings
from app.store.connection import CannotOpen
from app.store.database import Role
from app.store.migrate import migrate


def serve(
    *,
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; more than one needs PostgreSQL.")] = None,
    notary: Annotated[
        bool | None, typer.Option("--notary/--no-notary", help="Sign the log here, or leave it to `anchorage notary`.")
    ] = None,
) -> None:
    """Migrate, make what a first start needs, and serve until interrupted."""
    from app.serving import CannotServe, listen  # noqa: PLC0415  # a short command need not load the server

    given = {"host": host, "port": port, "workers": workers, "notary": notary}
    settings = load_settings().with_given(given)
    secrets = guarded(_prepared(settings))
    try:
        listen(settings, listening=lambda url: _welcome(settings, url, secrets))
    except (CannotServe, CannotOpen, StoreUnavailable) as error:
        stop(str(error), UNUSABLE)


def migrate_database(*, as_json: AsJson = False) -> None:
    """Bring the database to this program's version."""
    settings = load_settings()
    applied = guarded(_migrated(settings))
    answer(
        {"applied": ", ".join(applied) or None},
        as_json=as_json,
        plain="\n".join(applied) or "The database is at this program's version.",
    )


async def _prepared(settings: Settings) -> FirstSecrets | None:
    ensure_data_dir(settings)
    await _migrated(settings)
    async with opened(settings, role=Role.BESIDE) as installation:
        try:
            return await first_start(installation)
        except UnusableSecretFile as unusable:
            stop(str(unusable), UNUSABLE)


async def _migrated(settings: Settings) -> list[str]:
    ensure_data_dir(settings)
    applied = await migrate(settings.store_url)
    for name in applied:
        say.print(f"Applied the migration {name}.")
    if applied:
        async with opened(settings, role=Role.BESIDE) as installation:
            await _recorded(installation, applied)
    return applied


async def _recorded(installation: Installation, applied: list[str]) -> None:
    origin = installation.origin("anchorage migrate")
    await installation.door.perform(installation.operator(None), RecordMigration.of(applied), origin)


def _welcome(settings: Settings, url: str, secrets: FirstSecrets | None) -> None:
    shown = settings.public_url or url
    say.print(f"\n[bold]Anchorage[/bold] is ready.\n\n  GraphiQL and API   {shown}/graphql")
    if secrets is not None:
        say.print(
            "\nThis is shown once. The files hold the same until you delete them.\n\n"
            f"  administrator key  {secrets.key}\n"
            f"                     {secrets.key_file}\n"
            f"  user admin         {secrets.password}\n"
            f"                     {secrets.password_file}"
        )
    say.print("\nStop with Ctrl-C.\n")
