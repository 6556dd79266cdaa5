"""What every terminator must do that asks Anchorage. Its tests are those of a class that derives from this."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from typing import ClassVar

import pytest

from app.store.rows import CertificateRow
from app.terms import ClientCertForm, Service, Status
from tests.fleet import fleet
from tests.peers.behind import Application, application, nobody, silence
from tests.peers.device_side import BOTH_VERSIONS, Credentials, HttpVisit
from tests.peers.entrances import Change, Entrance, Example, entrance, eventually, opened, watch
from tests.peers.forged import FORGED, NOMINATING, believed
from tests.peers.request_promises import RequestPromises
from tests.transport.gateway.conftest import Site

_CHOSEN = {
    "x-request-id": "request-of-the-device",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "user-agent": "agent-of-the-device",
    "cookie": "of=the-device",
    "expect": "100-continue",
    "if-none-match": '"tag-of-the-device"',
    "accept-language": "language-of-the-device",
    "forwarded": "for=192.0.2.1",
    "x-forwarded-for": "192.0.2.2",
    "authorization": "Bearer of-the-device",
}
"""What stands in the log beside an act, makes the answer another one, or is nobody else's business."""
_WEBSOCKET = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}
YES = {"x-device-id": "dev_1", "x-account-id": "acc_1"}
"""What Anchorage says beside a 200."""

IMPOSTORS: dict[str, Callable[[], contextlib.AbstractContextManager[Application]]] = {
    "nobody": nobody,
    "silence": silence,
    **{str(status): partial(application, status) for status in (204, 302, 401, 403, 500)},
}


class ForwardAuthPromises:
    """The tests. Each class names its example."""

    example: ClassVar[Example]
    believes_any_server: ClassVar[bool] = False
    """Whether a 200 is a yes though no device is named with it."""

    @pytest.fixture
    async def record(self, site: Site) -> CertificateRow:
        """The account's trust in I."""
        return await site.upload(fleet().upload, service=Service.LWM2M)

    @pytest.fixture
    async def entrance(self, site: Site, record: CertificateRow) -> AsyncIterator[Entrance]:
        """The terminator at work."""
        del record
        assert self.example.form is not None
        key, anchorage = site.keys[self.example.form], f"127.0.0.1:{site.server.port}"
        async with opened(entrance(self.example, anchorage=anchorage, key=key, change=self.example.hurried)) as made:
            yield made

    async def test_the_fleet_comes_in_and_strangers_do_not(self, entrance: Entrance, site: Site) -> None:
        if not entrance.example.passes_chain:
            assert not await entrance.lets_in(fleet().d2)
            await site.ask(fleet().d2, form=ClientCertForm.DER)

        let_in = {name: await entrance.lets_in(getattr(fleet(), name)) for name in ("d1", "d2", "dj", "x", "expired")}

        assert let_in == {"d1": True, "d2": True, "dj": False, "x": False, "expired": False}

    @pytest.mark.parametrize("version", BOTH_VERSIONS)
    async def test_a_blacklisting_counts_for_every_connection(
        self, entrance: Entrance, site: Site, record: CertificateRow, version: ssl.TLSVersion
    ) -> None:
        device = entrance.credentials(fleet().d1, version)
        await asyncio.to_thread(watch, entrance)
        with contextlib.closing(await entrance.visit(device)) as connection:
            assert await asyncio.to_thread(connection.is_served)
            session = connection.session
            assert session is not None

            await site.set_status(record, Status.INACTIVE)

            assert not await entrance.lets_in(device)
            assert not await entrance.lets_in(device, session)

            async def is_refused() -> bool:
                return not await asyncio.to_thread(connection.is_served)

            if entrance.example.watch is None:
                assert await is_refused()
            else:
                await eventually(is_refused, "the open connection is cut")

    @pytest.mark.parametrize("version", BOTH_VERSIONS)
    async def test_no_session_is_resumed_where_that_can_be_helped(self, version: ssl.TLSVersion) -> None:
        change = self.example.resumes_where
        assert await self._is_resumed(version, str) == (change is None)
        # Or else nothing was offered.
        assert await self._is_resumed(version, change or str)

    async def _is_resumed(self, version: ssl.TLSVersion, change: Change) -> bool:
        with self._answered(YES, change) as made:
            device = made.credentials(fleet().d1, version)
            with contextlib.closing(await made.visit(device)) as connection:
                assert await asyncio.to_thread(connection.is_served)
                session = connection.session
            with contextlib.closing(await made.visit(device, session)) as connection:
                return connection.was_resumed

    @pytest.mark.parametrize("impostor", IMPOSTORS)
    async def test_nobody_comes_in_without_a_yes(self, impostor: str) -> None:
        with (
            IMPOSTORS[impostor]() as instead,
            entrance(self.example, anchorage=instead.address, key="ak_any") as made,
        ):
            assert not await made.lets_in(fleet().d1)
            assert made.application.asked == []

    async def test_a_yes_is_enough(self) -> None:
        """Or else the test above would prove nothing."""
        with self._answered(YES) as made:
            assert await made.lets_in(fleet().d1)

    async def test_a_yes_names_a_device_where_that_can_be_told(self) -> None:
        """Any web server says 200 to somebody, and an address is soon mistaken."""
        with self._answered({}) as made:
            assert await made.lets_in(fleet().d1) == self.believes_any_server

    async def test_an_answer_from_an_older_state_counts_where_it_is_soon_asked_again(self) -> None:
        with self._answered(YES | {"x-trust-stale-seconds": "1"}) as made:
            assert await made.lets_in(fleet().d1) == (self.example.watch is None)

    @contextlib.contextmanager
    def _answered(self, told: Mapping[str, str], change: Change = str) -> Iterator[Entrance]:
        """The example, asking somebody who answers everything with 200 and these headers."""
        with (
            application(200, told) as instead,
            entrance(self.example, anchorage=instead.address, key="ak_any", change=change) as made,
        ):
            yield made


class HttpPromises(ForwardAuthPromises, RequestPromises):
    """More tests, for terminators that look at requests."""

    to_websockets: ClassVar[int] = 101
    """The answer to a trusted device that asks for one."""

    async def test_what_a_device_says_about_certificates_is_not_believed(self, entrance: Entrance, site: Site) -> None:
        for said in (*({name: value} for name, value in FORGED.items()), FORGED | NOMINATING):
            refused = await entrance.answer(fleet().x, said)
            assert refused is None or refused.status >= 400, said
        assert entrance.application.asked == []
        await entrance.answer(fleet().d1, {})

        for more in ({}, NOMINATING):
            answered = await entrance.answer(fleet().d1, FORGED | more | {"authorization": "Bearer its own"})
            assert answered is not None
            assert answered.status == 200

        first, *others = entrance.application.asked
        assert len(others) == 2
        for seen in others:
            assert believed(seen) == set()
            assert seen["authorization"] == "Bearer its own"
            assert (seen["x-device-id"], seen["x-account-id"]) == (first["x-device-id"], f"acc_{site.account_id}")

    async def test_anchorage_hears_nothing_that_the_device_has_chosen(self) -> None:
        said = FORGED | _CHOSEN
        with application(200, YES) as instead, entrance(self.example, anchorage=instead.address, key="ak_any") as made:
            answered = await made.answer(fleet().d1, said)

        assert answered is not None
        assert answered.status == 200
        (heard,) = instead.asked
        chosen = {name for name, value in said.items() if any(value in each for each in heard.values())}
        assert chosen == set(), chosen

    async def test_a_stranger_does_not_read_what_the_account_has(self, entrance: Entrance) -> None:
        """Anchorage explains itself in JSON to who asks for that, which a device must not be able to do."""
        answered = await entrance.answer(fleet().x, {"accept": "application/json"})

        assert answered is not None
        assert answered.status == 403
        assert b"explanation" not in answered.body

    async def test_another_protocol_is_asked_about_and_the_application_speaks_it(self, entrance: Entrance) -> None:
        def speaking(credentials: Credentials) -> tuple[int, bytes]:
            with contextlib.closing(HttpVisit(entrance.port, credentials)) as connection:
                status = connection.ask(_WEBSOCKET).status
                if status != 101:
                    return status, b""
                connection.send(b"hello")
                return status, connection.receive(5)

        trusted, refused = [
            await asyncio.to_thread(speaking, entrance.credentials(each)) for each in (fleet().d1, fleet().x)
        ]

        assert trusted == (self.to_websockets, b"hello" if self.to_websockets == 101 else b"")
        assert refused == (403, b"")

    async def test_its_question_is_one_whose_answer_is_remembered(self, entrance: Entrance, site: Site) -> None:
        """Whatever the device says. Or else every one of them costs a whole decision."""
        if not entrance.example.passes_chain:
            await site.ask(fleet().d2, form=ClientCertForm.DER)
        kept = site.server.parts.gateways.kept.answers
        before = len(kept)

        answered = await entrance.answer(fleet().d2, _CHOSEN)

        assert answered is not None
        assert answered.status == 200
        assert len(kept) == before + 1
