"""What machines ask of the process: is it alive, may it get requests, and how is it."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from secrets import compare_digest
from time import monotonic

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from app.errors import StoreUnavailable
from app.services.trust_states import TrustStates
from app.settings import Metrics as MetricsSetting
from app.settings import Settings
from app.store.connection import CannotOpen
from app.store.database import Database
from app.store.schema import pending, require_guards
from app.store.url import sqlite_path
from app.transport.metrics import CONTENT_TYPE, Metrics

KEPT_SECONDS = 1.0
"""How long an answer about readiness stands, so that whoever asks often does not keep the database busy."""
CHECK_SECONDS = 3.0
STALLED_SECONDS = 10.0
"""A unit of work that waits so long means that writing does not go on; the watchdog waits longer."""
REFUSED_SECONDS = 5.0
"""How long a refused transaction counts, where no other follows: without requests nobody would find out otherwise."""
FREE_BYTES = 32 * 1024 * 1024

Check = Callable[[], Awaitable[bool]]


@dataclass(slots=True)
class Readiness:
    """Looks at what a request needs, at most once in a second, however many ask."""

    checks: Mapping[str, Check]
    _seen: dict[str, bool] = field(default_factory=dict)
    _until: float = 0.0
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)
    draining: bool = False

    async def look(self) -> dict[str, bool]:
        """Each check by its name, and whether it passed."""
        async with self._one:
            if monotonic() >= self._until:
                self._seen = {name: await _passes(check) for name, check in self.checks.items()}
                self._until = monotonic() + KEPT_SECONDS
        return {**self._seen, "draining": not self.draining}

    def forget(self) -> None:
        """Look again when asked next."""
        self._until = 0.0


async def _passes(check: Check) -> bool:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check()
    except (StoreUnavailable, CannotOpen, TimeoutError, OSError):
        return False


def checks_of(database: Database, store_url: str, is_signed: Check, trust: TrustStates) -> dict[str, Check]:
    """What must hold before a request is sent here."""
    path = sqlite_path(store_url)

    async def answers() -> bool:
        await database.probe()
        return True

    async def is_current() -> bool:
        return not await pending(database)

    async def is_guarded() -> bool:
        await require_guards(database.reads)
        return True

    async def writes_go_on() -> bool:
        return database.oldest_wait_seconds() < STALLED_SECONDS and not database.refuses_writes(REFUSED_SECONDS)

    async def decides_on_what_is() -> bool:
        # While it cannot, devices are decided about from what was last read, and soon not at all.
        if trust.unread_seconds:
            await database.probe()
            trust.reach.readable()
        return True

    async def has_room() -> bool:
        return path is None or _free_bytes(path) >= FREE_BYTES

    return {
        "database": answers,
        "schema": is_current,
        "guards": is_guarded,
        "writing": writes_go_on,
        "decisions": decides_on_what_is,
        "disk": has_room,
        "notary": is_signed,
    }


def _free_bytes(path: Path) -> int:
    return shutil.disk_usage(path.parent).free


def routes(settings: Settings, readiness: Readiness, metrics: Metrics) -> list[Route]:
    """/livez, /readyz and /metrics."""

    async def livez(request: Request) -> Response:
        # Nothing but the event loop: a database that is away is no reason to be killed.
        del request
        return JSONResponse({"status": "ok"})

    async def readyz(request: Request) -> Response:
        del request
        seen = await readiness.look()
        ready = all(seen.values())
        shown = {name: "ok" if passed else "failed" for name, passed in seen.items()}
        return JSONResponse({"status": "ok" if ready else "failed", "checks": shown}, 200 if ready else 503)

    async def exposition(request: Request) -> Response:
        if not may_read_metrics(request, settings):
            return PlainTextResponse("Not Found", 404)
        return Response(metrics.exposition(), media_type=CONTENT_TYPE)

    return [
        Route("/livez", livez, methods=["GET"]),
        Route("/readyz", readyz, methods=["GET"]),
        Route("/metrics", exposition, methods=["GET"]),
    ]


def may_read_metrics(request: Request, settings: Settings) -> bool:
    """Whoever has the token where there is one; else whom the setting allows. See ADR 11."""
    if settings.metrics is MetricsSetting.OFF:
        return False
    if settings.metrics_token is not None:
        expected = f"Bearer {settings.metrics_token.get_secret_value()}"
        return compare_digest(request.headers.get("authorization", "").encode(), expected.encode())
    return settings.metrics is MetricsSetting.ON or _is_from_this_machine(request)


def _is_from_this_machine(request: Request) -> bool:
    """Whether the peer is this machine and speaks for itself: a proxy beside us is one too, and names another host."""
    if request.client is None or "x-forwarded-for" in request.headers or "forwarded" in request.headers:
        return False
    return _is_loopback(request.client.host) and _is_loopback(request.url.hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
