"""An entry that does not continue its stream gets no place in the tree, and nothing is signed over it.

Seen to fail without the check of each entry's hash, of its `prev`, of its number, and of a stream's end.
"""

from pathlib import Path

import pytest

from app.audit import receipts
from app.audit.continuity import CannotSign, Reason
from app.store import tree as trees
from app.store.database import Database
from tests.audit.faithful import require_faithful
from tests.audit.notaries import add, sign_all, started
from tests.audit.owner import unguarded
from tests.audit.test_notary_refusals import rewrite

FLAWS = {
    "another body": ("UPDATE audit_entry SET body_sha256 = prev WHERE aseq = 5", "Entry 5 .* does not follow entry 4"),
    "another hash": ("UPDATE audit_entry SET hash = prev WHERE aseq = 5", "Entry 5 .* does not follow entry 4"),
    "another prev": ("UPDATE audit_entry SET prev = hash WHERE aseq = 5", "Entry 5 .* does not follow entry 4"),
    "one gone": ("DELETE FROM audit_entry WHERE aseq = 5", "Entry 6 .* does not follow entry 4"),
    "the first gone": ("DELETE FROM audit_entry WHERE aseq = 4", "Entry 5 .* does not follow entry 3"),
    "the last gone": ("DELETE FROM audit_entry WHERE aseq = 6", "Entry 6 of the stream sys/0 is gone"),
    "all gone": ("DELETE FROM audit_entry WHERE aseq > 3", "Entry 4 of the stream sys/0 is gone"),
    "a number skipped": ("UPDATE audit_entry SET aseq = 7 WHERE aseq = 6", "Entry 6 of the stream sys/0 is gone"),
    "a head too far": ("UPDATE audit_stream SET aseq = 9", "Entry 7 of the stream sys/0 is gone"),
    "another end in the tree": ("UPDATE audit_sequenced SET hash = (SELECT root FROM audit_tree)", "Entry 4 "),
    "a leaf already": ("INSERT INTO audit_leaf SELECT 1, 3, seq FROM audit_entry WHERE aseq = 4", "does not take"),
}


@pytest.mark.parametrize("flaw", FLAWS)
async def test_an_entry_that_does_not_continue_its_stream_is_not_signed(
    database: Database, migrated_url: str, tmp_path: Path, flaw: str
) -> None:
    statement, message = FLAWS[flaw]
    notary = await started(database, tmp_path)
    await add(database, "sys/0", 3)
    (signed,) = await sign_all(notary)
    await add(database, "sys/0", 3)
    tree = await trees.newest(database.reads)
    async with unguarded(migrated_url) as owner:
        await owner.execute(statement)

    for _ in range(2):
        with pytest.raises(CannotSign, match=message) as refusal:
            await notary.cycle()
        assert refusal.value.reason is Reason.LOG_DAMAGED

    assert await trees.newest(database.reads) == tree
    upto = await receipts.published(database.reads)
    assert upto is not None
    assert upto.signed == signed
    assert (tmp_path / "checkpoint").read_text() == signed.note


async def test_entries_written_anew_after_they_were_signed_stop_the_next_ones(
    database: Database, migrated_url: str, tmp_path: Path
) -> None:
    notary = await started(database, tmp_path)
    await add(database, "sys/0", 3)
    await sign_all(notary)
    async with unguarded(migrated_url) as owner:
        await rewrite(owner, aseq=3)
    await add(database, "sys/0")

    with pytest.raises(CannotSign, match="Entry 4 of the stream sys/0 does not follow entry 3"):
        await notary.cycle()


async def test_an_entry_that_follows_by_its_hashes_and_not_by_its_number_is_not_signed(
    database: Database, migrated_url: str, tmp_path: Path
) -> None:
    notary = await started(database, tmp_path)
    await add(database, "sys/0", 3)
    async with unguarded(migrated_url) as owner:
        await owner.execute("DELETE FROM audit_entry WHERE aseq = 2")
        await rewrite(owner, aseq=3)

    with pytest.raises(CannotSign, match="Entry 3 of the stream sys/0 does not follow entry 1"):
        await notary.cycle()


async def test_a_stream_that_was_cut_and_went_on_is_noticed_when_it_is_longer_again(
    database: Database, migrated_url: str, tmp_path: Path
) -> None:
    notary = await started(database, tmp_path)
    await add(database, "sys/0", 3)
    await sign_all(notary)
    async with unguarded(migrated_url) as owner:
        await owner.execute("DELETE FROM audit_entry WHERE aseq = 3")
        await owner.execute("UPDATE audit_stream SET aseq = 2, hash = (SELECT hash FROM audit_entry WHERE aseq = 2)")
    await add(database, "sys/0", 2)

    with pytest.raises(CannotSign, match="Entry 4 of the stream sys/0 does not follow entry 3"):
        await notary.cycle()


async def test_other_streams_wait_as_well_while_one_is_damaged(
    database: Database, migrated_url: str, tmp_path: Path
) -> None:
    """A tree that went on without the damaged stream would hide that it stands still."""
    notary = await started(database, tmp_path)
    await add(database, "sys/0")
    async with unguarded(migrated_url) as owner:
        await owner.execute("UPDATE audit_entry SET prev = hash")
    await add(database, "sys/1")

    with pytest.raises(CannotSign):
        await notary.cycle()

    assert (await require_faithful(database.reads, complete=False)).size == 0
