"""The messages of the sub-protocol graphql-transport-ws, read strictly."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import orjson

from app.transport.graphql.errors import FormattedError, RequestError
from app.transport.graphql.requests import GraphQLRequest, from_payload

SUBPROTOCOL = "graphql-transport-ws"
_LONGEST_ID = 128


class CloseCode(IntEnum):
    """Why a socket is closed: RFC 6455's numbers, and from 4400 the sub-protocol's."""

    SERVICE_RESTART = 1012
    MESSAGE_TOO_BIG = 1009
    BAD_REQUEST = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    SUBPROTOCOL_NOT_ACCEPTABLE = 4406
    CONNECTION_INITIALISATION_TIMEOUT = 4408
    SUBSCRIBER_ALREADY_EXISTS = 4409
    TOO_MANY_INITIALISATION_REQUESTS = 4429


class Closing(Exception):
    """The socket is to be closed with a code, and a reason of at most 123 bytes (RFC 6455 5.5)."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(code)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ConnectionInit:
    """The client's first message, with its credential if that is not in the handshake."""

    authorization: str | None


@dataclass(frozen=True, slots=True)
class Subscribe:
    """An operation of any kind, under an id that the client chose."""

    id: str
    request: GraphQLRequest


@dataclass(frozen=True, slots=True)
class Complete:
    """The client wants no more of an operation."""

    id: str


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks for a pong."""


@dataclass(frozen=True, slots=True)
class Pong:
    """Answers a ping, or none."""


Message = ConnectionInit | Subscribe | Complete | Ping | Pong


def read(text: str) -> Message:
    """The message in a frame. Raises Closing with 4400 for anything else."""
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise _malformed("The message is not JSON.") from None
    if not isinstance(message, dict):
        raise _malformed("The message is not an object.")
    payload = message.get("payload")
    match message.get("type"):
        case "connection_init":
            return ConnectionInit(_authorization(payload))
        case "subscribe":
            return Subscribe(_id(message), _request(payload))
        case "complete":
            return Complete(_id(message))
        case "ping" if isinstance(payload, dict | None):
            return Ping()
        case "pong" if isinstance(payload, dict | None):
            return Pong()
    raise _malformed("The message's type is unknown.")


def _malformed(reason: str) -> Closing:
    return Closing(CloseCode.BAD_REQUEST, reason)


def _authorization(payload: object) -> str | None:
    if not isinstance(payload, dict | None):
        raise _malformed("The payload is not an object.")
    fields = payload or {}
    value = fields.get("Authorization", fields.get("authorization"))
    if not isinstance(value, str | None):
        raise _malformed("The payload's authorization is not a string.")
    return value


def _id(message: dict[str, Any]) -> str:
    value = message.get("id")
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_ID:
        raise _malformed(f"The message's id is not a string of 1 to {_LONGEST_ID} characters.")
    return value


def _request(payload: object) -> GraphQLRequest:
    try:
        return from_payload(payload)
    except RequestError as error:
        raise _malformed(str(error.errors[0]["message"])) from None


ACK = '{"type":"connection_ack"}'
PONG = '{"type":"pong"}'


def next_message(operation_id: str, response: dict[str, Any]) -> str:
    """One result of an operation."""
    return orjson.dumps({"id": operation_id, "type": "next", "payload": response}).decode()


def error_message(operation_id: str, errors: list[FormattedError]) -> str:
    """An operation that was refused; nothing follows under its id."""
    return orjson.dumps({"id": operation_id, "type": "error", "payload": errors}).decode()


def complete_message(operation_id: str) -> str:
    """The end of an operation."""
    return orjson.dumps({"id": operation_id, "type": "complete"}).decode()
