"""Witnesses see the newest checkpoint, what they sign is served, and nothing that they do delays the log."""

import threading

import pytest

from app.audit.checkpoint import Note, VerifierKey
from app.audit.receipts import published, receipts
from app.services.witnesses import Pace
from app.store import cosignatures
from tests.witnessing.conftest import QUICK, Witnessed, knowing
from tests.witnessing.witness import NAME as WITNESS
from tests.witnessing.witness import FakeWitness, Reply, Seen, answering


async def test_a_checkpoint_is_cosigned_and_served_so(witnessed: Witnessed, witness: FakeWitness) -> None:
    await witnessed.growing.grow_to(3)

    async with witnessed.asking(witness):
        await witnessed.heard.cosigned(WITNESS, 3)

    newest = await published(witnessed.growing.house.database.reads)
    assert newest is not None
    note = Note.parse(newest.note)
    assert len(note.signatures) == 2
    VerifierKey.parse(witness.vkey).require_signed(note)
    newest.vkey.require_signed(note)
    assert [asked.path for asked in witness.asked] == ["/submit/add-checkpoint"]


async def test_a_receipt_carries_what_witnesses_signed(witnessed: Witnessed, witness: FakeWitness) -> None:
    await witnessed.growing.grow_to(3)
    async with witnessed.asking(witness):
        await witnessed.heard.cosigned(WITNESS, 3)

    reads = witnessed.growing.house.database.reads
    newest = await published(reads)
    assert newest is not None
    (row,) = await reads.fetch("SELECT seq, hash FROM audit_entry WHERE aseq = 2 AND stream = 'sys/0'")
    (made,) = (await receipts(reads, newest, {row["seq"]: bytes(row["hash"])})).values()
    assert (await witnessed.lines(3))[0] in str(made)


async def test_every_growth_is_proved_to_the_witness(witnessed: Witnessed, witness: FakeWitness) -> None:
    async with witnessed.asking(witness):
        for size in (1, 2, 3, 7, 8, 300):
            await witnessed.growing.grow_to(size)
            await witnessed.heard.cosigned(WITNESS, size)
            assert len(await witnessed.lines(size)) == 1

    assert [(asked.old, asked.size) for asked in witness.asked] == [(0, 1), (1, 2), (2, 3), (3, 7), (7, 8), (8, 300)]
    assert not witnessed.heard.failures


async def test_a_witness_that_has_seen_another_size_is_answered_with_a_proof_from_there(
    witnessed: Witnessed, witness: FakeWitness
) -> None:
    early = await witnessed.growing.grow_to(5)
    witness.seen = Seen(5, early.signed.root)
    await witnessed.growing.grow_to(9)

    async with witnessed.asking(witness):
        await witnessed.heard.cosigned(WITNESS, 9)

    assert [(asked.old, asked.size) for asked in witness.asked] == [(0, 9), (5, 9)]
    assert not witnessed.heard.failures


async def test_a_witness_that_has_cosigned_it_already_cosigns_again(witnessed: Witnessed, witness: FakeWitness) -> None:
    newest = await witnessed.growing.grow_to(5)
    witness.seen = Seen(5, newest.signed.root)

    async with witnessed.asking(witness):
        await witnessed.heard.cosigned(WITNESS, 5)

    assert len(await witnessed.lines(5)) == 1


async def test_after_a_restart_nobody_is_asked_twice(witnessed: Witnessed, witness: FakeWitness) -> None:
    await witnessed.growing.grow_to(5)
    async with witnessed.asking(witness):
        await witnessed.heard.cosigned(WITNESS, 5)
    witnessed.heard.sizes.clear()

    async with witnessed.asking(witness):
        await witnessed.heard.cosigned(WITNESS, 5)
        assert len(witness.asked) == 1
        await witnessed.growing.grow_to(6)
        await witnessed.heard.cosigned(WITNESS, 6)

    assert [(asked.old, asked.size) for asked in witness.asked] == [(0, 5), (5, 6)]


async def test_a_slow_witness_delays_neither_the_log_nor_its_neighbour(witnessed: Witnessed) -> None:
    slow = knowing(witnessed.growing, name="witness.example/slow")
    quick = knowing(witnessed.growing, name="witness.example/quick")
    slow.answers.clear()
    with answering(slow), answering(quick):
        async with witnessed.asking(slow, quick):
            for size in (2, 4, 6):
                await witnessed.growing.grow_to(size)
                await witnessed.heard.cosigned(quick.name, size)
            assert not witnessed.heard.sizes[slow.name]

            slow.answers.set()
            await witnessed.heard.cosigned(slow.name, 6)

    # What was overtaken is not asked for any more.
    assert [asked.size for asked in slow.asked][1:] == [6]
    assert len(await witnessed.lines(6)) == 2


async def test_a_witness_that_never_answers_is_given_up(witnessed: Witnessed, witness: FakeWitness) -> None:
    await witnessed.growing.grow_to(2)
    witness.answers.clear()

    async with witnessed.asking(witness, pace=Pace(request=0.05, first_back_off=0.01, last_back_off=0.01)):
        await witnessed.heard.failed(WITNESS, "timeout", times=2)
        witness.answers.set()
        await witnessed.heard.cosigned(WITNESS, 2)


async def test_a_witness_that_is_down_is_asked_again(witnessed: Witnessed) -> None:
    witness = knowing(witnessed.growing)
    with answering(witness):
        pass
    await witnessed.growing.grow_to(2)

    async with witnessed.asking(witness):
        await witnessed.heard.failed(WITNESS, "unreachable", times=3)

    assert await witnessed.lines(2) == []


async def test_nobody_is_asked_for_a_log_that_another_process_signs(witnessed: Witnessed, witness: FakeWitness) -> None:
    await witnessed.growing.grow_to(2)
    leads = threading.Event()

    async with witnessed.asking(witness, leads=leads.is_set):
        other = knowing(witnessed.growing, name="witness.example/other")
        with answering(other):
            async with witnessed.asking(other):
                await witnessed.heard.cosigned(other.name, 2)
        assert witness.asked == []

        leads.set()
        await witnessed.heard.cosigned(WITNESS, 2)


async def test_a_cosignature_wakes_those_who_wait_for_a_checkpoint(witnessed: Witnessed, witness: FakeWitness) -> None:
    await witnessed.growing.grow_to(2)
    with witnessed.growing.house.database.wakes.watch("checkpoint") as watch:
        async with witnessed.asking(witness):
            await watch.wait(30)
            assert len(await witnessed.lines(2)) == 1


async def test_two_processes_that_ask_at_once_keep_one_line(witnessed: Witnessed, witness: FakeWitness) -> None:
    newest = await witnessed.growing.grow_to(2)
    line = witness.line(newest.note.partition("\n\n")[0] + "\n")

    def kept_by_another(one: FakeWitness, text: str) -> Reply:
        one.answers.clear()
        return 200, "text/plain", one.line(text).encode()

    witness.instead = kept_by_another
    async with witnessed.asking(witness):
        while not witness.asked:
            await witnessed.growing.house.database.reads.fetch("SELECT 1")
        await witnessed.growing.house.database.write(
            "test", lambda transaction: cosignatures.insert(transaction, 1, 2, WITNESS, line)
        )
        witness.answers.set()
        await witnessed.heard.cosigned(WITNESS, 2)

    assert await witnessed.lines(2) == [line]
    assert not witnessed.heard.failures


@pytest.mark.once
def test_a_back_off_grows_to_a_minute_and_is_never_the_same() -> None:
    pace = Pace()

    for failures, longest in ((1, 1.0), (2, 2.0), (4, 8.0), (7, 60.0), (5_000, 60.0)):
        waits = [pace.back_off(failures) for _ in range(50)]
        assert longest / 2 <= min(waits) < max(waits) <= longest
    assert QUICK.back_off(9) <= QUICK.last_back_off
