"""A GraphQL request, read from a body, an address or a WebSocket's message, each of them hostile."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from graphql import (
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    is_input_type,
    type_from_ast,
)
from starlette.datastructures import QueryParams
from starlette.requests import ClientDisconnect, Request

from app.transport.graphql.errors import bad_request

_DEEPEST_VARIABLE = 32
_FILES = frozenset({"PEM"})
"""Scalars that hold what somebody read from a file."""


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """The parameters of a request, of the right types; what the document says is not looked at."""

    query: str
    operation_name: str | None = None
    variables: dict[str, Any] = field(default_factory=dict)
    extensions: dict[str, Any] = field(default_factory=dict)


async def read_body(request: Request, limit: int) -> bytes:
    """The body, refused before it is read when it is declared too large, and while it is read when it is.

    Raises RequestError with status 413, or 400 when the client goes away.
    """
    too_large = bad_request(f"The body may have {limit} bytes.", status=413, headers={"Connection": "close"})
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared[:18]) > limit:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise too_large
            chunks.append(chunk)
    except ClientDisconnect:
        raise bad_request("The body ended early.") from None
    return b"".join(chunks)


def from_body(body: bytes) -> GraphQLRequest:
    """The request in a JSON body. Raises RequestError with status 400."""
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        # The message would quote the body.
        raise bad_request("The body is not JSON in UTF-8, or is nested too deeply.") from None
    if isinstance(payload, list):
        raise bad_request("The body is a list: operations are sent one at a time.")
    return from_payload(payload)


def from_address(parameters: QueryParams) -> GraphQLRequest:
    """The request in an address's query string. Raises RequestError with status 400."""
    payload: dict[str, Any] = {}
    for name in ("query", "operationName", "variables", "extensions"):
        values = parameters.getlist(name)
        if len(values) > 1:
            raise bad_request(f"`{name}` is given twice.")
        if values and name in {"variables", "extensions"}:
            try:
                payload[name] = orjson.loads(values[0])
            except orjson.JSONDecodeError:
                raise bad_request(f"`{name}` is not JSON.") from None
        elif values:
            payload[name] = values[0]
    return from_payload(payload)


def from_payload(payload: object) -> GraphQLRequest:
    """The request in an object, as GraphQL over HTTP and graphql-transport-ws have it. Raises RequestError."""
    if not isinstance(payload, dict):
        raise bad_request("The request is not an object.")
    query = payload.get("query")
    if not isinstance(query, str) or not query:
        raise bad_request("`query` is missing or not a string.")
    operation_name = payload.get("operationName")
    if not isinstance(operation_name, str | None):
        raise bad_request("`operationName` is not a string.")
    return GraphQLRequest(query, operation_name, _map(payload, "variables"), _map(payload, "extensions"))


def _map(payload: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = payload.get(name)
    if not isinstance(value, dict | None):
        raise bad_request(f"`{name}` is not an object.")
    return value or {}


def require_plain(variables: dict[str, Any]) -> None:
    """Refuse variables that are nested without end.

    Raises RequestError with status 400.
    """
    layer: list[object] = [variables]
    for _ in range(_DEEPEST_VARIABLE):
        deeper: list[object] = []
        for value in layer:
            if isinstance(value, dict):
                deeper.extend(value.values())
            elif isinstance(value, list):
                deeper.extend(value)
        if not deeper:
            return
        layer = deeper
    raise bad_request(f"The variables are nested more than {_DEEPEST_VARIABLE} deep.")


def require_texts(schema: GraphQLSchema, definition: OperationDefinitionNode, variables: dict[str, Any]) -> None:
    """Refuse U+0000 in a variable, which no text of ours holds and PostgreSQL cannot store.

    A file's text is left to the rules for files: they name what is wrong with it, and the attempt stands in the
    account's log. A variable that the operation does not declare is nobody's. Raises RequestError with status 400.
    """
    for declared in definition.variable_definitions or ():
        kind = type_from_ast(schema, declared.type)
        if is_input_type(kind):
            _require_text(kind, variables.get(declared.variable.name.value))


def _require_text(kind: GraphQLInputType, value: object) -> None:
    if isinstance(kind, GraphQLNonNull):
        _require_text(kind.of_type, value)
    elif isinstance(kind, GraphQLList):
        for item in value if isinstance(value, list) else [value]:
            _require_text(kind.of_type, item)
    elif isinstance(kind, GraphQLInputObjectType):
        for name, given in value.items() if isinstance(value, dict) else ():
            if name in kind.fields:
                _require_text(kind.fields[name].type, given)
    elif isinstance(value, str) and "\0" in value and kind.name not in _FILES:
        raise bad_request("A variable holds U+0000, which no text may.")
