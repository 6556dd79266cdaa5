"""The schema, built once."""

from graphql import GraphQLError
from strawberry import Schema as StrawberrySchema
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from app.errors import Refusal
from app.transport.graphql.mutations import Mutation
from app.transport.graphql.plain_fields import PlainFirst, mark_plain_fields
from app.transport.graphql.queries import Query
from app.transport.graphql.refusals import extensions_of
from app.transport.graphql.scalars import SCALARS
from app.transport.graphql.subscriptions import Subscription

DESCRIPTION = """\
Trusted-certificate manager: the CA certificates an account trusts for its devices, and a tamper-evident log of every
change and of every attempt at one.

Conventions
  * Every object that can be refetched implements `Node`; ids are opaque, URL-safe and prefixed by kind (`crt_`, `evt_`,
    `key_`, `acc_`, `enr_`, `job_`). The id of another account's object is answered as one of nothing.
  * Lists are Relay connections: ask for `first` (forward) or `last` (backward), at most 100 at a time. Cursors are
    opaque and stay valid while rows come and go.
  * A mutation takes one `input` and returns one payload. Problems the caller can act on are data: `errors` is empty on
    success, and every member implements `UserError`. Everything else (not signed in, over the rate limit, a bug of
    ours) is a GraphQL error with a stable `extensions.code`.
  * Every mutation, done or refused, leaves an entry in the audit log, which its payload offers as `auditEntry`. With an
    `idempotencyKey`, a repetition within 24 hours is answered as the first time and changes nothing.
  * `asOf` shows the past as the log alone tells it; `auditEvents` can be searched for words.
  * Root fields are nullable so that an error in one leaves its siblings' data alone: null there comes with an entry in
    `errors`, unless the description says that it means "not there". Below the root, `!` means what it says.
  * Enums may gain values, and unions members; clients must have a default branch.
"""

_ARGUMENTS = {
    ("requiresScope", "scope"): "The scope that is needed.",
    ("cost", "weight"): "A non-negative decimal number.",
}
_ROOTS = "schema {\n  query: Query\n  mutation: Mutation\n  subscription: Subscription\n}"
# The specification's own directive; tools that know it would take this for a second one.
_BUILT_IN = "directive @oneOf on INPUT_OBJECT\n\n"


class Schema(StrawberrySchema):
    """Gives every refusal that is a top-level error its code, and says nothing anywhere about what it saw."""

    def __init__(self) -> None:
        super().__init__(
            query=Query,
            mutation=Mutation,
            subscription=Subscription,
            config=StrawberryConfig(scalar_map=SCALARS),
            execution_context_class=PlainFirst,
        )
        mark_plain_fields(self._schema)
        # Strawberry has no place for these.
        self._schema.description = DESCRIPTION.strip()
        for (directive, argument), description in _ARGUMENTS.items():
            found = self._schema.get_directive(directive)
            if found is not None:
                found.args[argument].description = description

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Strawberry would log each error with the text around it, in which a private key may stand inlined."""
        del execution_context
        for error in errors:
            if isinstance(error.original_error, Refusal):
                error.extensions = extensions_of(error.original_error)


schema = Schema()


def as_text() -> str:
    """The schema in its own language, with every directive that is applied."""
    described = f'"""\n{DESCRIPTION}"""\n{_ROOTS}'
    return f"{described}\n\n{schema.as_str().replace(_BUILT_IN, '')}\n"
