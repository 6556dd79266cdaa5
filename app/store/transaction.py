"""What the transactions of both engines have in common: savepoints, the memo, and when not to go on."""

import abc
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any

from app.store.statements import Statements


class OpenTransaction(Statements):
    """A transaction that has begun and has neither been committed nor abandoned.

    `lost` means that the database has given it up: nothing of it can be committed any more, whoever wrote it.
    """

    def __init__(self) -> None:
        self.memo: dict[str, Any] = {}
        self.lost = False
        self.depth = 0
        self._failed = False
        self._over = False

    @property
    def sound(self) -> bool:
        """Whether what was done so far can be committed."""
        return not (self.lost or self._failed)

    @abc.abstractmethod
    async def set_savepoint(self, name: str) -> None:
        """SAVEPOINT."""

    @abc.abstractmethod
    async def release_savepoint(self, name: str) -> None:
        """RELEASE: keep what was done since."""

    @abc.abstractmethod
    async def undo_savepoint(self, name: str) -> None:
        """ROLLBACK TO and RELEASE."""

    @abc.abstractmethod
    async def commit(self) -> None:
        """Make it last. Raises AuditUnavailable if nothing was done, OutcomeUnknown if nobody can say."""

    @abc.abstractmethod
    async def abandon(self) -> None:
        """Undo everything. Never raises: a connection that cannot do it is closed, which has the same effect."""

    async def execute(self, sql: str, *args: object) -> int:
        """See `Transaction.execute`."""
        return (await self.run(self.native(sql), args)).changed

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """See `Transaction.savepoint`."""
        return _Savepoint(self)

    def require_usable(self) -> None:
        """Raises RuntimeError: the code that asks is wrong, and would be wrong on the other engine too."""
        if self._over:
            raise RuntimeError("the transaction is over: nothing may outlive the unit of work that was given it")
        if self._failed:
            raise RuntimeError("a statement failed in this savepoint: roll it back before anything else")

    def finish(self) -> None:
        """From here on whoever kept the transaction can do nothing with it."""
        self._over = True

    def mark_failed(self) -> None:
        """A statement failed: until its savepoint is rolled back, nothing goes on."""
        self._failed = True

    def mark_undone(self) -> None:
        """The savepoint in which a statement failed is rolled back."""
        self._failed = False


class _Savepoint(AbstractAsyncContextManager[None]):
    """A class and not a generator, because it stands around every unit of work."""

    __slots__ = ("_depth", "_memo", "_transaction")

    def __init__(self, transaction: OpenTransaction) -> None:
        self._transaction = transaction

    async def __aenter__(self) -> None:
        transaction = self._transaction
        transaction.require_usable()
        self._memo = dict(transaction.memo)
        self._depth = transaction.depth
        await transaction.set_savepoint(f"unit_{self._depth}")
        transaction.depth += 1

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        transaction = self._transaction
        if transaction.depth != self._depth + 1:
            # Two savepoints of one transaction in two tasks: rolling back either would undo part of the other.
            transaction.lost = True
            raise RuntimeError("savepoints must close in the reverse order of their opening")
        transaction.depth = self._depth
        if transaction.lost:
            return
        if error is None and transaction.sound:
            await transaction.release_savepoint(f"unit_{self._depth}")
            return
        transaction.memo.clear()
        transaction.memo.update(self._memo)
        transaction.mark_undone()
        await transaction.undo_savepoint(f"unit_{self._depth}")
        if error is None:
            raise RuntimeError("a statement failed in this savepoint and its error went nowhere")
