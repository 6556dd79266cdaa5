"""Whatever happens in whatever order, the tree is the one that RFC 6962 makes of the entries, and nothing is lost.

Seen to fail with what was committed and not published left so by the next start.
"""

from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.audit import receipts
from app.audit.kept import read_all
from app.audit.notary import Notary, Step, Superseded
from app.store.database import Database
from tests.audit.faithful import require_faithful
from tests.audit.notaries import add, notary_of, sign_all

STREAMS = [*(f"sys/{number}" for number in range(4)), f"{'a' * 32}/0", f"{'b' * 32}/0"]

WRITE = st.tuples(st.sampled_from(STREAMS), st.integers(1, 9))
HISTORIES = st.lists(
    st.tuples(st.lists(WRITE, max_size=3), st.integers(0, 1), st.sampled_from([None, None, *Step])), max_size=8
)
"""Steps: what is written, which of two notaries then runs a cycle, and where it stops, if it does."""


class Stopped(Exception):
    """The process ended here."""


class Runner:
    """A notary that is started when it must be, and may be stopped in the middle of a cycle."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder
        self._stop: Step | None = None
        self._notary: Notary | None = None

    async def run(self, stop: Step | None) -> None:
        """One cycle, up to where it stops; nothing of it is left in memory then."""
        if self._notary is None:
            self._notary = await self._start()
        self._stop = stop
        try:
            await self._notary.cycle()
        except (Stopped, Superseded):
            self._notary = None

    async def _start(self) -> Notary:
        self._stop = None
        notary = notary_of(self._database, self._folder, passed=self._passed)
        await notary.start()
        return notary

    def _passed(self, step: Step) -> None:
        if step is self._stop:
            raise Stopped


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(history=HISTORIES)
async def test_after_any_history_the_tree_is_that_of_the_entries(
    database: Database, tmp_path: Path, history: list[tuple[list[tuple[str, int]], int, Step | None]]
) -> None:
    """The database is the same for all histories: each goes on where the last one ended."""
    runners = [Runner(database, tmp_path) for _ in range(2)]
    for writes, which, stop in history:
        for stream, number in writes:
            await add(database, stream, number)
        await runners[which].run(stop)
        # What is served is kept, and what is kept is committed.
        upto = await receipts.published(database.reads)
        kept = {checkpoint.size for _, _, checkpoint in read_all(notary_of(database, tmp_path).places)}
        assert (upto.size if upto else 0) <= max(kept, default=0)

    last = notary_of(database, tmp_path)
    with suppress(Superseded):
        await last.start()
    await sign_all(last)

    tree = await require_faithful(database.reads)
    assert tree.published == tree.size
