"""Ids are of version 7, sort by time, and are never given twice, in two processes either."""

import os
from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

from app.ids import is_id, new_id

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def test_an_id_is_a_uuid_of_version_7_of_its_instant() -> None:
    for _ in range(200):
        found = new_id(NOW)
        assert is_id(found)
        assert (UUID(found).version, UUID(found).variant) == (7, RFC_4122)
        assert int(found[:12], 16) == NOW.timestamp() * 1000


def test_ids_of_one_instant_differ_in_every_random_digit() -> None:
    made = [new_id(NOW) for _ in range(2_000)]
    assert len(set(made)) == len(made)
    for place in (13, 14, 15, *range(17, 32)):
        assert len({each[place] for each in made}) == 16
    assert {each[16] for each in made} == set("89ab")


def test_ids_sort_by_time() -> None:
    assert new_id(NOW) < new_id(NOW + timedelta(milliseconds=1))


def test_a_process_and_its_child_give_different_ids() -> None:
    """What is drawn ahead of its use must not be used by both."""
    new_id(NOW)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, " ".join(new_id(NOW) for _ in range(50)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(read, 65_536).decode().split()
    os.close(read)
    os.close(write)
    ours = [new_id(NOW) for _ in range(50)]
    assert len({*theirs, *ours}) == 100
