"""Shows every published checkpoint to witnesses, and keeps what they sign.

Nothing waits for a witness: each has a task of its own, which asks for the newest checkpoint only, and what it answers
is added to a checkpoint that was served without it. A witness that refuses because our history is not the one it knows
is the alarm that witnesses are there for.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from time import monotonic
from typing import Protocol

from app.audit.checkpoint import NoteInvalid, Signature
from app.audit.notary import LANE
from app.audit.receipts import Published, TreeDamaged, consistency, published
from app.audit.witness import (
    ADD_CHECKPOINT,
    SIZE_MEDIA_TYPE,
    CosignatureInvalid,
    NotCosigned,
    Witness,
    cosignature,
    question,
    size_told,
)
from app.clock import Clock, to_micros
from app.errors import AuditUnavailable, OutcomeUnknown, StoreUnavailable
from app.http_client import Address, Answer, BadAddress, HttpClient, NoAnswer, NotAnAnswer, NotInTime
from app.settings import PREFIX, BadSetting, Settings
from app.store import cosignatures
from app.store.connection import IntegrityViolation, Transaction
from app.store.database import Database

ANSWER_BYTES = 65_536
REPEAT_SECONDS = 600.0
"""How often the same failure is logged again."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take, in seconds.

    `pause` lies between two requests that went well: checkpoints may come faster, and only the newest is worth a
    witness's time. `look` is how long the news of a checkpoint may be missed.
    """

    request: float = 5.0
    pause: float = 1.0
    look: float = 30.0
    first_back_off: float = 1.0
    last_back_off: float = 60.0

    def back_off(self, failures: int) -> float:
        """Twice as long with every failure, up to a minute, and never at the same instant as everybody else."""
        seconds = min(self.last_back_off, self.first_back_off * 2.0 ** min(failures - 1, 10))
        return seconds * random.uniform(0.5, 1.0)  # noqa: S311  # it spreads load and hides nothing


class Failure(StrEnum):
    """Why a witness did not cosign."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    NOT_AN_ANSWER = "not_an_answer"
    STATUS = "status"
    KEY_UNKNOWN = "key_unknown"
    ORIGIN_UNKNOWN = "origin_unknown"
    REFUSED = "refused"
    NOT_COSIGNED = "not_cosigned"
    BAD_SIGNATURE = "bad_signature"
    CONFLICT = "conflict"
    """Somebody else shows it this log at the same time."""
    STORE = "store"
    AHEAD = "ahead"
    """It has seen more of this log than there is: the log was rolled back."""
    FORKED = "forked"
    """It knows another history of this log."""


ALARMS = frozenset({Failure.AHEAD, Failure.FORKED})
_BY_STATUS = {400: Failure.REFUSED, 403: Failure.KEY_UNKNOWN, 404: Failure.ORIGIN_UNKNOWN, 422: Failure.FORKED}

_MEANING = {
    400: "it does not understand the question",
    403: "it does not know this log's key",
    404: "it does not know this log",
    422: "it knows another history of this log, which this one does not continue",
}


class Failed(Exception):
    """A witness did not cosign; the message says why, for whoever operates the log."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure


class Observer(Protocol):
    """Hears how it goes with each witness, by its name. It must not raise or wait."""

    def witness_is_current(self, witness: str, size: int) -> None:
        """Nothing is to be asked of it now; the newest checkpoint that it cosigned is of this size."""

    def witness_failed(self, witness: str, reason: str) -> None:
        """It has not."""


class Unobserved:
    """Where nobody counts: the log's lines say what is wrong."""

    def witness_is_current(self, witness: str, size: int) -> None:
        """See `Observer`."""

    def witness_failed(self, witness: str, reason: str) -> None:
        """See `Observer`."""


def named_witnesses(settings: Settings) -> list[Witness]:
    """The witnesses that the settings name. Raises BadSetting for a key or an address that cannot be one."""
    try:
        for one in settings.witnesses:
            Address.parse(one.url)
        return [Witness.parse(one.vkey, one.url) for one in settings.witnesses]
    except (BadAddress, NoteInvalid) as error:
        raise BadSetting(f"{PREFIX}WITNESSES: {error}") from None


@dataclass(slots=True)
class Witnesses:
    """Asks each witness for a cosignature of what this process leads in signing.

    `leads` says whether this process does; where it does not, nobody is asked.
    """

    database: Database
    witnesses: Sequence[Witness]
    clock: Clock
    observer: Observer = field(default_factory=Unobserved)
    leads: Callable[[], bool] = lambda: True
    pace: Pace = field(default_factory=Pace)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def run(self) -> None:
        """Ask until cancelled or closed."""
        asking = [_Asking(self, witness) for witness in self.witnesses]
        self._tasks = [asyncio.create_task(one.run(), name=f"witness {one.witness.name}") for one in asking]
        try:
            await asyncio.gather(*self._tasks)
        finally:
            await self.close()

    async def close(self) -> None:
        """Ask no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _Asking:
    """One witness, and what is known of it."""

    def __init__(self, house: Witnesses, witness: Witness) -> None:
        self.witness = witness
        self._house = house
        self._http = HttpClient(Address.parse(witness.url), seconds=house.pace.request, max_bytes=ANSWER_BYTES)
        self._generation = 0
        self._cosigned = 0
        self._failures = 0
        self._logged: tuple[Failure | None, float] = (None, 0.0)

    async def run(self) -> None:
        pace = self._house.pace
        with self._house.database.wakes.watch(LANE) as watch, closing(self._http):
            while True:
                try:
                    asked = self._house.leads() and await self._turn()
                except Failed as failed:
                    self._note(failed)
                    await asyncio.sleep(pace.back_off(self._failures))
                    continue
                if asked:
                    await asyncio.sleep(pace.pause)
                else:
                    await watch.wait(pace.look)

    async def _turn(self) -> bool:
        """Have the newest checkpoint cosigned; whether there was one to ask for. Raises Failed."""
        try:
            newest = await self._newest()
            asked = newest is not None and newest.size != self._cosigned
            if newest is not None and asked:
                await self._cosign(newest)
        except (StoreUnavailable, AuditUnavailable, OutcomeUnknown, TreeDamaged) as error:
            raise Failed(Failure.STORE, f"The database has no checkpoint to show or to keep: {error}") from error
        self._is_current()
        return asked

    async def _newest(self) -> Published | None:
        reads = self._house.database.reads
        newest = await published(reads)
        if newest is not None and newest.generation != self._generation:
            self._generation = newest.generation
            self._cosigned = await cosignatures.newest_size(reads, newest.generation, self.witness.name)
        return newest

    async def _cosign(self, newest: Published) -> None:
        answer = await self._ask(newest, self._cosigned)
        if answer.status == 409:
            told = size_told(answer.body) if answer.media_type == SIZE_MEDIA_TYPE else None
            if told is None:
                raise Failed(Failure.NOT_AN_ANSWER, "It answers 409 and does not say which size it has.")
            if told > newest.size:
                # Newer ones may have been published and shown to it in the meantime.
                newest = await self._newest_of(told)
            answer = await self._ask(newest, told)
            if answer.status == 409:
                raise _refused_again(newest, told)
        if answer.status != 200:
            raise _refused(answer.status)
        await self._keep(newest, self._signature(newest, answer.body))
        self._cosigned = newest.size

    async def _ask(self, newest: Published, old_size: int) -> Answer:
        proof = await consistency(self._house.database.reads, newest.generation, old_size, newest.size)
        # Empty from nothing, as the protocol wants it, and from the same size.
        body = question(old_size, proof, newest.signed.note)
        try:
            return await self._http.ask("POST", ADD_CHECKPOINT, body)
        except NotInTime as late:
            raise Failed(Failure.TIMEOUT, str(late)) from late
        except NotAnAnswer as wrong:
            raise Failed(Failure.NOT_AN_ANSWER, str(wrong)) from wrong
        except NoAnswer as away:
            raise Failed(Failure.UNREACHABLE, str(away)) from away

    async def _newest_of(self, told: int) -> Published:
        newest = await self._newest()
        if newest is None or told > newest.size:
            has = 0 if newest is None else newest.size
            raise Failed(
                Failure.AHEAD, f"It has cosigned {told} entries of this log, which has {has}: it was rolled back."
            )
        return newest

    def _signature(self, newest: Published, answer: bytes) -> Signature:
        text = newest.signed.note.rpartition("\n\n")[0] + "\n"
        try:
            return cosignature(self.witness, text, answer, to_micros(self._house.clock()) // 1_000_000)
        except CosignatureInvalid as wrong:
            raise Failed(Failure.BAD_SIGNATURE, str(wrong)) from wrong
        except NotCosigned as wrong:
            raise Failed(Failure.NOT_COSIGNED, str(wrong)) from wrong

    async def _keep(self, newest: Published, signature: Signature) -> None:
        name, at = self.witness.name, (newest.generation, newest.size)

        async def unit(transaction: Transaction) -> None:
            async with transaction.savepoint():
                await cosignatures.insert(transaction, *at, name, signature.line)

        try:
            await self._house.database.write(LANE, unit)
        except IntegrityViolation:
            # One is kept already: of an answer that came, and of which the word that it was kept was lost.
            if await cosignatures.newest_size(self._house.database.reads, newest.generation, name) < newest.size:
                raise

    def _note(self, failed: Failed) -> None:
        self._failures += 1
        self._house.observer.witness_failed(self.witness.name, failed.failure.value)
        failure, at = self._logged
        if failure is not failed.failure or monotonic() - at >= REPEAT_SECONDS:
            self._logged = (failed.failure, monotonic())
            level = logging.ERROR if failed.failure in ALARMS else logging.WARNING
            _log.log(level, "the witness %s did not cosign (%s): %s", self.witness.name, failed.failure.value, failed)

    def _is_current(self) -> None:
        if self._failures:
            _log.warning("the witness %s cosigns again", self.witness.name)
        self._failures, self._logged = 0, (None, 0.0)
        self._house.observer.witness_is_current(self.witness.name, self._cosigned)


def _refused(status: int) -> Failed:
    failure = _BY_STATUS.get(status, Failure.STATUS)
    return Failed(failure, f"It answers {status}: {_MEANING.get(status, 'it cannot now')}.")


def _refused_again(newest: Published, told: int) -> Failed:
    if told == newest.size:
        return Failed(Failure.FORKED, f"It knows another history of this log: another root for {told} entries.")
    return Failed(Failure.CONFLICT, "It has another size with every answer.")
