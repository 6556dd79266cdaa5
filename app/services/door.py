"""The one door: every act goes through `Door.perform`, and leaves an entry in the transaction of its effect.

A use case is a frozen command. It gets a `Tx`, which only the door makes, and returns `Done(value, event)`: code that
forgets the audit entry does not type-check. A refusal rolls back what the command did and is recorded in its place,
together with what the command says a refusal costs (`Tx.if_refused`); if the entry cannot be written, nothing was done.
"""

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

import orjson

from app.actor import Actor, Origin
from app.audit import log
from app.audit.entry import Act, Result, Salt, account_stream, canonical, seal
from app.audit.states import Target
from app.clock import Clock
from app.errors import AuditUnavailable, IdempotencyKeyReused, OutcomeUnknown, Refusal
from app.ids import new_id
from app.rules import access, text
from app.services.command import Command, Outdated, Prepared, Repeatable, T, Tx
from app.store.connection import Transaction
from app.store.database import Database
from app.store.idempotency_keys import IdempotencyKeys

IDEMPOTENCY_PERIOD = timedelta(hours=24)
TRIES = 5
"""How often an act is prepared again where what it was prepared with has changed by its transaction."""
OPERATOR_STREAM = "sys/0"
REPLAYED = "IDEMPOTENT_REPLAY"
"""The code of an entry that records a repeated request: it was answered as the first time, and nothing was done."""
INTERNAL = "INTERNAL"


@dataclass(frozen=True, slots=True)
class Recorded(Generic[T]):
    """What was done, and the entry that says so. `actions` has that of each entry: most acts have one."""

    value: T
    entry_id: str
    actions: tuple[str, ...]


def fresh_salt() -> bytes:
    """128 random bits."""
    return secrets.token_bytes(16)


C = TypeVar("C", bound=Command[object])

Observer = Callable[[str, str], None]
"""Hears of an entry that was committed: its action and its result. It must not raise or wait."""


def nobody(action: str, result: str) -> None:
    """The observer of a door that nobody watches."""
    del action, result


@dataclass(frozen=True, slots=True)
class _Ended:
    """An act that changed nothing: its entry is written, and the caller still has to hear why."""

    cause: Exception
    result: Result


class Door:
    """Performs commands, each with its entry, on one database.

    `node` names this process in the entries, `software` the release. `on_recorded` hears of every entry whose caller
    was answered.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        node: str,
        software: str,
        salt: Salt = fresh_salt,
        on_recorded: Observer = nobody,
    ) -> None:
        self._database = database
        self._clock = clock
        self._node = node
        self._software = software
        self._salt = salt
        self._on_recorded = on_recorded

    async def perform(self, actor: Actor, command: Command[T], origin: Origin) -> Recorded[T]:
        """Perform a command in a transaction of its own and record it.

        Raises the command's Refusal once that is recorded; AuditUnavailable when no entry could be written, and then
        nothing was done; OutcomeUnknown when the answer to the commit was lost.
        """
        return await self._decide(actor, command, origin, lambda tx, head, ready: self._run(tx, head, ready, origin))

    async def perform_once(
        self, actor: Actor, command: Repeatable[T], origin: Origin, idempotency_key: str | None
    ) -> Recorded[T]:
        """Perform a command once for all requests of 24 hours that carry the same key.

        A repetition is answered as the first time was, and recorded as a repetition. Only what succeeded is remembered.
        Raises what `perform` raises, and IdempotencyKeyReused for the same key with another input.
        """
        if idempotency_key is None:
            return await self.perform(actor, command, origin)
        return await self._decide(
            actor, command, origin, lambda tx, head, ready: self._run_once(tx, head, ready, origin, idempotency_key)
        )

    async def record(self, act: Act, stream: str) -> None:
        """Record what happened before there was a command, for example a request that was refused unread."""

        async def unit(transaction: Transaction) -> None:
            head = await log.lock(transaction, stream, act.actor.account_id)
            async with transaction.savepoint():
                await self._append(transaction, head, act)

        await self._database.write(stream, unit)
        self._on_recorded(act.action, act.result.value)

    async def _decide(
        self,
        actor: Actor,
        command: C,
        origin: Origin,
        run: Callable[[Tx, log.Head, C], Awaitable[Recorded[T]]],
    ) -> Recorded[T]:
        tries_left = TRIES
        while True:
            tries_left -= 1
            try:
                outcome = await self._try(actor, command, origin, run, is_last=not tries_left)
                break
            except Outdated:
                continue
        if isinstance(outcome, _Ended):
            self._on_recorded(command.action, outcome.result.value)
            raise outcome.cause
        for action in outcome.actions:
            self._on_recorded(action, Result.SUCCESS.value)
        return outcome

    async def _try(
        self,
        actor: Actor,
        command: C,
        origin: Origin,
        run: Callable[[Tx, log.Head, C], Awaitable[Recorded[T]]],
        *,
        is_last: bool,
    ) -> Recorded[T] | _Ended:
        """Raises Outdated, with nothing done and nothing recorded, unless this is the last time."""
        stream = OPERATOR_STREAM if actor.account_id is None else account_stream(actor.account_id)
        ready, bug = await self._prepared(actor, command)

        async def unit(transaction: Transaction) -> Recorded[T] | _Ended:
            head = await log.lock(transaction, stream, actor.account_id)
            now = self._clock()
            tx = Tx(transaction, actor, now, new_id(now), command.target)
            try:
                async with transaction.savepoint():
                    _require_none(bug)
                    return await run(tx, head, ready)
            except (AuditUnavailable, OutcomeUnknown):
                raise
            except Refusal as refusal:
                return await self._refused(tx, head, command, origin, refusal)
            except Outdated as outdated:
                if not is_last:
                    raise
                return await self._refused(tx, head, command, origin, outdated.refusal)
            except Exception as error:  # noqa: BLE001  # an act that our own fault ended is an act, and owes its entry
                await self._append_ended(tx, head, command, origin, Result.FAILED, INTERNAL)
                return _Ended(error, Result.FAILED)

        return await self._database.write(stream, unit)

    async def _prepared(self, actor: Actor, command: C) -> tuple[C, Exception | None]:
        """The command with what it does before its transaction, and the fault of our own that ended this."""
        preparing: object = command
        if not isinstance(preparing, Prepared) or command.scope not in actor.scopes:
            return command, None
        try:
            ready: Any = await preparing.prepared(self._database.reads, actor.account_id or "", self._clock())
        except Exception as bug:  # noqa: BLE001  # the act owes its entry, which the transaction writes
            return command, bug
        return ready, None

    async def _refused(
        self, tx: Tx, head: log.Head, command: Command[object], origin: Origin, refusal: Refusal
    ) -> _Ended:
        await self._append_ended(tx, head, command, origin, Result.REFUSED, refusal.recorded_code)
        refusal.entry_id = tx.entry_id
        return _Ended(refusal, Result.REFUSED)

    async def _run(self, tx: Tx, head: log.Head, command: Command[T], origin: Origin) -> Recorded[T]:
        access.require_scope(tx.actor, command.scope)
        reason = text.require_reason(command.reason)
        done = await command(tx)
        events = done.event if isinstance(done.event, Mapping) else {tx.entry_id: done.event}
        for entry_id, event in events.items():
            act = Act.succeeded(event, entry_id=entry_id, time=tx.now, actor=tx.actor, origin=origin, reason=reason)
            await self._append(tx.transaction, head, act)
            head = await log.lock(tx.transaction, head.stream, head.account_id)  # as the entry left it
        return Recorded(done.value, tx.entry_id, tuple(event.kind for event in events.values()))

    async def _run_once(self, tx: Tx, head: log.Head, command: Repeatable[T], origin: Origin, key: str) -> Recorded[T]:
        access.require_scope(tx.actor, command.scope)
        keys = IdempotencyKeys(tx.transaction, tx.account_id)
        text.require_idempotency_key(key)
        asked = hashlib.sha256(canonical(command.identity)).digest()
        first = await keys.recall(key, tx.now)
        if first is None:
            await keys.remember(
                key, command.action, asked, tx.entry_id, at=tx.now, expires_at=tx.now + IDEMPOTENCY_PERIOD
            )
            return await self._run(tx, head, command, origin)
        if (first.action, first.input_sha256) != (command.action, asked):
            raise IdempotencyKeyReused(
                "This idempotency key was used for another request: make up a new one for a new request.",
                path=("idempotencyKey",),
            )
        body = orjson.loads(first.body)
        tx.target = Target(**body["target"])
        replay = self._ended(tx, command, origin, Result.SUCCESS, REPLAYED)
        await self._append(tx.transaction, head, replay)
        return Recorded(command.recall(body["change"], tx.account_id), first.audit_id, (command.action,))

    async def _append_ended(
        self, tx: Tx, head: log.Head, command: Command[object], origin: Origin, result: Result, code: str
    ) -> None:
        async with tx.transaction.savepoint():
            if result is Result.REFUSED and tx.if_refused is not None:
                await tx.if_refused()
            await self._append(tx.transaction, head, self._ended(tx, command, origin, result, code))

    def _ended(self, tx: Tx, command: Command[object], origin: Origin, result: Result, code: str) -> Act:
        return Act(
            id=tx.entry_id,
            time=tx.now,
            actor=tx.actor,
            origin=origin,
            action=command.action,
            result=result,
            code=code,
            target=tx.target,
            reason=text.quotable_reason(command.reason),
        )

    async def _append(self, transaction: Transaction, head: log.Head, act: Act) -> None:
        await log.append(transaction, head, act, seal(act, node=self._node, software=self._software, salt=self._salt))


def _require_none(bug: Exception | None) -> None:
    if bug is not None:
        raise bug
