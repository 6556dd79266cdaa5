"""What every program that verifies logs must say about ours. Its tests are those of a class that derives from this."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.peers.log_directory import SIZE, LogFiles

Verify = Callable[..., list[dict[str, Any]]]
"""Runs a program: the verifier key and the places of logs and receipts; answers what it says of each place."""

Serve = Callable[[Path], AbstractContextManager[str]]


@dataclass(frozen=True)
class LivedLog:
    """The log of a server that runs: where it is served, its mirror, and receipts that mutations were answered with."""

    vkey: str
    address: str
    mirror: Path
    receipts: list[Path]
    size: int
    """The mirror's. The server has an entry more: that of the mirror."""


class LogPromises:
    """The tests. Each needs the fixture `verify`, a program."""

    def test_every_leaf_of_a_log_is_verified_whatever_its_size(self, verify: Verify, log_files: LogFiles) -> None:
        said = verify(log_files.vkey, *log_files.logs.values())

        assert said == [{"verified": size} for size in log_files.logs]
        assert max(log_files.logs) == SIZE

    def test_a_log_is_verified_where_it_is_served(self, verify: Verify, log_files: LogFiles, serve: Serve) -> None:
        with serve(log_files.logs[SIZE]) as address:
            assert verify(log_files.vkey, address) == [{"verified": SIZE}]

    def test_receipts_are_verified(self, verify: Verify, log_files: LogFiles) -> None:
        assert verify(log_files.vkey, *log_files.receipts) == [{"verified": 1}] * len(log_files.receipts)

    @pytest.mark.asyncio(loop_scope="session")  # the server's, which goes on reading what it writes
    async def test_the_log_of_a_running_server_is_verified_and_its_mirror(
        self, verify: Verify, lived_log: LivedLog
    ) -> None:
        places = (lived_log.address, lived_log.mirror, *lived_log.receipts)

        said = await asyncio.to_thread(verify, lived_log.vkey, *places)

        ones = [{"verified": 1}] * len(lived_log.receipts)
        assert said == [{"verified": lived_log.size + 1}, {"verified": lived_log.size}, *ones]

    def test_a_log_or_a_receipt_with_one_flaw_is_refused(self, verify: Verify, log_files: LogFiles) -> None:
        said = dict(zip(log_files.flaws, verify(log_files.vkey, *log_files.flaws.values()), strict=True))

        assert {flaw: answer for flaw, answer in said.items() if "refused" not in answer} == {}

    def test_a_log_is_refused_by_who_trusts_another_key(self, verify: Verify, log_files: LogFiles) -> None:
        said = verify(log_files.other_vkey, log_files.logs[SIZE], log_files.receipts[0])

        assert ["refused" in answer for answer in said] == [True, True]
