"""What is kept outside the database is whole, and only goes forward.

Seen to fail with an older checkpoint put over a newer one.
"""

import stat
from pathlib import Path

import pytest

from app.audit.checkpoint import Checkpoint, Signer
from app.audit.kept import KeptCheckpoint, KeptNotOlder, KeptUnusable, read_all
from tests.audit.notaries import KEY, ORIGIN

pytestmark = pytest.mark.once


def note(size: int, root: bytes = bytes(32), origin: str = ORIGIN) -> str:
    """A signed checkpoint."""
    return str(Signer(origin, KEY).sign(Checkpoint(origin, size, root).text))


@pytest.fixture
def place(tmp_path: Path) -> KeptCheckpoint:
    """A file that is not there yet."""
    return KeptCheckpoint(tmp_path / "checkpoint")


def test_a_place_without_a_file_holds_nothing(place: KeptCheckpoint) -> None:
    assert place.read() is None
    assert read_all([place]) == []


def test_what_is_written_is_read_and_everybody_may_read_it(place: KeptCheckpoint) -> None:
    place.write(note(1))
    place.write(note(2, bytes([1] * 32)))

    assert str(place.read()) == place.path.read_text() == note(2, bytes([1] * 32))
    ((_, _, checkpoint),) = read_all([place])
    assert checkpoint == Checkpoint(ORIGIN, 2, bytes([1] * 32))
    assert stat.S_IMODE(place.path.stat().st_mode) & 0o444 == 0o444
    assert list(place.path.parent.iterdir()) == [place.path]


@pytest.mark.parametrize(
    "other",
    [note(6), note(5, bytes([1] * 32)), note(5, origin="other.example/log"), note(1, origin="other.example/log")],
    ids=["newer", "another root of the same size", "another origin", "another origin, smaller"],
)
def test_what_is_not_older_stays(place: KeptCheckpoint, other: str) -> None:
    place.write(other)

    with pytest.raises(KeptNotOlder, match="checkpoint"):
        place.write(note(5))

    assert place.path.read_text() == other


def test_the_same_again_is_nothing_new(place: KeptCheckpoint) -> None:
    place.write(note(5))
    before = place.path.stat().st_ino

    place.write(note(5))

    assert place.path.stat().st_ino == before


@pytest.mark.parametrize(
    "damaged",
    [b"", b"\x00" * 200, note(5).encode()[:40], note(5).encode()[:-5], b"\xff\xfe", b"no checkpoint\n\n" + b"\n"],
    ids=["empty", "zeros", "cut in the text", "cut in the signature", "no text", "no signature"],
)
def test_a_damaged_file_is_named(place: KeptCheckpoint, damaged: bytes) -> None:
    place.path.write_bytes(damaged)

    with pytest.raises(KeptUnusable, match=str(place.path)):
        read_all([place])
    with pytest.raises(KeptUnusable, match=str(place.path)):
        place.write(note(6))
    assert place.path.read_bytes() == damaged


def test_a_note_that_is_no_checkpoint_is_named(place: KeptCheckpoint) -> None:
    place.path.write_text(str(Signer(ORIGIN, KEY).sign("something else\n")))

    with pytest.raises(KeptUnusable, match="holds no checkpoint"):
        read_all([place])


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    place = KeptCheckpoint(tmp_path / "absent" / "checkpoint")

    with pytest.raises(KeptUnusable, match=f"{place.path}: No such file"):
        place.write(note(1))


def test_a_folder_in_its_place_is_named(place: KeptCheckpoint) -> None:
    place.path.mkdir()

    with pytest.raises(KeptUnusable, match="Is a directory"):
        place.read()


def test_a_place_is_put_aside_for_a_log_that_cannot_be_continued(place: KeptCheckpoint) -> None:
    assert place.retire(2) is None
    place.write(note(5))

    aside = place.retire(2)

    assert place.read() is None
    assert aside is not None
    assert aside.parent == place.path.parent
    assert aside.read_text() == note(5)
    place.write(note(1, origin=f"{ORIGIN}/2"))
