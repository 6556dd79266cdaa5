"""The composition root: from the settings to an application that serves."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol, TypeVar

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from app.actor import Actor, ActorType, Origin, Scope
from app.clock import Clock, system_clock
from app.ids import new_id
from app.installation import Installation, assemble
from app.services.device_servers import device_servers
from app.services.key_uses import KeyUses
from app.services.migrations import RecordMigration
from app.services.signing import SigningCheck
from app.services.standing import LEAD, StandingFindings
from app.services.strangers import Strangers
from app.services.witnesses import Witnesses, named_witnesses
from app.settings import BadSetting, Settings
from app.store.connection import CannotOpen
from app.store.database import Role
from app.store.migrate import migrate
from app.transport import enrollments, evidence, health
from app.transport.gate import WRONG_KEYS_PER_MINUTE, HouseGate
from app.transport.gateway.gateways import Gateways
from app.transport.gateway.remembered import RawHeaders, RememberedAnswers
from app.transport.graphql.context import Services
from app.transport.graphql.gate import Gate
from app.transport.graphql.limits import Limits
from app.transport.graphql.schema import schema
from app.transport.graphql.view import GraphQLEndpoint
from app.transport.guard import HOUSE
from app.transport.health import Readiness
from app.transport.metrics import Metrics
from app.transport.rates import Rates
from app.transport.reception import Reception, headers_of_all
from app.transport.static import WebBuild

WEB_BUILD = Path(__file__).parent / "web" / "dist"
EXPLORER = "explorer.html"
FLUSH_SECONDS = 20.0
SERVER = Actor(ActorType.SYSTEM, "server", None, None, frozenset({Scope.OPERATE}))


T = TypeVar("T")

_log = logging.getLogger(__name__)


class Api(Protocol):
    """The GraphQL endpoint, as far as it is known here."""

    def routes(self) -> list[BaseRoute]:
        """Its routes."""

    def close(self) -> None:
        """End every stream: the server is about to stop."""


BuildApi = Callable[[Settings, Gate, Path | None], Api]
"""Makes it from the settings, whom it asks, and the page of GraphiQL; None where that is switched off."""


def graphql_api(settings: Settings, gate: Gate, explorer: Path | None) -> Api:
    """The API that this program serves."""
    return GraphQLEndpoint(
        schema,
        gate,
        Limits.of(settings),
        explorer,
        introspection=settings.introspection,
        public_url=settings.public_url,
    )


@dataclass(frozen=True, slots=True)
class Application:
    """What an application consists of, for whoever runs it."""

    installation: Installation
    strangers: Strangers
    key_uses: KeyUses
    readiness: Readiness
    metrics: Metrics
    witnesses: Witnesses
    gateways: Gateways
    standing_findings: StandingFindings


def create_app(
    settings: Settings, *, api: BuildApi = graphql_api, clock: Clock = system_clock, web_build: Path = WEB_BUILD
) -> Starlette:
    """An application; its lifespan migrates and opens the database, and closes it when all is written.

    Raises CannotOpen for a database URL that names none; its lifespan raises CannotOpen and StoreUnavailable.
    """
    parts = _parts(settings, clock)
    gate = HouseGate(
        services=_services(parts, clock),
        strangers=parts.strangers,
        key_uses=parts.key_uses,
        metrics=parts.metrics,
        rates=Rates(clock, settings.rate_per_minute),
        wrong_keys=Rates(clock, WRONG_KEYS_PER_MINUTE),
    )
    reception = Middleware(
        Reception,
        metrics=parts.metrics,
        clock=clock,
        trusted_proxies=settings.trusted_proxies,
        max_requests=settings.max_requests,
        headers=headers_of_all(settings.public_url),
    )
    endpoint = api(settings, gate, web_build / EXPLORER if settings.explorer else None)
    application = Starlette(
        routes=[
            # Looked through from the beginning: what is asked most often comes first.
            *parts.gateways.routes(gate, parts.metrics),
            *health.routes(settings, parts.readiness, parts.metrics),
            *evidence.routes(parts.installation.database, gate.rates),
            *enrollments.routes(gate, parts.installation.uploads),
            *endpoint.routes(),
            *WebBuild(web_build).routes(),
        ],
        middleware=[reception],
        lifespan=lambda _: _lifespan(parts, endpoint),
    )
    # It would send a client to whatever host its request named.
    application.router.redirect_slashes = False
    application.state.parts = parts
    return application


def parts_of(application: Starlette) -> Application:
    """What an application that `create_app` made consists of."""
    parts = application.state.parts
    assert isinstance(parts, Application)  # noqa: S101  # Starlette's state holds anything
    return parts


def _services(parts: Application, clock: Clock) -> Services:
    installation = parts.installation
    return Services(
        installation.database,
        installation.door,
        clock,
        installation.settings,
        parts.gateways.trust,
        checks=parts.readiness.checks,
        servers=_from_settings(device_servers, installation.settings),
    )


def _parts(settings: Settings, clock: Clock) -> Application:
    metrics = Metrics(node=settings.node, region=settings.region)
    installation = assemble(settings, role=Role.SERVE, clock=clock, on_recorded=metrics.recorded)
    database = installation.database
    metrics.watch_units(database.oldest_wait_seconds)
    asked = _from_settings(named_witnesses, settings)
    metrics.watch_witnesses([witness.name for witness in asked])
    metrics.watch_signing(lambda: installation.signing.state)
    is_signed = SigningCheck(database, clock, installation.signing)
    gateways = Gateways.of(database, installation.door, clock, bridge_seconds=settings.bridge_seconds)
    metrics.watch_trust(lambda: gateways.trust.unread_seconds)
    return Application(
        installation=installation,
        strangers=Strangers(installation.door, clock),
        key_uses=KeyUses(database, clock),
        readiness=Readiness(health.checks_of(database, settings.store_url, is_signed, gateways.trust)),
        metrics=metrics,
        gateways=gateways,
        standing_findings=StandingFindings(
            database, installation.door, clock, database.leadership(LEAD), timedelta(days=settings.unused_days)
        ),
        witnesses=Witnesses(database, asked, clock, leads=lambda: installation.signing.state.leads, observer=metrics),
    )


def _from_settings(read: Callable[[Settings], T], settings: Settings) -> T:
    """What the settings name and only reading can show to be good."""
    try:
        return read(settings)
    except BadSetting as bad:
        raise CannotOpen(str(bad)) from bad


@dataclass(frozen=True, slots=True)
class _House:
    """See `app.transport.guard.House`."""

    parts: Application
    endpoint: Api
    remembered: RememberedAnswers

    def at_once(self, method: bytes, target: bytes, headers: RawHeaders) -> bytes | None:
        """An answer to a gateway that still holds."""
        return self.remembered.again(method, target, headers)

    def malformed(self, reason: str) -> None:
        """Count it."""
        self.parts.metrics.malformed(reason)

    def stopping(self) -> None:
        """Ask for no more requests, and end what has no end of its own."""
        self.parts.readiness.draining = True
        self.endpoint.close()


@asynccontextmanager
async def _lifespan(parts: Application, endpoint: Api) -> AsyncIterator[Mapping[str, object]]:
    installation = parts.installation
    headers = headers_of_all(installation.settings.public_url)
    remembered = parts.gateways.remembered(parts.metrics, headers)
    parts.metrics.before_reading(remembered.say)
    applied = await migrate(installation.settings.store_url)
    await installation.database.start()
    try:
        await _record_migrations(installation, applied)
        beside = [
            _beside(_flush_now_and_then(parts), "flush of refusals and key uses"),
            _beside(installation.job_runner().run(), "jobs"),
            _beside(parts.standing_findings.run(), "findings about certificates"),
        ]
        if installation.settings.notary:
            beside.append(_beside(installation.signing.run(), "notary"))
            beside.append(_beside(parts.witnesses.run(), "witnesses"))
        try:
            yield {HOUSE: _House(parts, endpoint, remembered)}
        finally:
            remembered.say()
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await _flush(parts, everything=True)
    finally:
        await installation.database.close()


def _beside(work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
    """A task that goes on until it is cancelled; if it ends by itself, the log says why."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_say_why_it_ended)
    return task


def _say_why_it_ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("the task %r has ended", task.get_name(), exc_info=error)


async def _flush_now_and_then(parts: Application) -> None:
    while True:
        await asyncio.sleep(FLUSH_SECONDS)
        await _flush(parts, everything=False)


async def _flush(parts: Application, *, everything: bool) -> None:
    for flushing in (
        parts.strangers.flush(everything=everything),
        parts.key_uses.flush(),
        parts.gateways.flush(everything=everything),
    ):
        try:
            await flushing
        except Exception:  # noqa: BLE001  # the outermost border of each: the others, and the next time, must come
            _log.exception("something that waited could not be written")


async def _record_migrations(installation: Installation, applied: Sequence[str]) -> None:
    if not applied:
        return
    origin = Origin(request_id=new_id(installation.clock()), operation="start of the server")
    await installation.door.perform(SERVER, RecordMigration.of(applied), origin)
