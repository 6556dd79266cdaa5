"""How the service itself is, and how much of it a caller may still have."""

import asyncio
from datetime import datetime
from time import perf_counter
from typing import Self

from app.errors import StoreUnavailable
from app.store.database import Database
from app.transport.graphql.context import Budget, Condition, Probe, Services
from app.transport.graphql.described import attribute, enumeration, object_type

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
_WORST_LAST = (Condition.OK, Condition.DEGRADED, Condition.DOWN)


class DatabaseProbe:
    """Reads something through every pool."""

    name = "database"

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self) -> Condition:
        """See Probe."""
        try:
            await self._database.probe()
        except StoreUnavailable:
            return Condition.DOWN
        return Condition.OK


@object_type
class HealthCheck:
    """One part of the service."""

    name: str = attribute("Which part, for example `database`.")
    status: Condition = attribute("How well it works.")
    latency_ms: float = attribute("How long it took to find out.")

    @classmethod
    async def by(cls, probe: Probe) -> Self:
        """What a probe finds."""
        started = perf_counter()
        status = await probe()
        return cls(name=probe.name, status=status, latency_ms=round((perf_counter() - started) * 1000, 3))


@object_type
class Health:
    """How well the service works."""

    status: Condition = attribute("The worst of the checks.")
    release: str = attribute("The release that is running.")
    checks: list[HealthCheck] = attribute("One by one.")

    @classmethod
    async def of(cls, services: Services) -> Self:
        """Ask every part at once."""
        probes: list[Probe] = [DatabaseProbe(services.database), *services.probes]
        checks = await asyncio.gather(*(HealthCheck.by(probe) for probe in probes))
        worst = max((check.status for check in checks), key=_WORST_LAST.index)
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
