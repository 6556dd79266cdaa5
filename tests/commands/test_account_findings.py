"""`anchorage account findings`: what stands about an account's certificates, for people and for programs."""

from pathlib import Path

import pytest

from app.clock import to_text
from app.store.database import Role, open_database
from app.terms import Service, Usage
from tests.checks import check_log
from tests.commands.running import anchorage
from tests.house import House, actor_of
from tests.looking import DAY, look
from tests.rules.authority import AT, make
from tests.serving import serving

# What differs between the engines lies below, and is tested there on both.
pytestmark = pytest.mark.once


async def test_what_stands_is_listed(database_url: str, tmp_path: Path) -> None:
    async with serving(database_url, tmp_path / "data") as served:
        await served.stop()
        database = open_database(database_url, role=Role.BESIDE)
        await database.start()
        house = House(database)
        account = await house.account()
        ca = make("Fleet", not_after=AT + DAY)
        made = await house.upload(
            actor_of(account), ca, name="fleet", usage=Usage.THIRD_PARTY_CA, service=Service.LWM2M
        )
        await look(house)
        await check_log(database)
        await database.close()

        (shown,) = (await anchorage(served.environment, "account", "findings", account.id, "--json")).json
        table = await anchorage(served.environment, "account", "findings", f"acc_{account.id}")
        unknown = await anchorage(served.environment, "account", "findings", "f" * 32)
        nonsense = await anchorage(served.environment, "account", "findings", "nobody")

    since = shown.pop("since")
    assert to_text(AT) < since <= to_text(house.clock.now)
    assert shown == {
        "severity": "warning",
        "code": "EXPIRES_SOON",
        "certificate": "fleet",
        "certificate_id": made.id,
        "message": "The certificate expires at 2026-06-02T12:00:00Z.",
        "related_certificate_id": None,
        "chain_index": 0,
        "reference": "RFC 5280 4.1.2.5",
    }
    head, line = table.out.splitlines()
    assert head.split() == ["SINCE", "SEVERITY", "CODE", "CERTIFICATE", "MESSAGE"]
    assert line.split()[:4] == [since, "warning", "EXPIRES_SOON", "fleet"]
    assert (unknown.refused, nonsense.refused) == ("NOT_FOUND", "INVALID_INPUT")
