"""Bundles: whom a terminator may trust by itself, and which of them it says that it does.

A bundle never changes without its tag. Its version is that of the account's trust; a gateway that has applied one says
so, which is how an administrator sees who enforces what.
"""

import hashlib

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.clock import Clock
from app.errors import StoreUnavailable
from app.rules.bundle import Bundle, bundle_of
from app.rules.bundle_formats import MEDIA_TYPES, Format, write
from app.services.gateway_reports import GatewayReports
from app.services.trust_states import Confirmed, TrustStates
from app.store.gateways import Gateway
from app.transport.conditional import names_tag
from app.transport.gateway.answers import answering
from app.transport.gateway.authorize import service_of
from app.transport.gateway.forms import NotAsked
from app.transport.gateway.gate import GatewayGate


class UnknownVersion(NotAsked):
    """A version that the account's trust has not come to: it is another database's, as before a restore."""

    code = "UNKNOWN_VERSION"


def routes(gate: GatewayGate, states: TrustStates, reports: GatewayReports, clock: Clock) -> list[Route]:
    """/gateway/bundle and /gateway/applied."""

    async def bundle(request: Request) -> Response:
        caller = await gate.admit(request)
        service, form = service_of(request), _format_of(request)
        confirmed = await states.current(caller.actor.account_id or "")
        made = bundle_of(confirmed.state.store, service, version=confirmed.state.version, at=clock())
        return _answered(request, made, form, confirmed.stale_seconds)

    async def applied(request: Request) -> Response:
        caller = await gate.admit(request)
        gateway = Gateway(caller.actor.account_id or "", caller.actor.id or "", service_of(request))
        version = _version_of(request)
        _require_reached(version, await states.current(gateway.account_id, at_least=version))
        reports.enforces(gateway, version, clock())
        await reports.flush()
        return Response(status_code=204)

    return [
        Route("/gateway/bundle", answering(bundle), methods=["GET"]),
        Route("/gateway/applied", answering(applied), methods=["POST"]),
    ]


def _answered(request: Request, bundle: Bundle, form: Format, stale_seconds: float) -> Response:
    content = write(bundle, form)
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {
        "etag": tag,
        "cache-control": "no-cache",
        "x-trust-version": str(bundle.version),
        "x-trust-sequence": str(bundle.sequence),
        "x-trust-anchors": str(len(bundle.anchors)),
    }
    if stale_seconds:
        headers["x-trust-stale-seconds"] = f"{stale_seconds:.0f}"
    if names_tag(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=MEDIA_TYPES[form], headers=headers)


def _require_reached(version: int, newest: Confirmed) -> None:
    if version <= newest.state.version:
        return
    if newest.stale_seconds:
        raise StoreUnavailable("Whether the account's trust has come to this version cannot be read now.")
    raise UnknownVersion(f"The account's trust is at version {newest.state.version}, and {version} is none of it yet.")


def _format_of(request: Request) -> Format:
    asked = request.query_params.get("format", "").lower()
    if asked not in set(Format):
        raise NotAsked(f"Name the format: format={'|'.join(Format)}.")
    return Format(asked)


def _version_of(request: Request) -> int:
    told = request.query_params.get("version", "")
    if not told.isascii() or not told.isdigit() or len(told) > 18:
        raise NotAsked("Name the version that is applied, from the bundle's X-Trust-Version: version=7.")
    return int(told)
