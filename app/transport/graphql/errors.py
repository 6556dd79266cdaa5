"""An operation that is refused before any resolver runs: the transport's own refusals, and their one spelling.

The codes are Apollo's, which clients know. What is refused over a limit says `GRAPHQL_VALIDATION_FAILED` and names the
limit in `extensions.reason`, so that a client which knows only the code still does the right thing.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from app.errors import AuditUnavailable, RateLimited, Refusal, StoreUnavailable, Unauthenticated

FormattedError = dict[str, Any]


class Code(StrEnum):
    """What `extensions.code` of a request's error can be; the codes of refusals come from `app.errors`."""

    BAD_REQUEST = "BAD_REQUEST"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    OPERATION_RESOLUTION_FAILURE = "OPERATION_RESOLUTION_FAILURE"
    INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"
    TIMED_OUT = "TIMED_OUT"


class RequestError(Exception):
    """A request that is answered with errors and without data.

    `status` is the answer's under `application/graphql-response+json`; `is_http` marks an error of HTTP itself, whose
    status is the same whatever media type the client accepts. `recorded` is the code for the log, None for what is
    recorded already or says nothing about the caller.
    """

    def __init__(
        self,
        errors: Sequence[FormattedError],
        *,
        status: int = 400,
        is_http: bool = False,
        recorded: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(recorded or status)
        self.errors = list(errors)
        self.status = status
        self.is_http = is_http
        self.recorded = recorded
        self.headers = dict(headers or {})


def formatted(message: str, code: str, **extensions: object) -> FormattedError:
    """One error in the shape of the GraphQL specification, section 7.1.2."""
    return {"message": message, "extensions": {"code": code, **extensions}}


def bad_request(message: str, *, status: int = 400, headers: Mapping[str, str] | None = None) -> RequestError:
    """A request that is not well-formed GraphQL over HTTP."""
    error = formatted(message, Code.BAD_REQUEST)
    return RequestError([error], status=status, is_http=True, recorded=Code.BAD_REQUEST, headers=headers)


def over_limit(reason: str, message: str, *, limit: int) -> RequestError:
    """A document that is well-formed and asks for too much."""
    error = formatted(message, Code.GRAPHQL_VALIDATION_FAILED, reason=reason, limit=limit)
    return RequestError([error], recorded=reason)


def from_refusal(refusal: Refusal) -> RequestError:
    """A refusal of the house itself, before any resolver ran."""
    error = formatted(refusal.message, refusal.code)
    headers: dict[str, str] = {}
    status = 403
    recorded: str | None = refusal.code
    if isinstance(refusal, Unauthenticated):
        # RFC 9110 11.6.1: a 401 names the scheme that would do. The gate has recorded it.
        status, recorded, headers = 401, None, {"WWW-Authenticate": "Bearer"}
    elif isinstance(refusal, RateLimited):
        status, headers = 429, {"Retry-After": str(refusal.retry_after_seconds)}
        error["extensions"]["retryAfterSeconds"] = refusal.retry_after_seconds
    elif isinstance(refusal, AuditUnavailable | StoreUnavailable):
        status, recorded = 503, None
    return RequestError([error], status=status, is_http=True, recorded=recorded, headers=headers)


def unauthenticated() -> RequestError:
    """A stranger's operation, of which a field at the root is not open to anyone."""
    error = formatted("Sign in, or send a key as `Authorization: Bearer …`.", Unauthenticated.code)
    headers = {"WWW-Authenticate": "Bearer"}
    return RequestError([error], status=401, is_http=True, recorded=Unauthenticated.code, headers=headers)
