"""The seam behind which an operation is executed: graphql-core's executor now, compiled plans later."""

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeGuard

from graphql import (
    ExecutionResult,
    GraphQLSchema,
    OperationDefinitionNode,
    create_source_event_stream,
    execute,
    execute_subscription_event,
    map_source_to_response_event,
)
from graphql.execution import Executor as CoreExecution
from graphql.pyutils import AwaitableOrValue
from strawberry import Schema
from strawberry.execution import optimized_is_awaitable

from app.transport.graphql.documents import Document

OpenContext = Callable[[], object]
"""Makes a fresh context."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a valid document within its limits, and the variables as the caller sent them."""

    document: Document
    definition: OperationDefinitionNode
    variables: dict[str, Any]
    hide_suggestions: bool


class Executor(Protocol):
    """Executes what was found valid and affordable. What goes wrong in a field stands in the result."""

    async def execute(self, operation: Operation, context: object) -> ExecutionResult:
        """The result of a query or a mutation."""

    async def subscribe(
        self, operation: Operation, open_context: OpenContext
    ) -> AsyncGenerator[ExecutionResult] | ExecutionResult:
        """The results of a subscription, or the errors that kept it from starting.

        The stream raises what its source of events raises, and is over then. It holds what the subscription's field
        holds: it must be closed (`aclose`) when it is no longer read.
        Every event is executed in a context of its own: a loader would otherwise answer yesterday's rows.
        """


def _is_awaitable(value: object) -> TypeGuard[Awaitable[Any]]:
    return optimized_is_awaitable(value)


class CoreExecutor:
    """graphql-core's executor over Strawberry's schema."""

    def __init__(self, schema: Schema) -> None:
        self._schema: GraphQLSchema = schema._schema  # noqa: SLF001  # Strawberry offers no other way to its core
        self._class = schema.execution_context_class

    async def execute(self, operation: Operation, context: object) -> ExecutionResult:
        """The result of a query or a mutation."""
        result = execute(
            self._schema,
            operation.document.ast,
            context_value=context,
            variable_values=operation.variables,
            operation_name=_name(operation),
            executor_class=self._class,
            is_awaitable=_is_awaitable,
            hide_suggestions=operation.hide_suggestions,
        )
        return result if isinstance(result, ExecutionResult) else await result

    async def subscribe(
        self, operation: Operation, open_context: OpenContext
    ) -> AsyncGenerator[ExecutionResult] | ExecutionResult:
        """The results of a subscription, or the errors that kept it from starting."""
        execution = self._class.build(
            self._schema,
            operation.document.ast,
            context_value=open_context(),
            raw_variable_values=operation.variables,
            operation_name=_name(operation),
            is_awaitable=_is_awaitable,
            hide_suggestions=operation.hide_suggestions,
        )
        if isinstance(execution, list):
            return ExecutionResult(None, errors=execution)
        source = create_source_event_stream(execution)
        stream = source if isinstance(source, ExecutionResult | AsyncIterable) else await source
        if isinstance(stream, ExecutionResult):
            return stream

        def run(event: CoreExecution[Any]) -> AwaitableOrValue[ExecutionResult]:
            event.context_value = open_context()
            return execute_subscription_event(event)

        return map_source_to_response_event(execution, stream, run)


def _name(operation: Operation) -> str | None:
    return operation.definition.name.value if operation.definition.name else None
