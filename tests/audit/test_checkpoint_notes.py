"""A note counts only with the signature of a key that one trusts (C2SP signed-note, tlog-cosignature)."""

import re
from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as some

from app.audit.checkpoint import (
    MAX_NOTE_BYTES,
    Note,
    NoteInvalid,
    Signature,
    VerifierKey,
    open_checkpoint,
)
from tests.audit.signing import (
    CHECKPOINT,
    ORIGIN,
    TIME,
    WITNESS,
    cosigned_line,
    key_id,
    line,
    private_key,
    signed_line,
    signer,
    witness,
)

pytestmark = pytest.mark.once

TEXT = CHECKPOINT.text
LOG = signer().vkey
PUBLIC = private_key().public_key().public_bytes_raw()
ID = key_id(ORIGIN, 1, PUBLIC)
GOOD = signed_line(TEXT)
COSIGNED = cosigned_line(TEXT)
STRANGER = signed_line(TEXT, "stranger.example", 5)
NAMES = some.text(
    some.characters(exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp"), exclude_characters="+"), min_size=1
)
TEXTS = some.text(some.characters(exclude_categories=("Cc", "Cs")) | some.just("\n"), min_size=1)


def note(*lines: str, text: str = TEXT) -> str:
    """A note of these lines."""
    return f"{text}\n{''.join(lines)}"


def refuses(given: str, why: str, *keys: VerifierKey) -> None:
    """A note is refused by those who trust the keys; if none are named, the log's and the witness's."""
    with pytest.raises(NoteInvalid, match=re.escape(why)):
        open_checkpoint(given, keys or (LOG, witness()))


def test_a_note_is_signed_as_the_specification_spells_it() -> None:
    assert str(signer().sign(TEXT)) == note(GOOD)
    assert open_checkpoint(note(GOOD), [LOG]) == CHECKPOINT


@given(TEXTS, some.lists(some.tuples(NAMES, some.binary(min_size=4, max_size=4), some.binary(min_size=1)), min_size=1))
def test_a_note_is_read_as_it_was_written(text: str, signatures: list[tuple[str, bytes, bytes]]) -> None:
    written = Note(f"{text}\n", tuple(Signature(*one) for one in signatures))

    assert Note.parse(str(written)) == written


@given(NAMES, TEXTS)
def test_what_is_signed_verifies(name: str, text: str) -> None:
    signed = signer(name).sign(f"{text}\n")
    signer(name).vkey.require_signed(signed)
    with pytest.raises(NoteInvalid, match="was changed"):
        signer(name).vkey.require_signed(Note(f".{text}\n", signed.signatures))


@pytest.mark.parametrize("code", [code for code in range(32) if chr(code) != "\n"])
@pytest.mark.parametrize("place", ["text", "name", "end"])
def test_a_note_with_a_control_character_is_refused_wherever_it_stands(code: int, place: str) -> None:
    character = chr(code)
    spoilt = {
        "text": note(signed_line(f"{TEXT}{character}\n"), text=f"{TEXT}{character}\n"),
        "name": note(GOOD, STRANGER.replace("stranger", f"stra{character}nger")),
        "end": f"{note(GOOD)}{character}",
    }
    refuses(spoilt[place], "A note holds no control characters.")


SHAPE = "A note is a text, an empty line, and the lines of its signatures."
LINE = "A signature's line is a dash, the name of a key, and Base64."


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("", SHAPE),
        (TEXT, SHAPE),
        (f"{TEXT}\n", SHAPE),
        (f"{TEXT}{GOOD}", SHAPE),
        (f"\n\n{GOOD}", SHAPE),
        (note(GOOD).rstrip("\n"), SHAPE),
        (note(GOOD, "\n"), SHAPE),
        (note(GOOD, "\n", TEXT), LINE),
        (note(GOOD, "more\n"), LINE),
        (note(GOOD.replace("—", "-")), LINE),
        (note(GOOD.replace("—", "\u2013")), LINE),
        (note(GOOD.replace("— ", "—  ")), LINE),
        (note(GOOD.replace("— ", "—\u00a0")), LINE),
        (note(f" {GOOD}"), LINE),
        (note(GOOD.replace("\n", " \n")), LINE),
        (note(GOOD, line("", ID, b"signature")), LINE),
        (note(GOOD, line("one+more", ID, b"signature")), LINE),
        (note(GOOD, line("no\u2003break", ID, b"signature")), LINE),
        (note(GOOD, line("stranger", b"", b"four")), "A signature's line holds no signature."),
        (note(GOOD, line("stranger", b"", b"")), "A signature's line holds no signature."),
        (note(GOOD, STRANGER.replace("=", "")), "This is not Base64"),
        (note(GOOD, "— stranger AAAAAAB=\n"), "This is not the one Base64 spelling"),
        (note(GOOD, "— stranger AAAA\u00c4AAA\n"), "This is not Base64"),
        (note(GOOD, text=TEXT.replace("log", "l\ud83dg")), "A note is text that UTF-8 can hold."),
        (note(GOOD, STRANGER.replace("stranger", "str\udc00nger")), "A note is text that UTF-8 can hold."),
    ],
    ids=lambda value: ascii(value[-30:]),
)
def test_a_note_with_one_flaw_is_refused(given: str, why: str) -> None:
    refuses(given, why)


def test_a_second_base64_spelling_of_the_logs_signature_is_refused() -> None:
    *rest, encoded = GOOD.rstrip("\n").split(" ")
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    assert encoded.endswith("=")
    second = f"{encoded[:-2]}{digits[digits.index(encoded[-2]) + 1]}="

    assert b64decode(second) == b64decode(encoded)
    refuses(note(" ".join([*rest, f"{second}\n"])), "This is not the one Base64 spelling")


def test_empty_lines_belong_to_the_text_and_the_last_one_ends_it() -> None:
    text = "first\n\n\nlast\n\n"
    signed = Note.parse(note(signed_line(text), text=text))

    assert signed.text == text
    LOG.require_signed(signed)


def test_signatures_of_unknown_keys_are_ignored() -> None:
    same_name = line(ORIGIN, b"\0\0\0\0", b"x" * 64)
    same_id = line("other.example", ID, b"x" * 64)

    assert open_checkpoint(note(STRANGER, same_name, same_id, COSIGNED, GOOD), [LOG]) == CHECKPOINT
    refuses(note(STRANGER, same_name, same_id, COSIGNED), f"not signed by {ORIGIN} {ID.hex()}", LOG)


@pytest.mark.parametrize("place", [0, 8, 16])
def test_seventeen_signatures_are_read_wherever_the_known_one_stands(place: int) -> None:
    # A post-quantum signature has up to 5 kB.
    others = [line(f"witness.example/{number}", bytes([number]) * 4, b"x" * 5_000) for number in range(16)]
    others.insert(place, GOOD)

    assert open_checkpoint(note(*others), [LOG]) == CHECKPOINT


def test_a_note_is_read_up_to_a_million_bytes() -> None:
    room = MAX_NOTE_BYTES - len(note(GOOD, line("w", b"", b"")).encode())
    filler = line("w", b"", b"x" * (room // 4 * 3))

    assert open_checkpoint(note(GOOD, filler), [LOG]) == CHECKPOINT
    refuses(note(GOOD, filler, filler), f"A note has at most {MAX_NOTE_BYTES} bytes.")
    # Bytes are counted, not characters.
    refuses(note(GOOD, text="—" * (MAX_NOTE_BYTES // 3) + "\n"), f"A note has at most {MAX_NOTE_BYTES} bytes.")


WRONG = line(ORIGIN, ID, private_key().sign(b"something else"))


@pytest.mark.parametrize("lines", [(GOOD, WRONG), (WRONG, GOOD), (WRONG,)], ids=["second", "first", "only"])
def test_no_signature_of_a_known_key_may_be_wrong(lines: tuple[str, ...]) -> None:
    refuses(note(*lines), f"The signature of {ORIGIN} does not fit the note: it was changed.")


def test_the_same_right_signature_twice_is_no_lie() -> None:
    assert open_checkpoint(note(GOOD, GOOD), [LOG]) == CHECKPOINT


@pytest.mark.parametrize("at", range(0, 64, 7))
def test_a_signature_with_one_other_bit_is_refused(at: int) -> None:
    signature = bytearray(private_key().sign(TEXT.encode()))
    signature[at] ^= 1

    refuses(note(line(ORIGIN, ID, bytes(signature))), "it was changed")


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("\n1\n", "\n2\n"),
        TEXT.replace(TEXT[-10], "A" if TEXT[-10] != "A" else "B"),
        f"{TEXT}more\n",
    ],
    ids=["size", "root", "more"],
)
def test_a_signature_is_of_one_text(text: str) -> None:
    refuses(note(GOOD, text=text), "it was changed")


@pytest.mark.parametrize("length", [1, 63, 65])
def test_an_ed25519_signature_has_64_bytes(length: int) -> None:
    signature = (private_key().sign(TEXT.encode()) + b".")[:length]

    refuses(note(line(ORIGIN, ID, signature)), f"has 64 bytes; {ORIGIN}'s has {length}")


def test_an_id_that_collides_is_no_signature() -> None:
    forged = line(ORIGIN, ID, private_key(2).sign(TEXT.encode()))

    refuses(note(forged), "it was changed")


def test_a_key_signs_under_the_id_of_its_own_algorithm_only() -> None:
    as_cosignature = line(ORIGIN, key_id(ORIGIN, 4, PUBLIC), private_key().sign(TEXT.encode()))

    refuses(note(as_cosignature), "not signed by")


def test_a_checkpoint_is_of_the_origin_that_its_key_is_named_by() -> None:
    text = TEXT.replace(ORIGIN, "log.example/2")

    refuses(note(signed_line(text), text=text), "The checkpoint is of the origin 'log.example/2', and not signed by")
    with pytest.raises(NoteInvalid, match="not signed by no key"):
        open_checkpoint(note(GOOD), [])


def test_one_of_several_keys_of_the_origin_is_enough() -> None:
    second = signer(byte=2).vkey

    assert open_checkpoint(note(GOOD), [second, LOG]) == CHECKPOINT
    assert open_checkpoint(note(signed_line(TEXT, byte=2)), [LOG, second]) == CHECKPOINT


def test_a_signed_text_that_is_no_checkpoint_is_refused() -> None:
    refuses(note(signed_line("no checkpoint\n"), text="no checkpoint\n"), "A checkpoint has three lines", LOG)


def test_a_cosignature_is_verified_with_its_time() -> None:
    cosigned = Note.parse(note(GOOD, COSIGNED))
    witness().require_signed(cosigned)

    assert open_checkpoint(str(cosigned), [LOG, witness()]) == CHECKPOINT


@pytest.mark.parametrize(
    "spoilt",
    [
        cosigned_line(TEXT, stated=TIME + 1),
        cosigned_line(TEXT.replace("\n1\n", "\n2\n")),
        line(WITNESS, witness().key_id, TIME.to_bytes(8, "big") + private_key(9).sign(TEXT.encode())),
        line(WITNESS, witness().key_id, private_key(9).sign(TEXT.encode())),
        line(WITNESS, witness().key_id, b"short"),
    ],
    ids=["another time", "another text", "not a cosignature's message", "no time", "short"],
)
def test_a_wrong_cosignature_of_a_known_witness_spoils_the_note(spoilt: str) -> None:
    refuses(note(GOOD, spoilt), f"{WITNESS}")
    # To who does not know the witness it is a line like any other.
    assert open_checkpoint(note(GOOD, spoilt), [LOG]) == CHECKPOINT


def test_the_time_of_a_cosignature_is_a_number_of_63_bits() -> None:
    assert open_checkpoint(note(GOOD, cosigned_line(TEXT, time=2**63 - 1)), [LOG, witness()]) == CHECKPOINT
    refuses(note(GOOD, cosigned_line(TEXT, time=2**63)), "The timestamp of a cosignature goes to")


def test_a_witness_alone_vouches_for_no_log() -> None:
    refuses(note(COSIGNED), "not signed by")


@pytest.mark.parametrize("name", ["", "two words", "one+more", "a\nb"])
def test_no_note_is_signed_under_a_name_that_others_refuse(name: str) -> None:
    with pytest.raises(NoteInvalid):
        signer(name).sign(TEXT)


@pytest.mark.parametrize("text", ["", "\n", "no end of a line", "tab\t\n"])
def test_no_text_is_signed_that_others_refuse(text: str) -> None:
    with pytest.raises(NoteInvalid):
        signer().sign(text)


def test_the_line_of_a_signature_is_as_the_specification_spells_it() -> None:
    signature = Signature("a", b"\0\0\0\1", b"\xff")

    assert signature.line == f"\u2014 a {b64encode(bytes([0, 0, 0, 1, 255])).decode()}\n"
    assert Signature.parse(signature.line.rstrip("\n")) == signature
