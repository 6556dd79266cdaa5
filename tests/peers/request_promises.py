"""What terminators of HTTP must do with requests, whichever way they verify devices."""

import asyncio
import contextlib
from typing import ClassVar

import pytest

from app.store.rows import CertificateRow
from app.terms import Status
from tests.fleet import fleet
from tests.peers.device_side import HttpVisit, LongAnswer, LongRequest
from tests.peers.entrances import Entrance, eventually
from tests.peers.forged import FORGED, believed
from tests.transport.gateway.conftest import Site


class RequestPromises:
    """Bodies, and what comes after them."""

    takes_pieces: ClassVar[bool] = True
    """Whether a body may come without a word on its length. Where it may, nothing that comes after it is passed on."""

    async def test_a_body_arrives(self, entrance: Entrance) -> None:
        answered = await entrance.answer(fleet().d1, {}, b"What a device reports.")

        assert answered is not None
        assert (answered.status, entrance.application.bodies) == (200, [b"What a device reports."])

    async def test_what_comes_after_a_body_is_not_believed(self, entrance: Entrance) -> None:
        # Go's server ends a request with more than 4 KiB of it, such as certificates.
        names = {name: value for name, value in FORGED.items() if len(value) < 20}

        def asking() -> int:
            with contextlib.closing(HttpVisit(entrance.port, entrance.credentials(fleet().d1))) as connection:
                return connection.ask_in_pieces(b"What a device reports.", names).status

        assert await asyncio.to_thread(asking) == (200 if self.takes_pieces else 411)
        assert entrance.application.bodies == ([b"What a device reports."] if self.takes_pieces else [])
        assert [believed(seen) for seen in entrance.application.asked] == ([set()] if self.takes_pieces else [])


class BoundedRequestPromises:
    """For those at which something ends a request that lasts."""

    @pytest.mark.parametrize("long", [LongAnswer, LongRequest])
    async def test_a_request_under_way_does_not_outlive_a_blacklisting(
        self, entrance: Entrance, site: Site, record: CertificateRow, long: type[LongAnswer | LongRequest]
    ) -> None:
        credentials = entrance.credentials(fleet().d1)
        with contextlib.closing(await asyncio.to_thread(long, entrance.port, credentials)) as connection:
            assert await asyncio.to_thread(connection.is_served)

            await site.set_status(record, Status.INACTIVE)

            async def is_cut() -> bool:
                return not await asyncio.to_thread(connection.is_served)

            await eventually(is_cut, "the request under way is ended")
