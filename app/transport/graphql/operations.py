"""What every transport does with a request: make it ready, admit it, execute it. One order, one place."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, NoReturn

from graphql import ExecutionResult, OperationDefinitionNode, OperationType, located_error
from strawberry import Schema

from app.clock import to_text
from app.errors import OutcomeUnknown, Refusal
from app.settings import Introspection
from app.transport.graphql.cost import FieldRules, cost_of
from app.transport.graphql.documents import Document, Documents
from app.transport.graphql.errors import Code, RequestError, formatted, from_refusal, over_limit, unauthenticated
from app.transport.graphql.execution import CoreExecutor, Executor, Operation
from app.transport.graphql.gate import Budget, Caller, Gate
from app.transport.graphql.limits import Limits
from app.transport.graphql.masking import (
    INTERNAL_MESSAGE,
    field_errors,
    internal_extensions,
    note_bug,
    request_errors,
)
from app.transport.graphql.requests import GraphQLRequest, require_plain, require_texts
from app.transport.graphql.wrong_input import BadUserInput

Response = dict[str, Any]
"""A response of the GraphQL specification, section 7.1."""

_REFUSED_COST = 1
"""What a request costs that is refused: a caller may not ask for nonsense without end."""


class Transport(Enum):
    """The ways in."""

    POST = auto()
    GET = auto()
    POST_EVENTS = auto()
    GET_EVENTS = auto()
    WEB_SOCKET = auto()


_TAKES = {
    Transport.POST: {OperationType.QUERY, OperationType.MUTATION},
    Transport.GET: {OperationType.QUERY},
    Transport.POST_EVENTS: set(OperationType),
    Transport.GET_EVENTS: {OperationType.QUERY, OperationType.SUBSCRIPTION},
    # `complete` cancels what runs, and a mutation that is cancelled leaves its caller without an answer.
    Transport.WEB_SOCKET: {OperationType.QUERY, OperationType.SUBSCRIPTION},
}


@dataclass(frozen=True, slots=True)
class Ready:
    """An operation that may run, and what is left of its caller's budget."""

    operation: Operation
    caller: Caller
    budget: Budget

    @property
    def kind(self) -> OperationType:
        """Query, mutation or subscription."""
        return self.operation.definition.operation

    @property
    def name(self) -> str | None:
        """The operation's name in the document."""
        name = self.operation.definition.name
        return name.value if name else None


class Operations:
    """Makes operations of one schema ready and runs them."""

    def __init__(
        self,
        schema: Schema,
        gate: Gate,
        limits: Limits,
        introspection: Introspection,
        executor: Executor | None = None,
    ) -> None:
        core = schema._schema  # noqa: SLF001  # Strawberry offers no other way to its core
        self.gate = gate
        self.limits = limits
        self._introspection = introspection
        self._documents = Documents(core, limits)
        self._rules = FieldRules(core)
        self._executor = executor or CoreExecutor(schema)

    async def ready(self, caller: Caller, request: GraphQLRequest, transport: Transport) -> Ready:
        """Parse, measure, validate, and take the cost. Raises RequestError, recorded, when the request is refused."""
        try:
            return self._ready(caller, request, transport)
        except RequestError as error:
            await self.refuse(caller, error)

    async def refuse(self, caller: Caller, error: RequestError) -> NoReturn:
        """Record what was refused, and raise it. It costs its caller a little; over the rate, that is the answer."""
        try:
            self.gate.spend(caller, _REFUSED_COST)
        except Refusal as refusal:
            error = from_refusal(refusal)
        if error.recorded is not None:
            await self.gate.refuse(error.recorded, caller)
        raise error from None

    def _ready(self, caller: Caller, request: GraphQLRequest, transport: Transport) -> Ready:
        may_introspect = self._introspection is Introspection.ON or (
            self._introspection is Introspection.SIGNED_IN and not caller.is_anonymous
        )
        require_plain(request.variables)
        document = self._documents.ready(request.query, may_introspect=may_introspect)
        definition = document.operation(request.operation_name)
        require_texts(self._rules.schema, definition, request.variables)
        _require_taken(definition.operation, transport)
        if caller.is_anonymous and self._needs_a_caller(document, definition):
            raise unauthenticated()
        cost = cost_of(self._rules, document.ast, definition, request.variables)
        if cost > self.limits.cost:
            sentence = f"An operation may cost {self.limits.cost}, and this one costs {cost}: ask for smaller pages."
            raise over_limit("QUERY_TOO_COSTLY", sentence, limit=self.limits.cost)
        try:
            budget = self.gate.spend(caller, cost)
        except Refusal as refusal:
            raise from_refusal(refusal) from None
        operation = Operation(document, definition, request.variables, hide_suggestions=not may_introspect)
        return Ready(operation, caller, budget)

    def _needs_a_caller(self, document: Document, definition: OperationDefinitionNode) -> bool:
        root = self._rules.schema.get_root_type(definition.operation)
        if root is None:
            return False
        rules = (self._rules.of(root, name) for name in document.root_names(definition))
        return any(rule is not None and not rule.is_open for rule in rules)

    async def answer(self, ready: Ready) -> Response:
        """The response to a query or a mutation.

        Raises RequestError when its variables are not of the declared types, and when it takes too long. A mutation
        that takes too long may still be done: its code says so.
        """
        context = self.gate.open(ready.caller, ready.name)
        try:
            async with asyncio.timeout(self.limits.seconds):
                result = await self._executor.execute(ready.operation, context)
        except TimeoutError:
            await self.refuse(ready.caller, self._timed_out(ready))
        await self._require_coerced(ready, result)
        return _response(result, ready)

    async def results(self, ready: Ready) -> AsyncGenerator[Response]:
        """The responses to an operation of any kind, one after another; a subscription may have any number.

        Raises RequestError before the first, as `answer` does; and where a subscription is refused, whether it begins
        or runs already: its errors are the last that is said of it.
        """
        if ready.kind is not OperationType.SUBSCRIPTION:
            yield await self.answer(ready)
            return
        stream = await self._executor.subscribe(ready.operation, lambda: self.gate.open(ready.caller, ready.name))
        if isinstance(stream, ExecutionResult):
            await self._require_coerced(ready, stream)
            raise RequestError(field_errors(stream.errors, ready.caller.origin.request_id))
        try:
            async with aclosing(stream):
                async for result in stream:
                    yield _response(result, ready)
        except (Refusal, BadUserInput) as refusal:
            # What ends a source of events reaches us as it was raised; what fails a field, as an error of graphql-core.
            raise RequestError(field_errors([located_error(refusal)], ready.caller.origin.request_id)) from None

    async def _require_coerced(self, ready: Ready, result: ExecutionResult) -> None:
        errors = result.errors or []
        if result.data is None and errors and not any(error.path for error in errors):
            code = Code.BAD_USER_INPUT
            await self.refuse(ready.caller, RequestError(request_errors(errors, code), recorded=code))

    def _timed_out(self, ready: Ready) -> RequestError:
        sentence = f"The operation took longer than {self.limits.seconds:g} s."
        if ready.kind is OperationType.MUTATION:
            sentence += " It is done or it is not: send it again with the same idempotency key to learn which."
            error = formatted(sentence, OutcomeUnknown.code)
        else:
            error = formatted(sentence, Code.TIMED_OUT)
        return RequestError([error], status=503, is_http=True, recorded=error["extensions"]["code"])


def _require_taken(kind: OperationType, transport: Transport) -> None:
    if kind in _TAKES[transport]:
        return
    code = Code.OPERATION_RESOLUTION_FAILURE
    if kind is OperationType.SUBSCRIPTION:
        sentence = "A subscription needs `Accept: text/event-stream`, or a WebSocket with graphql-transport-ws."
        raise RequestError([formatted(sentence, code)], is_http=True, recorded=code)
    if transport is Transport.WEB_SOCKET:
        raise RequestError([formatted("A mutation is sent by POST, not over a WebSocket.", code)], recorded=code)
    # RFC 9110 9.2.1: GET is safe.
    error = formatted("A mutation is sent by POST.", code)
    raise RequestError([error], status=405, is_http=True, recorded=code, headers={"Allow": "POST"})


def _response(result: ExecutionResult, ready: Ready) -> Response:
    response: Response = {}
    errors = field_errors(result.errors, ready.caller.origin.request_id)
    if errors:
        response["errors"] = errors
    response["data"] = result.data
    budget = ready.budget
    response["extensions"] = {
        "cost": {
            "requested": budget.cost,
            "limit": budget.limit,
            "remaining": budget.remaining,
            "resetAt": to_text(budget.reset_at),
        }
    }
    return response


def internal_error(bug: BaseException, request_id: str) -> RequestError:
    """A bug of ours outside the fields, logged, and masked for the caller."""
    note_bug(bug, request_id)
    error = {"message": INTERNAL_MESSAGE, "extensions": internal_extensions(request_id)}
    return RequestError([error], status=500, is_http=True)
