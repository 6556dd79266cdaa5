"""`anchorage notary`: the log's signer as a process of its own."""

import asyncio
import signal
from contextlib import suppress

from app.commands.running import UNUSABLE, guarded, load_settings, say, stop
from app.installation import Installation, ensure_data_dir, opened
from app.services.witnesses import Witnesses, named_witnesses
from app.settings import BadSetting, Settings
from app.store.connection import CannotOpen
from app.store.database import Role
from app.store.schema import pending
from app.store.url import sqlite_path
from app.transport.log_lines import configure


def notary() -> None:
    """Sign the log until interrupted, as the only one of all processes; the others stand by. For PostgreSQL."""
    settings = load_settings()
    if sqlite_path(settings.store_url) is not None:
        stop("On SQLite the server signs the log: a notary of its own is for PostgreSQL.", UNUSABLE)
    try:
        named_witnesses(settings)
    except BadSetting as bad:
        stop(str(bad), UNUSABLE)
    configure(settings.log_format)
    guarded(_signing(settings))


async def _signing(settings: Settings) -> None:
    ensure_data_dir(settings)
    async with opened(settings, role=Role.BESIDE) as installation:
        if await pending(installation.database):
            raise CannotOpen("The database is not at this program's version: run `anchorage migrate` first.")
        say.print(f"Signing the log for {settings.node}. Stop with Ctrl-C.", markup=False)
        await _until_told(installation)


async def _until_told(installation: Installation) -> None:
    witnesses = Witnesses(
        installation.database,
        named_witnesses(installation.settings),
        installation.clock,
        leads=lambda: installation.signing.state.leads,
    )
    tasks = [
        asyncio.create_task(installation.signing.run(), name="notary"),
        asyncio.create_task(witnesses.run(), name="witnesses"),
    ]
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, lambda: [task.cancel() for task in tasks])
    for ended in asyncio.as_completed(tasks):
        # Neither ends by itself where there is something to do: whatever ended it is for the operator to see.
        with suppress(asyncio.CancelledError):
            await ended
