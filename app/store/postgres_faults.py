"""What PostgreSQL's errors mean for whoever asked."""

import asyncpg

from app.store.connection import IntegrityViolation

CONNECTION_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # asyncpg's protocol is stuck: the server's last words came between two questions.
    asyncpg.InternalClientError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    OSError,
    TimeoutError,
)
"""After these nothing more can be said on the connection. A time-out of our own is among them: the server froze, or it
would have ended the statement itself a second before."""

_UNAVAILABLE = (
    asyncpg.DeadlockDetectedError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.LockNotAvailableError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresSystemError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.SerializationError,
    asyncpg.TargetServerAttributeNotMatched,
)


def is_lost(error: Exception) -> bool:
    """The connection is of no use any more."""
    # asyncpg's error for an argument of the wrong type is an InterfaceError too, and a ValueError.
    return isinstance(error, CONNECTION_LOST) and not isinstance(error, ValueError)


def is_unavailable(error: Exception) -> bool:
    """The server, the network or another transaction is at fault, not the statement."""
    return isinstance(error, _UNAVAILABLE) or is_lost(error)


def is_certain_refusal(error: asyncpg.PostgresError) -> bool:
    """An answer to COMMIT that means that nothing was committed.

    Not those that only say that the server or the connection went away (57P01 … 57P03, class 08), nor 40003: the commit
    may have been done before.
    """
    return not isinstance(error, (*CONNECTION_LOST, asyncpg.StatementCompletionUnknownError))


def violation(error: Exception) -> IntegrityViolation | None:
    """The refusal with its constraint's name, if the error is one."""
    if isinstance(error, asyncpg.NotNullViolationError):
        return IntegrityViolation(str(error), constraint=f"{error.table_name}.{error.column_name}")
    if isinstance(error, (asyncpg.IntegrityConstraintViolationError, asyncpg.RaiseError)):
        message = str(error.args[0])
        return IntegrityViolation(message, constraint=error.constraint_name or message.partition(":")[0])
    return None
