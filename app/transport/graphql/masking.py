"""What an error may say, to the caller and to the log.

A refusal says its sentence and its code. What graphql-core says about a document or a variable is kept, without the
values that it quotes: a private key that was pasted into the wrong place must not come back, nor reach a log. Anything
else is a bug of ours: the caller learns the request id and no more, the log learns the exception's type and where it
was raised. `str(error)` is never used here: graphql-core prints the document into it, and drivers put parameters there.
"""

import logging
import re
from collections.abc import Iterable, Sequence

from graphql import GraphQLError

from app.errors import Refusal
from app.transport.graphql.errors import Code, FormattedError
from app.transport.graphql.refusals import extensions_of
from app.transport.graphql.wrong_input import BadUserInput
from app.transport.log_lines import safe_traceback

log = logging.getLogger(__name__)

_DOUBLE_QUOTED = re.compile(r'"+(?:[^"\\]|\\.)*(?:"+|$)', re.DOTALL)
_SINGLE_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)(?:'|$)", re.DOTALL)
_NAME = re.compile(r"[\w.!\[\]@$:]{1,64}")
_LONG_RUN = re.compile(r"[A-Za-z0-9+/=_-]{41,}")
_ELIDED = "…"
_LONGEST_MESSAGE = 300
"""A list of numbers is printed whole by graphql-core."""


def without_values(message: str) -> str:
    """A message of graphql-core without the values that it quotes; names of types, fields and variables stay.

    Names stand in single quotes there, but so do values of variables: what stands in them stays only if it could be a
    name, and no run of more than 40 letters or digits stays at all (a line of PEM has 64).
    """
    message = _DOUBLE_QUOTED.sub(f'"{_ELIDED}"', message)
    message = _SINGLE_QUOTED.sub(_name_or_nothing, message)
    if "PRIVATE KEY" in message or "BEGIN" in message:
        return "The document or a variable holds a value that does not belong there."
    message = _LONG_RUN.sub(_ELIDED, message)
    return message if len(message) <= _LONGEST_MESSAGE else message[:_LONGEST_MESSAGE] + _ELIDED


def _name_or_nothing(match: re.Match[str]) -> str:
    content = match[1]
    return f"'{content}'" if _NAME.fullmatch(content) else f"'{_ELIDED}'"


def request_errors(errors: Iterable[GraphQLError], code: Code) -> list[FormattedError]:
    """Errors of parsing, validation or coercion, which have no path and are the caller's."""
    return [_located(error, without_values(error.message), {"code": code}) for error in errors]


def field_errors(errors: Sequence[GraphQLError] | None, request_id: str) -> list[FormattedError]:
    """Errors that fields raised while they were executed. Bugs are masked, and logged once each."""
    return [_field_error(error, request_id) for error in errors or ()]


def _field_error(error: GraphQLError, request_id: str) -> FormattedError:
    cause = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    if isinstance(cause, Refusal):
        return _located(error, cause.message, extensions_of(cause))
    if isinstance(cause, BadUserInput):
        return _located(error, cause.message, cause.extensions or {})
    if isinstance(cause, GraphQLError | None) and _is_about_an_argument(cause or error):
        return _located(error, without_values(error.message), {"code": Code.BAD_USER_INPUT})
    note_bug(cause or error, request_id)
    return _located(error, INTERNAL_MESSAGE, internal_extensions(request_id))


def _is_about_an_argument(error: GraphQLError) -> bool:
    """Whether graphql-core blames the document.

    It names the argument's node then, also for a value that is only known once variables are. An error about what a
    resolver answered, for instance an integer over 32 bits, names none of its own.
    """
    return any(node.kind not in {"field", "operation_definition"} for node in error.nodes or ())


INTERNAL_MESSAGE = "Something went wrong on our side. Quote the request id when you report it."


def internal_extensions(request_id: str) -> dict[str, object]:
    """The extensions of a masked bug."""
    return {"code": Code.INTERNAL_SERVER_ERROR, "requestId": request_id}


def note_bug(error: BaseException, request_id: str) -> None:
    """Log an unexpected exception: its type, the types of its causes, and where each was raised."""
    log.error("request %s failed: %s", request_id, " | ".join(line.strip() for line in safe_traceback(error)))


def _located(error: GraphQLError, message: str, extensions: dict[str, object]) -> FormattedError:
    located: FormattedError = {"message": message}
    if error.locations:
        located["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path:
        located["path"] = list(error.path)
    located["extensions"] = extensions
    return located
