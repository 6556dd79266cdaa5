"""How the service says that it is, and what a caller may still have."""

from dataclasses import replace

from app.errors import StoreUnavailable
from app.transport.graphql.context import Check
from app.transport.graphql.gate import Budget
from tests.house import House
from tests.rules.authority import AT
from tests.transport.graphql.callers import Caller, anonymous

HEALTH = "{ health { status release checks { name status latencyMs } } }"


async def well() -> bool:
    return True


async def not_so_well() -> bool:
    return False


async def down() -> bool:
    raise StoreUnavailable("The database cannot be read now.")


async def test_health_asks_the_database_and_needs_no_key(house: House) -> None:
    health = (await anonymous(house)(HEALTH))["health"]
    (check,) = health["checks"]
    assert (health["status"], health["release"]) == ("OK", "1.2.3")
    assert (check["name"], check["status"]) == ("database", "OK")
    assert check["latencyMs"] >= 0


async def test_health_is_as_bad_as_its_worst_check(house: House) -> None:
    checks: dict[str, Check] = {"disk": well, "writing": not_so_well}
    asker = replace(anonymous(house), checks=checks)
    health = (await asker(HEALTH))["health"]
    assert health["status"] == "DEGRADED"
    assert {check["name"]: check["status"] for check in health["checks"]} == {
        "database": "OK",
        "disk": "OK",
        "writing": "DEGRADED",
    }
    worse = replace(asker, checks=checks | {"database": down})
    assert (await worse(HEALTH))["health"]["status"] == "DOWN"


async def test_a_database_that_is_away_is_down(house: House, admin: Caller) -> None:
    await house.database.close()
    health = (await admin(HEALTH))["health"]
    assert health["status"] == "DOWN"
    await house.database.start()


async def test_what_cannot_be_read_is_said_to_be_so(house: House, admin: Caller) -> None:
    await house.database.close()
    assert await admin.refusal("{ certificates { totalCount } }") == "STORE_UNAVAILABLE"
    await house.database.start()


async def test_the_rate_limit_is_what_the_gate_said(admin: Caller) -> None:
    document = "{ rateLimit { limit remaining cost resetAt } }"
    assert await admin(document) == {"rateLimit": None}
    told = replace(admin, budget=Budget(limit=600, remaining=590, cost=10, reset_at=AT))
    assert (await told(document))["rateLimit"] == {
        "limit": 600,
        "remaining": 590,
        "cost": 10,
        "resetAt": "2026-06-01T12:00:00.000Z",
    }
