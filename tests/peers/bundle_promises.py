"""What every terminator must do that has its bundle from Anchorage. Its tests are those of a class that derives."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import ClassVar

import pytest
from starlette.datastructures import Headers

from app.rules import pem
from app.store.rows import CertificateRow
from app.terms import ClientCertForm, Service, Status
from app.transport.gateway.forms import presented
from tests.fleet import fleet
from tests.peers.device_side import BOTH_VERSIONS, Credentials, Session
from tests.peers.dtls_device import DtlsVisit
from tests.peers.entrances import Entrance, Example, bundled, eventually, for_good, opened
from tests.peers.forged import FORGED, NOMINATING, believed
from tests.peers.request_promises import BoundedRequestPromises, RequestPromises
from tests.transport.gateway.conftest import Site


class BundlePromises:
    """The tests. Each class names its example."""

    example: ClassVar[Example]

    @pytest.fixture
    async def record(self, site: Site) -> CertificateRow:
        """The account's trust in I."""
        return await site.upload(fleet().upload, service=Service.LWM2M)

    @pytest.fixture
    async def entrance(self, site: Site, record: CertificateRow) -> AsyncIterator[Entrance]:
        """The terminator at work."""
        del record
        key, anchorage = next(iter(site.keys.values())), f"127.0.0.1:{site.server.port}"
        async with opened(bundled(self.example, anchorage=anchorage, key=key, change=self.example.hurried)) as made:
            yield made

    async def test_the_fleet_comes_in_and_strangers_do_not(self, entrance: Entrance) -> None:
        let_in = {name: await entrance.lets_in(getattr(fleet(), name)) for name in ("d1", "d2", "dj", "x", "expired")}

        assert let_in == {"d1": True, "d2": True, "dj": False, "x": False, "expired": False}

    async def test_nobody_comes_in_after_the_last_ca_was_blacklisted(
        self, entrance: Entrance, site: Site, record: CertificateRow
    ) -> None:
        device = entrance.credentials(fleet().d1)
        offered = [(each, await self._session(entrance, each)) for each in self._versions(entrance)]
        with contextlib.closing(await entrance.visit(device)) as connection:
            assert await asyncio.to_thread(connection.is_served)

            await site.set_status(record, Status.INACTIVE)

            async def is_refused() -> bool:
                return not await entrance.lets_in(device)

            async def is_cut() -> bool:
                return not await asyncio.to_thread(connection.is_served)

            await for_good(is_refused, "a new connection is refused")
            for credentials, session in offered:
                assert not await entrance.lets_in(credentials, session)
            await eventually(is_cut, "the open connection is ended")
        assert not await entrance.lets_in(fleet().d2)

        await site.set_status(record, Status.ACTIVE)

        async def is_back() -> bool:
            return await entrance.lets_in(device)

        await eventually(is_back, "the device is let in again")

    @staticmethod
    def _versions(entrance: Entrance) -> list[Credentials]:
        """The device once for each version of TLS; for DTLS there is one."""
        versions = (None,) if entrance.example.visit is DtlsVisit else BOTH_VERSIONS
        return [entrance.credentials(fleet().d1, version) for version in versions]

    @staticmethod
    async def _session(entrance: Entrance, credentials: Credentials) -> Session:
        with contextlib.closing(await entrance.visit(credentials)) as connection:
            assert await asyncio.to_thread(connection.is_served)
            assert connection.session is not None
            return connection.session

    async def test_a_blacklisted_ca_below_an_anchor_is_kept_out_where_the_format_can_say_so(
        self, entrance: Entrance, site: Site
    ) -> None:
        chain = pem.encode([fleet().sub.der, fleet().trusted.der, fleet().root.der])
        record = await site.upload(chain, name="S")

        await site.set_status(record, Status.INACTIVE)

        async def is_refused() -> bool:
            return not await entrance.lets_in(fleet().d2)

        if self.example.rejects:
            await for_good(is_refused, "a device below the blacklisted CA is refused")
        else:
            assert not await is_refused()
        assert await entrance.lets_in(fleet().d1)


class HttpBundlePromises(BundlePromises, RequestPromises, BoundedRequestPromises):
    """More tests, for terminators that tell the application which device came."""

    hands_on: ClassVar[ClientCertForm]

    async def test_the_application_is_told_what_the_handshake_proved_and_nothing_else(self, entrance: Entrance) -> None:
        for more in ({}, NOMINATING):
            answered = await entrance.answer(fleet().d1, FORGED | more)
            assert answered is not None
            assert answered.status == 200

        first, second = entrance.application.asked
        assert believed(first) | believed(second) == set()
        told = [presented(Headers(seen), self.hands_on)[0] for seen in (first, second)]
        assert told == [fleet().d1.made.der] * 2
