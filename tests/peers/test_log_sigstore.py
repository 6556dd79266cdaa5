"""The verifiers of Sigstore, in Python and in JavaScript, accept our log and refuse it with any flaw."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers.conftest import Peers
from tests.peers.log_promises import LogPromises, Verify

pytestmark = pytest.mark.once

PROGRAM = Path(__file__).with_name("log_sigstore.py")


class TestSigstoreForPython(LogPromises):
    """The package of the Python index."""

    @pytest.fixture
    def verify(self, tmp_path: Path) -> Verify:
        """The program, in a place where it does not find the product's code."""

        def verify(vkey: str, *places: Path | str) -> list[dict[str, object]]:
            command = [sys.executable, str(PROGRAM), vkey, *map(str, places)]
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
            assert done.returncode == 0, done.stderr
            return [json.loads(line) for line in done.stdout.splitlines()]

        return verify


class TestSigstoreForNode(LogPromises):
    """The package of the Node index."""

    @pytest.fixture
    def verify(self, peers: Peers) -> Verify:
        """The program."""

        def verify(vkey: str, *places: Path | str) -> list[dict[str, object]]:
            return peers.answers("log.js", vkey, *map(str, places))

        return verify
