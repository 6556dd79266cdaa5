"""A blacklisting counts from its commit on, however many ask meanwhile."""

import asyncio

from app.terms import Service, Status
from tests.fleet import fleet
from tests.transport.gateway.conftest import Site

CALLERS = 4
ROUNDS = 3


async def test_nobody_is_let_in_who_asks_after_the_commit(site: Site) -> None:
    """While one of them reads what is trusted now, the others may not go on with what was."""
    record = await site.upload(fleet().upload, service=Service.LWM2M)
    for _ in range(ROUNDS):
        await site.ask(fleet().d1)
        is_committed, is_over = asyncio.Event(), asyncio.Event()
        late: list[int] = []

        async def ask(is_committed: asyncio.Event, is_over: asyncio.Event, late: list[int]) -> None:
            while not is_over.is_set():
                is_late = is_committed.is_set()
                status = (await site.ask(fleet().d1)).status_code
                if is_late:
                    late.append(status)

        callers = [asyncio.create_task(ask(is_committed, is_over, late)) for _ in range(CALLERS)]
        await site.set_status(record, Status.INACTIVE)
        is_committed.set()
        while len(late) < 10 * CALLERS:  # noqa: ASYNC110  # the callers fill it
            await asyncio.sleep(0)
        is_over.set()
        await asyncio.gather(*callers)

        assert set(late) == {403}
        await site.set_status(record, Status.ACTIVE)
