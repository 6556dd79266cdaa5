"""T13: a database that was rolled back or written anew, with the log's own key, does not continue what was kept of it.

Without what was kept nothing tells, and a test says so. Seen to fail with a root that is not compared, with a size that
is not, and with a signature that is not looked at.
"""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.audit.checkpoint import Checkpoint, Note, Signer
from app.audit.merkle import EMPTY_ROOT
from app.audit.stored import Code, Verdict
from app.audit.verify import verify
from app.audit.verify_tree import trusted_from
from app.commands.audit_log import EXIT
from app.services.verification import Evidence, verify_url
from app.store.database import open_database
from app.store.migrate import migrate
from tests.audit.conftest import Lived
from tests.audit.forger import cut_off, sign_anew
from tests.audit.notaries import KEY, ORIGIN, add, sign_all, started
from tests.audit.signing import private_key
from tests.audit.tampers import rewrite
from tests.audit.test_tampering import found
from tests.conftest import Backup

TREE_TABLES = (
    "audit_tree", "audit_leaf", "audit_sequenced", "audit_tile", "audit_checkpoint", "audit_cosignature",
)  # fmt: skip


async def notes(lived: Lived) -> list[str]:
    """Every checkpoint's note, the oldest first."""
    return [row["note"] for row in await lived.owner.fetch("SELECT note FROM audit_checkpoint ORDER BY size")]


def note(size: int, root: bytes, origin: str = ORIGIN, key: Ed25519PrivateKey = KEY) -> str:
    """A signed checkpoint."""
    return str(Signer(origin, key).sign(Checkpoint(origin, size, root).text))


def size_of(kept: str) -> int:
    """How much a note covers."""
    return Checkpoint.parse(Note.parse(kept).text).size


async def test_a_log_continues_every_checkpoint_that_was_kept_of_it(lived: Lived) -> None:
    every = await notes(lived)
    trusted = [trusted_from(one, "FILE") for one in [note(0, EMPTY_ROOT), *every]]
    await lived.owner.put_guards_back()

    verification = await verify(Evidence(lived.owner), trusted=trusted)

    assert verification.verdict is Verdict.VERIFIED
    assert verification.tree is not None
    assert (verification.tree.checkpoints, verification.tree.compared) == (len(every), len(every) + 1)
    assert len(every) >= 4


async def test_yesterdays_copy_in_place_of_the_database(database_url: str, backup: Backup, tmp_path: Path) -> None:
    await migrate(database_url)
    kept = [await _signed_more(database_url, tmp_path)]
    copy = await backup()
    kept.append(await _signed_more(database_url, tmp_path))
    trusted = [trusted_from(one, f"FILE {number}") for number, one in enumerate(kept)]

    verification = await verify_url(copy, trusted=trusted)

    assert set(verification.counts) == {Code.ROLLED_BACK}
    assert "FILE 1 covers 6 leaves; the log has 3" in verification.findings[0].message
    assert EXIT[verification.verdict] == 1
    assert (await verify_url(copy, trusted=trusted[:1])).verdict is Verdict.VERIFIED
    assert (await verify_url(database_url, trusted=trusted)).verdict is Verdict.VERIFIED


async def test_a_log_that_was_cut_off_with_everything_that_tells(lived: Lived) -> None:
    *_, yesterday, _, today = await notes(lived)
    await cut_off(lived.owner, ["sys/1", "sys/2", "sys/3", "sys/4"], size_of(yesterday))

    assert await found(lived) == set()
    assert await found(lived, yesterday) == set()
    assert await found(lived, yesterday, today) == {Code.ROLLED_BACK}


@pytest.mark.parametrize("kept", [0, -1])
async def test_a_history_written_anew_with_the_genuine_key(lived: Lived, kept: int) -> None:
    every = await notes(lived)
    await rewrite(lived, (await lived.body()).replace(b'"node":"test"', b'"node":"tost"'), lived.refusal)
    await sign_anew(lived.owner)

    assert await found(lived) == set()
    before_the_change = {Code.HISTORY_DIFFERS} if kept else set()
    assert await found(lived, every[kept]) == before_the_change


async def test_leaves_in_another_order_signed_anew_with_the_genuine_key(lived: Lived) -> None:
    every = await notes(lived)
    first, end = size_of(every[-2]), size_of(every[-1])
    await lived.owner.execute("UPDATE audit_leaf SET leaf_index = -leaf_index - 1 WHERE leaf_index >= $1", first)
    # The newest streams change places: each is still in its order.
    rows = await lived.owner.fetch(
        "SELECT l.leaf_index FROM audit_leaf AS l JOIN audit_entry AS e ON e.seq = l.seq WHERE l.leaf_index < 0"
        " ORDER BY e.stream DESC, e.aseq"
    )
    for place, row in zip(range(first, end), rows, strict=True):
        await lived.owner.execute(
            "UPDATE audit_leaf SET leaf_index = $1 WHERE leaf_index = $2", place, row["leaf_index"]
        )
    await sign_anew(lived.owner)

    assert await found(lived, *every[:-1]) == set()
    assert await found(lived, every[-1]) == {Code.HISTORY_DIFFERS}


async def test_a_tree_that_was_emptied(lived: Lived) -> None:
    every = await notes(lived)
    for table in TREE_TABLES:
        await lived.owner.execute(f"DELETE FROM {table}")

    assert await found(lived) == set()
    assert await found(lived, every[0]) == {Code.ROLLED_BACK}


async def test_a_later_origin_of_this_log_that_is_gone(lived: Lived) -> None:
    assert await found(lived, note(5, bytes(32), f"{ORIGIN}/2")) == {Code.ROLLED_BACK}


@pytest.mark.parametrize("origin", ["other.example/log", f"{ORIGIN}/x", f"{ORIGIN}/", "other.example/2"])
async def test_a_checkpoint_of_another_log_tells_nothing(lived: Lived, origin: str) -> None:
    every = await notes(lived)
    other = note(size_of(every[0]), bytes(32), origin)

    assert await found(lived, other) == {Code.CHECKPOINT_OF_ANOTHER_LOG}
    verification = await verify(Evidence(lived.owner), trusted=[trusted_from(other, "FILE")])
    assert EXIT[verification.verdict] == 2


async def test_a_checkpoint_of_another_log_hides_nothing(lived: Lived) -> None:
    await lived.owner.execute("UPDATE certificate SET status = 'ACTIVE'")

    codes = await found(lived, note(1, bytes(32), "other.example"))

    assert codes == {Code.CHECKPOINT_OF_ANOTHER_LOG, Code.STATE_DIFFERS}


async def test_a_kept_checkpoint_that_the_log_did_not_sign(lived: Lived) -> None:
    newest = (await notes(lived))[-1]
    checkpoint = Checkpoint.parse(Note.parse(newest).text)
    by_another_key = note(checkpoint.size, checkpoint.root, key=private_key(77))
    altered = newest.replace(f"\n{checkpoint.size}\n", f"\n{checkpoint.size - 1}\n")

    assert await found(lived, by_another_key) == {Code.CHECKPOINT_UNSIGNED}
    assert await found(lived, altered) == {Code.CHECKPOINT_UNSIGNED}


async def test_a_log_that_was_given_another_key(lived: Lived) -> None:
    newest = (await notes(lived))[-1]
    key = private_key(77)
    await lived.owner.execute("UPDATE audit_tree SET vkey = $1", str(Signer(ORIGIN, key).vkey))
    await sign_anew(lived.owner, key=key)

    assert await found(lived) == set()
    assert await found(lived, newest) == {Code.CHECKPOINT_UNSIGNED}


async def test_a_checkpoint_between_others_that_was_dropped(lived: Lived) -> None:
    """What nobody kept is not missed: the roots before and after it hold."""
    every = await notes(lived)
    await lived.owner.execute("DELETE FROM audit_checkpoint WHERE size = $1", size_of(every[0]))

    assert await found(lived, *every[1:]) == set()
    assert await found(lived, *every) == {Code.CHECKPOINT_MISSING}


async def _signed_more(url: str, folder: Path) -> str:
    database = open_database(url)
    await database.start()
    await add(database, "sys/0", 3)
    (signed,) = await sign_all(await started(database, folder))
    await database.close()
    return signed.note
