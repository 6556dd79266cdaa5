"""Forward-auth: a terminator has let a device prove that it holds its key, and asks whether to let it in.

Everything is said in the status and in headers. The body is empty, unless JSON is asked for: a terminator that gets a
body from what it asks opens a new connection for the next question.
"""

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.errors import CertificateRejected, StoreUnavailable
from app.services.admissions import Admissions, Answer
from app.services.asked import Asked
from app.services.gateway_reports import GatewayReports
from app.store.gateways import Gateway
from app.terms import Service, ServiceName
from app.transport.gateway.answers import STATUS, answering, wants_json
from app.transport.gateway.forms import NotAsked, once, presented
from app.transport.gateway.gate import GatewayCaller, GatewayGate
from app.transport.gateway.remembered import AUTHORIZE, Kept, Remembered
from app.transport.graphql.ids import Kind, encode
from app.transport.metrics import Metrics

REFUSED = {**STATUS, StoreUnavailable: 403}
"""Whoever cannot be told that a device may come in is told that it may not."""
# A terminator asks with the method of the request that it has: to Starlette an empty list is any, and None is GET.
_ANY_METHOD: tuple[str, ...] = ()
ENDPOINT_NAME = "x-endpoint-name"


def routes(
    gate: GatewayGate, admissions: Admissions, reports: GatewayReports, metrics: Metrics, kept: Kept
) -> list[Route]:
    """/gateway/authorize."""

    async def authorize(request: Request) -> Response:
        caller = await gate.admit(request)
        answer = await _asked(request, caller, admissions)
        metrics.decided(answer.decision.question.service.value, answer.decision.reason.value)
        gateway = Gateway(caller.actor.account_id or "", caller.actor.id or "", service_of(request))
        if answer.trust_version is not None:
            reports.enforces(gateway, answer.trust_version, admissions.clock())
        answered = _answered(request, answer, caller.actor.account_id)
        admitted = answer.admitted
        if admitted is not None and not wants_json(request):
            kept.keep(request.scope, Remembered(gateway, request.method, caller.token, admitted, answered.raw_headers))
        return answered

    return [Route(AUTHORIZE, answering(authorize, REFUSED), methods=_ANY_METHOD)]


async def _asked(request: Request, caller: GatewayCaller, admissions: Admissions) -> Answer:
    service = service_of(request)
    try:
        ders = presented(request.headers, caller.form)
    except CertificateRejected as rejected:
        return await admissions.refuse_unread(caller.actor, service, rejected, caller.origin)
    return await admissions.ask(caller.actor, Asked(service, ders, _name(request.headers)), caller.origin)


def service_of(request: Request) -> Service:
    """The service that the request names. Raises NotAsked."""
    try:
        return ServiceName(request.query_params.get("service", "").lower()).service
    except ValueError:
        raise NotAsked(f"Name the service: service={'|'.join(ServiceName)}.") from None


def _name(headers: Headers) -> str | None:
    """What the device calls itself, in UTF-8; headers are read as Latin-1. Raises OtherForm where it has two names."""
    told = once(headers, ENDPOINT_NAME)
    return None if not told else told.encode("latin-1").decode("utf-8", "replace")


def _answered(request: Request, answer: Answer, account_id: str | None) -> Response:
    decision = answer.decision
    headers = {"x-trust-reason": decision.reason.value}
    if answer.trust_version is not None:
        headers["x-trust-version"] = str(answer.trust_version)
    if answer.stale_seconds:
        headers["x-trust-stale-seconds"] = f"{answer.stale_seconds:.0f}"
    if answer.device_id is not None:
        headers |= {
            "x-device-id": encode(Kind.DEVICE, answer.device_id),
            "x-account-id": encode(Kind.ACCOUNT, account_id or ""),
        }
    status = 200 if answer.device_id is not None else 403
    if not wants_json(request):
        return Response(status_code=status, headers=headers)
    told = {
        "reason": decision.reason.value,
        "explanation": decision.explanation,
        "service": decision.question.service.value,
        "certificates": [
            {"id": encode(Kind.CERTIFICATE, record.id), "name": record.name} for record in decision.records
        ],
    }
    return JSONResponse(told, status, headers)
