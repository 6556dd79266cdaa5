"""`anchorage audit …` for the log as a whole: a mirror of it."""

import json
import sys
from contextlib import closing
from pathlib import Path

from app.audit.receipts import TreeDamaged
from app.commands.output import Bar
from app.commands.running import REFUSED, run, say, stop
from app.installation import Installation
from app.services.log_mirror import Mirrored, MirrorLog, MirrorRefused, write_mirror


def export_static(directory: Path, *, in_json: bool) -> None:
    """Bring a directory to the newest checkpoint, as files that any file server serves. Recorded before it begins."""

    async def action(installation: Installation) -> Mirrored:
        origin = installation.origin("anchorage audit export --static")
        await installation.door.perform(installation.operator(None), MirrorLog(), origin)
        async with installation.database.snapshot() as connection:
            with closing(Bar("Copying")) as bar:
                return await write_mirror(connection, directory, bar.show)

    try:
        mirrored = run(action)
    except (MirrorRefused, TreeDamaged) as refused:
        stop(str(refused), REFUSED)
    if in_json:
        shown = {
            "origin": mirrored.origin,
            "size": mirrored.size,
            "size_before": mirrored.size_before,
            "files": mirrored.files,
        }
        sys.stdout.write(f"{json.dumps(shown)}\n")
        return
    say.print(
        f"{directory} holds {mirrored.size} entries of {mirrored.origin} ({mirrored.size_before} before).", markup=False
    )
