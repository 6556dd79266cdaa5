"""Files of identities over HTTP: `POST /enrollments/bulk?operation=claim`, or `release`, with a body of `text/csv`.

The file is read as it comes and never held whole; the answer names the job that works it off.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app import errors
from app.actor import Scope
from app.errors import Refusal
from app.rules import access
from app.services.bulk import Uploads
from app.terms import JobKind
from app.transport.graphql.gate import Caller, Gate
from app.transport.graphql.ids import Kind, encode
from app.transport.graphql.negotiation import UTF_8, media_type_of

PATH = "/enrollments/bulk"
FILE_LIMIT = 256 * 1024 * 1024
COST = 1_000
"""What a file takes of a caller's share of the minute."""
OPERATIONS = {"claim": JobKind.ENROLLMENT_CLAIM, "release": JobKind.ENROLLMENT_RELEASE}

_STATUS: Mapping[type[Refusal], int] = {
    errors.InvalidInput: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.InvalidState: 409,
    errors.RateLimited: 429,
    errors.AuditUnavailable: 503,
    errors.OutcomeUnknown: 503,
    errors.StoreUnavailable: 503,
}
_CHARSETS = UTF_8 | {"us-ascii"}


class _Unreadable(Exception):
    """A request that says nothing which could be done; the message says what would."""

    code = "BAD_REQUEST"

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def routes(gate: Gate, uploads: Uploads) -> list[Route]:
    """The route, for the application's table."""
    return [Route(PATH, _Bulk(gate, uploads).answer, methods=["POST"])]


@dataclass(frozen=True, slots=True)
class _Bulk:
    gate: Gate
    uploads: Uploads

    async def answer(self, request: Request) -> Response:
        """The job, or why there is none."""
        try:
            caller = await self.gate.admit(request, authorization=request.headers.get("authorization"))
        except Refusal as refusal:
            # The gate has recorded it.
            return _refused(refusal)
        try:
            return await self._take(request, caller)
        except _Unreadable as unreadable:
            await self.gate.refuse(unreadable.code, caller)
            return _error(unreadable.status, unreadable.code, str(unreadable))
        except tuple(_STATUS) as refusal:
            if refusal.entry_id is None and _STATUS[type(refusal)] < 500:
                await self.gate.refuse(refusal.code, caller)
            return _refused(refusal)

    async def _take(self, request: Request, caller: Caller) -> Response:
        # Asked before anything is read; the door asks once more.
        access.require_scope(caller.actor, Scope.DEVICES_WRITE)
        kind = _kind(request)
        _require_file(request)
        self.gate.spend(caller, COST)
        origin = replace(caller.origin, operation=f"POST {PATH}")
        job = await self.uploads.take(caller.actor, kind, origin, _body(request))
        return JSONResponse({"id": encode(Kind.JOB, job.id)}, 201)


def _kind(request: Request) -> JobKind:
    asked = request.query_params.getlist("operation")
    kind = OPERATIONS.get(asked[0]) if len(asked) == 1 else None
    if kind is None:
        raise _Unreadable(400, f"Say what to do: {PATH}?operation=claim, or operation=release.")
    return kind


def _require_file(request: Request) -> None:
    name, parameters = media_type_of(request.headers.get("content-type", ""))
    if name != "text/csv" or any(value not in _CHARSETS for key, value in parameters if key == "charset"):
        raise _Unreadable(415, "Send the file as `Content-Type: text/csv`, in UTF-8.")
    # RFC 4180 3: the sender says that the first line is an identity, and it would be passed over.
    if ("header", "absent") in parameters:
        raise _Unreadable(415, "Send the file with a heading: its first line is passed over.")
    if "content-encoding" in request.headers:
        raise _Unreadable(415, "Send the file as it is, without a Content-Encoding.")
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared[:18]) > FILE_LIMIT:
        raise _too_large()


async def _body(request: Request) -> AsyncIterator[bytes]:
    size = 0
    async for data in request.stream():
        size += len(data)
        if size > FILE_LIMIT:
            raise _too_large()
        yield data


def _too_large() -> _Unreadable:
    return _Unreadable(413, f"A file may have {FILE_LIMIT} bytes: send it in parts, each with a first line of its own.")


def _refused(refusal: Refusal) -> Response:
    headers = {}
    if isinstance(refusal, errors.Unauthenticated):
        # RFC 9110 11.6.1: a 401 names the scheme that would do.
        headers["www-authenticate"] = "Bearer"
    elif isinstance(refusal, errors.RateLimited):
        headers["retry-after"] = str(refusal.retry_after_seconds)
    return _error(_STATUS[type(refusal)], refusal.code, refusal.message, headers)


def _error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    # The rest of a file that is not wanted would be read to its end otherwise.
    closing = {"connection": "close", **(headers or {})}
    return JSONResponse({"errors": [{"message": message, "extensions": {"code": code}}]}, status, headers=closing)
