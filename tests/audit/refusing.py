"""What a notary that may not sign must do, which is nothing, and a forgery that it must notice."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.audit.continuity import CannotSign, Reason
from app.audit.entry import GENESIS, entry_hash
from app.audit.notary import Superseded
from app.store import tree as trees
from app.store.database import Database
from tests.audit.notaries import KEY, notary_of
from tests.audit.owner import Owner


async def require_cannot_sign(
    database: Database, folder: Path, reason: Reason, message: str, *names: str, key: Ed25519PrivateKey = KEY
) -> None:
    """The notary does not start, says so in these words, leaves the tree to whoever has it, and signs nothing."""
    before = await trees.newest(database.reads)
    kept = _bytes_in(folder)
    notary = notary_of(database, folder, *names, key=key)

    with pytest.raises(CannotSign, match=message) as refusal:
        await notary.start()

    assert refusal.value.reason is reason
    with pytest.raises(Superseded):
        await notary.cycle()
    assert await trees.newest(database.reads) == before
    assert _bytes_in(folder) == kept


async def rewrite(owner: Owner, *, aseq: int) -> None:
    """Change an entry of sys/0, and chain those after it anew, as a careful forger does."""
    rows = await owner.fetch("SELECT * FROM audit_entry WHERE stream = 'sys/0' ORDER BY aseq")
    prev = GENESIS
    for row in rows:
        body = bytes([7] * 32) if row["aseq"] == aseq else bytes(row["body_sha256"])
        made = entry_hash("sys/0", row["aseq"], prev, body)
        await owner.execute(
            "UPDATE audit_entry SET prev = $1, body_sha256 = $2, hash = $3 WHERE seq = $4", prev, body, made, row["seq"]
        )
        prev = made
    await owner.execute("UPDATE audit_stream SET hash = $1 WHERE stream = 'sys/0'", prev)


def _bytes_in(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.glob("checkpoint*")}
