"""What a row of an export costs: every entry of an account, read as the export reads it, its bytes joined to lines."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter, process_time

from app.actor import Actor
from app.audit import log
from app.audit.entry import Act, account_stream, seal
from app.audit.events import CertificateStatusSet
from app.audit.states import CertificateState
from app.clock import system_clock, to_text
from app.ids import new_id
from app.services.audit_export import Interval, exported
from app.services.door import fresh_salt
from app.store.connection import Transaction
from app.store.database import Database
from scripts.benchmarks.houses import ORIGIN

BATCH = 2_000


async def fill(database: Database, actor: Actor, count: int) -> None:
    """Append so many entries to the account's log, as long as those of a change of status are."""
    stream = account_stream(actor.account_id or "")
    acts = _acts(actor)

    async def unit(transaction: Transaction) -> None:
        head = await log.lock(transaction, stream, actor.account_id)
        async with transaction.savepoint():
            for _ in range(BATCH):
                act = next(acts)
                await log.append(transaction, head, act, seal(act, node="bench-1", software="bench", salt=fresh_salt))
                head = await log.lock(transaction, stream, actor.account_id)

    for _ in range(count // BATCH):
        await database.write(stream, unit)


async def export(database: Database, account_id: str) -> tuple[float, float]:
    """Rows a second, and processor time of this process per row in microseconds."""
    start, cpu = perf_counter(), process_time()
    size = 0
    async with exported(database, account_id, Interval()) as (count, entries):
        async for entry in entries:
            size += len((entry.body or b"") + b"\n")
    assert size > count  # noqa: S101  # every entry has a body
    return count / (perf_counter() - start), (process_time() - cpu) / count * 1e6


def _acts(actor: Actor) -> Iterator[Act]:
    state = _state()
    while True:
        now = system_clock()
        changed = replace(state, version=state.version + 1, updated_at=to_text(now))
        event = CertificateStatusSet(state, changed)
        yield Act.succeeded(
            event,
            entry_id=new_id(now),
            time=now,
            actor=actor,
            origin=ORIGIN,
            reason="The plant's key left the building.",
        )
        state = changed


def _state() -> CertificateState:
    now = system_clock()
    return CertificateState(
        id=new_id(now),
        version=1,
        name="Plant Rotterdam",
        description="Meters",
        status="ACTIVE",
        service="BOOTSTRAP",
        usage="CREDENTIALS",
        possession="PENDING",
        fingerprint=secrets.token_hex(32),
        chain=(secrets.token_hex(32),),
        expires_at=to_text(now),
        created_at=to_text(now),
        updated_at=to_text(now),
        created_by_type="api_key",
        created_by_id=new_id(now),
        created_by_entry=new_id(now),
    )
