"""What is no cosignature is counted and not kept, and a witness that knows another history of the log is an alarm."""

from time import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.audit.checkpoint import Signer
from app.services.witnesses import named_witnesses
from app.settings import BadSetting, load
from tests.growing import NAME
from tests.witnessing.conftest import Witnessed
from tests.witnessing.witness import NAME as WITNESS
from tests.witnessing.witness import FakeWitness, Reply, Seen


def _status(status: int, body: bytes = b"", media_type: str = "text/plain") -> Reply:
    return status, media_type, body


def _with_another_key(witness: FakeWitness, text: str) -> Reply:
    return _status(200, witness.line(text, key=Ed25519PrivateKey.generate()).encode())


def _over_another_root(witness: FakeWitness, text: str) -> Reply:
    origin, size, _ = text.splitlines()
    return _status(200, witness.line(f"{origin}\n{size}\n{'A' * 43}=\n").encode())


def _of_tomorrow(witness: FakeWitness, text: str) -> Reply:
    return _status(200, witness.line(text, at=int(time()) + 86_400).encode())


def _of_a_stranger(_: FakeWitness, text: str) -> Reply:
    stranger = FakeWitness(NAME, b"", name="stranger.example")
    return _status(200, stranger.line(text).encode())


def _of_its_name_with_another_key(witness: FakeWitness, text: str) -> Reply:
    other = FakeWitness(NAME, b"", name=witness.name)
    return _status(200, other.line(text).encode())


@pytest.mark.parametrize(
    ("instead", "reason"),
    [
        (lambda *_: _status(400), "refused"),
        (lambda *_: _status(403), "key_unknown"),
        (lambda *_: _status(404), "origin_unknown"),
        (lambda *_: _status(422), "forked"),
        (lambda *_: _status(500), "status"),
        (lambda *_: _status(302), "status"),
        (lambda *_: _status(409), "not_an_answer"),
        (lambda *_: _status(409, b"1\n"), "not_an_answer"),
        (lambda *_: _status(409, b"01\n", "text/x.tlog.size"), "not_an_answer"),
        (lambda *_: _status(409, b"1", "text/x.tlog.size"), "not_an_answer"),
        (lambda *_: _status(409, b"-1\n", "text/x.tlog.size"), "not_an_answer"),
        (lambda *_: _status(409, b"99999999999999999999\n", "text/x.tlog.size"), "not_an_answer"),
        (lambda *_: _status(409, b"1\n", "text/x.tlog.size"), "conflict"),
        (lambda *_: _status(409, b"2\n", "text/x.tlog.size"), "forked"),
        (lambda *_: _status(409, b"3\n", "text/x.tlog.size"), "ahead"),
        (lambda *_: _status(200), "not_cosigned"),
        (lambda *_: _status(200, b"\xff\xfe"), "not_cosigned"),
        (lambda *_: _status(200, b"hello\n"), "not_cosigned"),
        (lambda *_: _status(200, b"x" * 70_000), "not_an_answer"),
        (_of_a_stranger, "not_cosigned"),
        (_of_its_name_with_another_key, "not_cosigned"),
        (_with_another_key, "bad_signature"),
        (_over_another_root, "bad_signature"),
        (_of_tomorrow, "bad_signature"),
    ],
)
async def test_what_is_no_cosignature_is_counted_and_not_kept(
    witnessed: Witnessed, witness: FakeWitness, instead: object, reason: str
) -> None:
    await witnessed.growing.grow_to(2)
    witness.instead = instead  # type: ignore[assignment]

    async with witnessed.asking(witness):
        await witnessed.heard.failed(WITNESS, reason)
        assert await witnessed.lines(2) == []

        # As soon as it behaves, it is a witness.
        witness.instead = None
        await witnessed.heard.cosigned(WITNESS, 2)

    assert {failure for _, failure in witnessed.heard.failures} == {reason}
    assert len(await witnessed.lines(2)) == 1


async def test_lines_of_strangers_are_not_taken_along(witnessed: Witnessed, witness: FakeWitness) -> None:
    def among_strangers(one: FakeWitness, text: str) -> Reply:
        stranger = FakeWitness(NAME, b"", name="stranger.example")
        return _status(200, (stranger.line(text) + one.line(text) + stranger.line(text)).encode())

    await witnessed.growing.grow_to(2)
    witness.instead = among_strangers

    async with witnessed.asking(witness):
        await witnessed.heard.cosigned(WITNESS, 2)

    (line,) = await witnessed.lines(2)
    assert line.startswith(f"\u2014 {WITNESS} ")


async def test_a_log_that_was_rolled_back_is_not_cosigned(
    witnessed: Witnessed, witness: FakeWitness, caplog: pytest.LogCaptureFixture
) -> None:
    await witnessed.growing.grow_to(4)
    witness.seen = Seen(9, b"\x09" * 32)

    async with witnessed.asking(witness):
        await witnessed.heard.failed(WITNESS, "ahead", times=2)

    assert await witnessed.lines(4) == []
    (alarm,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "has cosigned 9 entries of this log, which has 4: it was rolled back" in alarm.getMessage()


async def test_a_log_that_grew_otherwise_is_not_cosigned(
    witnessed: Witnessed, witness: FakeWitness, caplog: pytest.LogCaptureFixture
) -> None:
    witness.seen = Seen(3, b"\x09" * 32)
    await witnessed.growing.grow_to(4)

    async with witnessed.asking(witness):
        await witnessed.heard.failed(WITNESS, "forked", times=2)

    assert await witnessed.lines(4) == []
    assert [record.levelname for record in caplog.records] == ["ERROR"]


@pytest.mark.once
@pytest.mark.parametrize(
    ("pair", "problem"),
    [
        (f"{Signer(NAME, Ed25519PrivateKey.generate()).vkey} https://w.example", "signs no cosignatures"),
        ("w.example+1a2b3c4d+BAAA https://w.example", "An Ed25519 key has 32 bytes"),
        (f"{FakeWitness(NAME, b'').vkey[:-4]}AAAA https://w.example", "The verifier key's id is"),
        (f"{FakeWitness(NAME, b'').vkey} https://w.example:99999", "is no address"),
    ],
)
def test_a_witness_that_cannot_be_one_stops_the_start(monkeypatch: pytest.MonkeyPatch, pair: str, problem: str) -> None:
    monkeypatch.setenv("ANCHORAGE_WITNESSES", pair)

    with pytest.raises(BadSetting, match=f"ANCHORAGE_WITNESSES: .*{problem}"):
        named_witnesses(load())


@pytest.mark.once
def test_witnesses_are_named_by_key_and_address(monkeypatch: pytest.MonkeyPatch) -> None:
    one = FakeWitness(NAME, b"")
    monkeypatch.setenv("ANCHORAGE_WITNESSES", f"{one.vkey} https://w.example/submit")

    (named,) = named_witnesses(load())

    assert (named.name, str(named.vkey), named.url) == (one.name, one.vkey, "https://w.example/submit")
