"""What terminators of HTTP must do with requests, whichever way they verify devices."""

import asyncio
import contextlib

import pytest

from app.store.rows import CertificateRow
from app.terms import Status
from tests.fleet import fleet
from tests.peers.device_side import LongAnswer, LongRequest
from tests.peers.entrances import Entrance, eventually
from tests.transport.gateway.conftest import Site


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
