"""The schema, built once."""

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from app.errors import Refusal
from app.transport.graphql.mutations import Mutation
from app.transport.graphql.queries import Query
from app.transport.graphql.refusals import extensions_of
from app.transport.graphql.scalars import SCALARS


class Schema(strawberry.Schema):
    """Gives every refusal that is a top-level error its code, and says nothing anywhere about what it saw."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Strawberry would log each error with the text around it, in which a private key may stand inlined."""
        del execution_context
        for error in errors:
            if isinstance(error.original_error, Refusal):
                error.extensions = extensions_of(error.original_error)


schema = Schema(query=Query, mutation=Mutation, config=StrawberryConfig(scalar_map=SCALARS))
