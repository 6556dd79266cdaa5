"""`anchorage audit recover`: begin a new origin of the log after a restore."""

from typing import Annotated

import typer

from app.audit.kept import KeptCheckpoint, KeptUnusable
from app.commands.running import AsJson, answer, run, say
from app.installation import Installation
from app.services.log_key import UnusableLogKey, make, read
from app.services.recovery import NewOrigin, RecoverLog
from app.store import tree as trees
from app.store.connection import CannotOpen

Reason = Annotated[str | None, typer.Option(metavar="TEXT", help="Why, for the log: for example which backup.")]


def recover(*, reason: Reason = None, as_json: AsJson = False) -> None:
    """Begin a new origin where the log cannot continue what was signed. The first entry under it says so.

    Receipts and checkpoints of the old origin stay true of what they cover; what the restore lost stays lost, and the
    kept checkpoints, put aside beside their places, prove how much that was.
    """

    async def action(installation: Installation) -> NewOrigin:
        settings = installation.settings
        places = [KeptCheckpoint(path) for path in settings.checkpoint_files]
        begun = await _begun_already(installation)
        if begun is None:
            try:
                key = read(settings.key_file) or make(settings.key_file)
            except (UnusableLogKey, OSError) as unusable:
                raise CannotOpen(str(unusable)) from unusable
            command = RecoverLog(key, places, reason)
            origin = installation.origin("anchorage audit recover")
            begun = (await installation.door.perform(installation.operator(None), command, origin)).value
        try:
            for place in places:
                if (aside := place.retire(begun.number)) is not None:
                    say.print(f"{place.path} is now {aside}: keep it.", markup=False)
        except KeptUnusable as unusable:
            raise CannotOpen(str(unusable)) from unusable
        state = await installation.signing.once()
        say.print(
            f"The log is {begun.origin} from now on."
            + ("" if state.leads else " The server signs it within a second, or as soon as one runs."),
            markup=False,
        )
        return begun

    begun = run(action)
    answer({"origin": begun.origin, "number": begun.number}, as_json=as_json, plain=begun.origin)


async def _begun_already(installation: Installation) -> NewOrigin | None:
    """A new origin under which nothing was signed yet: an earlier run was interrupted after it had begun it."""
    tree = await trees.newest(installation.database.reads)
    if tree is None or tree.first_entry_id is None or tree.size:
        return None
    return NewOrigin(tree.origin, int(tree.origin.rpartition("/")[2]))
