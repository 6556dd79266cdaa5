"""What each account trusts, kept in memory by version, so that a decision need not ask the database.

A state is used for as long as it is confirmed: its version was read within the last second, and nothing was announced
about the account since. So a blacklisting counts in this process from its commit on, and in every other within a
second, whether the news of it arrives or not. While the database cannot be read the last state goes on to be used for a
while that a setting bounds, and then nothing is decided any more.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from app.audit.entry import account_stream
from app.errors import NotFound, StoreUnavailable
from app.rules.certificate import ParsedCertificate, parse
from app.rules.chain import Chain
from app.rules.trust_store import Record, TrustStore
from app.services.reachability import READ_SECONDS, Monotonic, Reachability
from app.store import trust_reads
from app.store.connection import Connection
from app.store.database import Database
from app.store.rows import CertificateRow
from app.store.trust_reads import Newest
from app.store.wakes import Watch

CONFIRMED_SECONDS = 1.0
"""For how long a version that was read is taken to be the newest."""
LOAD_SECONDS = 10.0
"""How long it may take to read what thousands of records trust: longer than anybody waits, who asks again."""
ACCOUNTS_LIMIT = 1_000
_TRIES = 10


@dataclass(frozen=True, slots=True)
class TrustState:
    """What an account trusts and blocks at one version of its trust.

    `audits_all`: every admission is to have an entry. A change of that is a new version too. `standing` is another one
    wherever a device may stand otherwise than at another version. `records` holds the records' own versions by their
    ids, so that the next state is made of this one and of what has changed.
    """

    account_id: str
    version: int
    store: TrustStore
    audits_all: bool = False
    standing: int = 0
    records: Mapping[str, int] = field(default_factory=dict)


class Confirmed(NamedTuple):
    """A state to decide with. `stale_seconds` says for how long the database could not be read; 0 while it can."""

    state: TrustState
    stale_seconds: float = 0.0


@dataclass(slots=True)
class _Kept:
    watch: Watch
    state: TrustState | None = None
    confirmed_at: float = 0.0
    suspect: bool = True
    heard_while_read: bool = False
    loading: asyncio.Task[None] | None = None
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)


class TrustStates:
    """See the module. `bridge_seconds` is for how long decisions go on while the database cannot be read.

    `reach` knows whether it can, for all who read it while a gateway waits.
    """

    def __init__(self, database: Database, monotonic: Monotonic, *, bridge_seconds: float) -> None:
        self._database = database
        self._monotonic = monotonic
        self._bridge_seconds = bridge_seconds
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self.reach = Reachability(monotonic)

    def confirmed(self, account_id: str) -> Confirmed | None:
        """The account's state where nothing has to be read to know that it is the newest; else None."""
        kept = self._kept.get(account_id)
        if kept is None or kept.state is None:
            return None
        if kept.watch.heard():
            kept.suspect = kept.heard_while_read = True
        if kept.suspect or self._monotonic() - kept.confirmed_at >= CONFIRMED_SECONDS:
            return None
        return Confirmed(kept.state)

    async def current(self, account_id: str, *, at_least: int = 0) -> Confirmed:
        """The account's newest state, or the last one that could be read.

        `at_least` is a version that somebody names: a state before it is read anew, however lately it was confirmed.

        Raises NotFound where there is no such account, and StoreUnavailable where the last state that could be read is
        too old to decide with.
        """
        confirmed = self.confirmed(account_id)
        if confirmed is not None and confirmed.state.version >= at_least:
            return confirmed
        kept = self._keep(account_id)
        if self.reach.hangs and kept.reading.locked():
            # Somebody tries already, and to wait for that would be too long for a gateway.
            return self._bridged(kept)
        async with kept.reading:
            # Somebody else may have read it while this one waited.
            confirmed = self.confirmed(account_id)
            if confirmed is not None and confirmed.state.version >= at_least:
                return confirmed
            return await self._read(account_id, kept)

    @property
    def unread_seconds(self) -> float:
        """For how long no state could be read though one was asked for; 0 while they can."""
        since = self.reach.unread_since
        return 0.0 if since is None else self._monotonic() - since

    async def _read(self, account_id: str, kept: _Kept) -> Confirmed:
        # Until it is read nobody may use the old one, and what is announced while it is read is read again next time.
        begun, kept.suspect = self._monotonic(), True
        kept.watch.heard()
        kept.heard_while_read = False
        try:
            state = await self._newest(account_id, kept)
        except (StoreUnavailable, TimeoutError) as error:
            self.reach.failed(begun)
            return self._bridged(kept, error)
        kept.suspect = kept.heard_while_read
        kept.confirmed_at = begun
        return Confirmed(state)

    async def _newest(self, account_id: str, kept: _Kept) -> TrustState:
        deadline = asyncio.get_running_loop().time() + READ_SECONDS
        newest = await self._looked(account_id)
        while kept.state is None or kept.state.version != newest.version:
            # Whoever waits may give up before it is read: then the next who asks finds it, or goes on waiting for it.
            if kept.loading is None or kept.loading.done():
                kept.loading = asyncio.create_task(self._load(account_id, kept), name="trust state")
                kept.loading.add_done_callback(_forgiven)
            async with asyncio.timeout_at(deadline):
                await asyncio.shield(kept.loading)
            # What was read may be older than what was committed while it was parsed.
            newest = await self._looked(account_id)
        return kept.state

    async def _looked(self, account_id: str) -> Newest:
        return await self.reach.read(lambda: _newest(self._database.lookups, account_id))

    async def _load(self, account_id: str, kept: _Kept) -> None:
        async with asyncio.timeout(LOAD_SECONDS):
            kept.state = await load(self._database.reads, account_id, kept.state)

    def _bridged(self, kept: _Kept, error: Exception | None = None) -> Confirmed:
        age = self._monotonic() - kept.confirmed_at
        if kept.state is None or age > self._bridge_seconds:
            raise StoreUnavailable("What the account trusts cannot be read now.") from error
        return Confirmed(kept.state, stale_seconds=age)

    def _keep(self, account_id: str) -> _Kept:
        kept = self._kept.get(account_id)
        if kept is None:
            watch = self._database.wakes.watch(account_stream(account_id))
            watch.begin()
            kept = self._kept[account_id] = _Kept(watch)
            if len(self._kept) > ACCOUNTS_LIMIT:
                _, oldest = self._kept.popitem(last=False)
                oldest.watch.end()
        self._kept.move_to_end(account_id)
        return kept


def _forgiven(loading: asyncio.Task[None]) -> None:
    # Whoever waited may be gone: that it failed is nobody's to hear then, and the next who asks begins anew.
    if not loading.cancelled():
        loading.exception()


async def load(connection: Connection, account_id: str, known: TrustState | None = None) -> TrustState:
    """The account's state as it is now; the state that is known already where its version is still the newest.

    Raises NotFound, and what the connection raises.
    """
    for _ in range(_TRIES):
        newest = await _newest(connection, account_id)
        if known is not None and known.version == newest.version:
            return known
        if known is None:
            kept, rows = dict[str, Record](), await trust_reads.records(connection, account_id)
            versions = {row.id: row.version for row in rows}
        else:
            versions = await trust_reads.versions(connection, account_id)
            kept = _unchanged(known, versions)
            rows = await trust_reads.some_records(connection, account_id, versions.keys() - kept.keys())
        remembered = await trust_reads.intermediates(connection, account_id)
        parsed = {} if known is None else _parsed_of(known.store)
        missing = {sha256 for row in rows for sha256 in row.chain if sha256 not in parsed}
        ders = await trust_reads.ders(connection, account_id, missing)
        # The statements saw one state of the database exactly where the version is the same before and after them.
        if await _newest(connection, account_id) == newest:
            # Elsewhere, because thousands of certificates take seconds to parse.
            store = await asyncio.to_thread(_store_of, versions, kept, rows, ders, remembered, parsed)
            return TrustState(account_id, newest.version, store, newest.audits_all, newest.standing, versions)
    raise StoreUnavailable("The account's certificates change faster than they can be read.")


async def _newest(connection: Connection, account_id: str) -> Newest:
    newest = await trust_reads.newest(connection, account_id)
    if newest is None:
        raise NotFound("There is no account of this id.")
    return newest


def record_of(row: CertificateRow, chain: Chain) -> Record:
    """A row as the decision sees it."""
    return Record(row.id, row.name, row.status, row.service, row.usage, row.possession, chain, row.is_developer)


def _parsed_of(store: TrustStore) -> dict[bytes, ParsedCertificate]:
    certificates = [each for record in store.records for each in record.chain.certificates]
    return {each.fingerprint: each for each in (*certificates, *store.intermediates)}


def _unchanged(known: TrustState, versions: Mapping[str, int]) -> dict[str, Record]:
    return {
        record.id: record
        for record in known.store.records
        if known.records.get(record.id, 0) == versions.get(record.id)
    }


def _store_of(
    ids: Iterable[str],
    kept: Mapping[str, Record],
    rows: Sequence[CertificateRow],
    ders: Mapping[bytes, bytes],
    remembered: Sequence[bytes],
    parsed: Mapping[bytes, ParsedCertificate],
) -> TrustStore:
    certificates = {**parsed, **{sha256: parse(der) for sha256, der in ders.items()}}
    known = {each.der: each for each in certificates.values()}
    records = dict(kept)
    for row in rows:
        chain = tuple(certificates[sha256] for sha256 in row.chain)
        records[row.id] = record_of(row, Chain(chain, tuple(range(len(chain)))))
    return TrustStore((records[id_] for id_ in ids), [known.get(der) or parse(der) for der in remembered])
