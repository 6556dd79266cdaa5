"""How the service itself is, and how much of it a caller may still have."""

import asyncio
from collections.abc import Awaitable
from datetime import datetime
from enum import StrEnum, unique
from time import perf_counter
from typing import Self

from app.errors import StoreUnavailable
from app.store.connection import CannotOpen
from app.transport.graphql.context import Check, Services
from app.transport.graphql.described import attribute, enumeration, object_type
from app.transport.graphql.gate import Budget

CHECK_SECONDS = 3.0


@unique
class Condition(StrEnum):
    """How well something works, the worst last."""

    OK = "OK"
    DEGRADED = "DEGRADED"
    DOWN = "DOWN"


enumeration(
    Condition,
    "HealthStatus",
    "How well something works.",
    {
        Condition.OK: "As it should.",
        Condition.DEGRADED: "It answers, but something is wrong.",
        Condition.DOWN: "It does not.",
    },
)


@object_type
class HealthCheck:
    """One part of the service."""

    name: str = attribute("Which part, for example `database`.")
    status: Condition = attribute("How well it works.")
    latency_ms: float = attribute("How long it took to find out.")

    @classmethod
    async def by(cls, name: str, check: Check) -> Self:
        """What a check finds."""
        started = perf_counter()
        status = await _condition(check())
        return cls(name=name, status=status, latency_ms=round((perf_counter() - started) * 1000, 3))


@object_type
class Health:
    """How well the service works."""

    status: Condition = attribute("The worst of the checks.")
    release: str = attribute("The release that is running.")
    checks: list[HealthCheck] = attribute("One by one.")

    @classmethod
    async def of(cls, services: Services) -> Self:
        """Ask every part at once."""

        async def database() -> bool:
            await services.database.probe()
            return True

        asked = {"database": database, **services.checks}
        checks = await asyncio.gather(*(HealthCheck.by(name, check) for name, check in asked.items()))
        worst = max((check.status for check in checks), key=list(Condition).index)
        return cls(status=worst, release=services.release, checks=list(checks))


@object_type
class RateLimit:
    """How much the caller may still ask for. Every response says the same in its headers and its extensions."""

    limit: int = attribute("The cost the caller may spend per window.")
    remaining: int = attribute("What is left of it.")
    cost: int = attribute("What this operation costs.")
    reset_at: datetime = attribute("When the window starts anew.")

    @classmethod
    def of(cls, budget: Budget) -> Self:
        """As the schema shows it."""
        return cls(limit=budget.limit, remaining=budget.remaining, cost=budget.cost, reset_at=budget.reset_at)


async def _condition(answer: Awaitable[bool]) -> Condition:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return Condition.OK if await answer else Condition.DEGRADED
    except (StoreUnavailable, CannotOpen, TimeoutError, OSError):
        return Condition.DOWN
