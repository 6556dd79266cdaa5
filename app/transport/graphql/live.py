"""The log as it grows: what came after a place, then what comes, with nothing lost or told twice between the two."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.audit.entry import account_stream
from app.services import audit_search
from app.services.audit_search import Search
from app.services.keys import require_live
from app.store import log_reads
from app.store.paging import Window
from app.store.rows import EntryRow
from app.transport.graphql.context import Context
from app.transport.graphql.log_lists import place_of

LOOK_SECONDS = 1.0
"""How long to wait for news before looking all the same: the word of a commit can be lost between hosts."""
TRUST_PERIOD = timedelta(seconds=5)
"""How long a credential is taken for good without asking again."""
BATCH = 100


@dataclass(slots=True)
class Feed:
    """The entries of the caller's log that match, oldest first, for as long as its credential is good.

    An account has one stream, whose writers go one after another: whoever sees an entry sees every one before it. So
    the number of the last entry seen is all there is to remember.
    """

    context: Context
    search: Search
    _seen: int = 0
    _is_behind: bool = False
    """Whether a look ended before the end of the log: the next is not to wait for news."""
    _trusted_until: datetime = field(init=False)

    def __post_init__(self) -> None:
        self._trusted_until = self.context.now + TRUST_PERIOD

    async def entries(self, after: str | None) -> AsyncGenerator[EntryRow, None]:
        """The entries after a cursor; without one, those that are written from now on.

        Ends with Unauthenticated once the credential is not good any more; raises BadUserInput for a foreign cursor.
        """
        # The watch comes before the first look: what is committed in between is then either seen or announced.
        with self.context.services.database.wakes.watch(account_stream(self.context.account_id)) as watch:
            self._seen = await self._start(after)
            while True:
                await self._require_trust()
                found = await self._next()
                for entry in found:
                    await self._require_trust()
                    self._renew()
                    yield entry
                if not found and not self._is_behind:
                    await watch.wait(LOOK_SECONDS)

    async def _start(self, after: str | None) -> int:
        if after is not None:
            return await place_of(self.context, after)
        return await log_reads.last_seq(self.context.connection, self.context.account_id)

    async def _next(self) -> list[EntryRow]:
        connection, account_id = self.context.connection, self.context.account_id
        # Asked first: where nothing matches, the next look begins here and not at the beginning.
        end = await log_reads.last_seq(connection, account_id)
        self._is_behind = False
        if end <= self._seen:
            return []
        window = Window(BATCH, after=(self._seen, self._seen))
        page = await audit_search.entries_page(connection, account_id, self.search, window, descending=False)
        seen = [entry.seq for entry in (*page.rows, page.reached) if entry is not None]
        self._is_behind = page.has_next
        self._seen = max(seen if page.has_next else [end, *seen])
        return page.rows

    async def _require_trust(self) -> None:
        now = self.context.services.clock()
        if now >= self._trusted_until:
            await require_live(self.context.connection, self.context.actor, now)
            self._trusted_until = now + TRUST_PERIOD

    def _renew(self) -> None:
        # Each event is read anew, as of the instant at which it is told.
        self.context.renew(self.context.services.clock())
