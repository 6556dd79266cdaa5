"""The whole way round: a server signs what is done, a stranger verifies and watches it, and keeps a mirror."""

import asyncio
import json
import sys
from pathlib import Path

from tests.commands.running import anchorage
from tests.serving import Served

MIRROR = """
import pathlib, sys
from app.commands.audit_log import export_static
export_static(pathlib.Path(sys.argv[1]), in_json=True)
"""


async def test_a_served_log_is_verified_watched_and_mirrored(served: Served, tmp_path: Path) -> None:
    state, mirror = tmp_path / "seen.json", tmp_path / "mirror"
    await served.command("account", "create", "Northwind", "--tier", "commercial")
    await _signed(served, at_least=1)

    first = await anchorage(served.environment, "audit", "watch", "--url", served.url, "--state", str(state), "--json")
    await served.command("account", "create", "Southwind", "--tier", "commercial")
    await _signed(served, at_least=first.json["size"] + 1)
    second = await anchorage(served.environment, "audit", "watch", "--url", served.url, "--state", str(state), "--json")

    assert second.json["sizeBefore"] == first.json["size"] < second.json["size"]
    verified = await anchorage(served.environment, "audit", "verify", "--url", f"{served.url}/log")
    assert verified.status == 0, verified
    copied = await _mirror(served, mirror)
    assert copied["size"] >= second.json["size"]
    watched = await anchorage(served.environment, "audit", "watch", "--url", str(mirror), "--state", str(state))
    assert (watched.status, watched.out, watched.err) == (0, "", "")
    (tmp_path / "kept").write_text(json.loads(state.read_text())["checkpoint"])
    whole = await anchorage(
        served.environment, "audit", "verify", "--trusted-checkpoint", str(tmp_path / "kept"), "--json"
    )
    assert whole.json["verdict"] == "verified"


async def _signed(served: Served, *, at_least: int) -> None:
    """Return once the server's checkpoint covers so many entries."""
    async with asyncio.timeout(60):
        while True:
            said = await anchorage(served.environment, "audit", "verify", "--url", served.url, "--json")
            if json.loads(said.out).get("size", 0) >= at_least:
                return


async def _mirror(served: Served, directory: Path) -> dict[str, int]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MIRROR, str(directory), env=served.environment, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    copied: dict[str, int] = json.loads(out)
    return copied
