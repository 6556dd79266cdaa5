"""What a gateway is told where nothing was decided: a status and a reason; a body only where JSON is asked for."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.errors import Forbidden, RateLimited, Refusal, StoreUnavailable, Unauthenticated
from app.transport.gateway.forms import NotAsked

Handler = Callable[[Request], Awaitable[Response]]

STATUS: dict[type[Refusal], int] = {Unauthenticated: 401, RateLimited: 401, Forbidden: 403, StoreUnavailable: 503}
"""What keeps a gateway itself out, or from being answered."""


def answering(handler: Handler, status: Mapping[type[Refusal], int] = STATUS) -> Handler:
    """The handler, with its refusals as answers."""

    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except NotAsked as wrong:
            return said(request, 400, wrong.code, str(wrong))
        except tuple(status) as refusal:
            return said(request, status[type(refusal)], refusal.code, refusal.message)

    return answered


def wants_json(request: Request) -> bool:
    """Whether the answer may have a body: nginx opens a new connection for its next question after one."""
    accepted = request.headers.get("accept", "")
    return any(_is_json(each) for each in accepted.split(","))


def _is_json(accepted: str) -> bool:
    media_type, *parameters = (each.strip().lower() for each in accepted.split(";"))
    # RFC 9110 12.4.2: 0 is not acceptable.
    return media_type == "application/json" and not any(each.rstrip("0.") == "q=" for each in parameters)


def said(request: Request, status: int, code: str, message: str) -> Response:
    """The answer with this status and reason."""
    headers = {"x-trust-reason": code}
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    if not wants_json(request):
        return Response(status_code=status, headers=headers)
    return JSONResponse({"reason": code, "explanation": message}, status, headers)
