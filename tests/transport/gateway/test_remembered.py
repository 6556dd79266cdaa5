"""Answers that are given again: only for as long as nothing has changed that they rest on."""

import asyncio
import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from io import StringIO

from app.reasons import Reason
from app.services.accounts import Feature, SetAccountFeature
from app.services.admissions import Admitted
from app.services.devices import ResumeDevice, SuspendDevice
from app.services.keys import RevokeApiKey
from app.services.trust_states import CONFIRMED_SECONDS
from app.settings import LogFormat
from app.store import device_reads
from app.store.device_reads import DeviceFilter
from app.store.device_rows import DeviceRow, Registration
from app.store.paging import Window
from app.terms import ClientCertForm, Service, Status
from app.transport.gateway.remembered import SAID_SECONDS
from app.transport.graphql.ids import Kind, decode
from app.transport.log_lines import configure
from tests.fleet import Device, device, fleet, handed_on
from tests.held import bytes_held
from tests.transport.gateway.conftest import Site


async def count(site: Site) -> float:
    """How many answers the short way gave, as the metrics tell."""
    text = (await site.server.client.get("/metrics")).text
    line = next((line for line in text.splitlines() if line.startswith("anchorage_decisions_total{")), "0 0")
    return float(line.rpartition(" ")[2])


def kept(site: Site) -> int:
    return len(site.server.parts.gateways.kept.answers)


def mark(site: Site) -> None:
    """Let answers of the short way be told from others."""
    for remembered, _ in site.server.parts.gateways.kept.answers._kept.values():  # noqa: SLF001  # nothing shows them
        remembered.headers = [*remembered.headers, (b"x-again", b"yes")]


async def test_the_same_question_is_answered_the_same_by_the_short_way(trusting: Site) -> None:
    first = await trusting.ask(fleet().d1)
    # The device's own entry is news of the account, and so the state is read once more.
    await trusting.ask(fleet().d1)
    mark(trusting)
    again = await trusting.ask(fleet().d1)
    assert again.headers.pop("x-again") == "yes"

    assert kept(trusting) == 1
    assert {**first.headers, "x-request-id": ""} == {**again.headers, "x-request-id": ""}
    assert first.headers["x-request-id"] != again.headers["x-request-id"]
    assert len(again.headers.get_list("x-request-id")) == 1
    assert await count(trusting) == 3


async def test_its_line_is_the_line_of_the_long_way(trusting: Site) -> None:
    logged = StringIO()
    configure(LogFormat.JSON, logged)
    answers = [await trusting.ask(fleet().d1) for _ in range(3)]
    await asyncio.sleep(2 * SAID_SECONDS)

    said = {line["request_id"]: line for line in map(json.loads, logged.getvalue().splitlines())}
    long, *_, short = (said[answer.headers["x-request-id"]] for answer in answers)
    assert list(short) == list(long)
    assert short["timestamp"] > long["timestamp"]
    own = ("request_id", "timestamp", "milliseconds")
    assert {**short, **dict.fromkeys(own)} == {**long, **dict.fromkeys(own)}


async def test_another_header_is_another_question(trusting: Site) -> None:
    """A forged header beside a remembered one must not get the remembered answer."""
    await trusting.ask(fleet().d1)

    forged = await trusting.ask(fleet().d1, x_ssl_client_der="AAAA")
    named = await trusting.ask(fleet().d1, x_endpoint_name="other")

    assert forged.status_code == 400
    assert (named.status_code, kept(trusting)) == (200, 2)


async def test_refusals_are_never_given_by_the_short_way(trusting: Site) -> None:
    await trusting.ask(fleet().x)
    await trusting.ask(fleet().x)

    assert kept(trusting) == 0


async def test_a_change_of_trust_ends_it_at_once(site: Site) -> None:
    record = await site.upload(fleet().upload, service=Service.LWM2M)
    assert [(await site.ask(fleet().d1)).status_code for _ in range(3)] == [200, 200, 200]

    await site.set_status(record, Status.INACTIVE)

    assert (await site.ask(fleet().d1)).headers["x-trust-reason"] == Reason.BLACKLISTED


async def test_a_suspension_ends_it_at_once_and_a_resumption_lets_in_again(trusting: Site) -> None:
    answers = [await trusting.ask(fleet().d1) for _ in range(3)]
    assert kept(trusting) == 1
    device_id = decode(Kind.DEVICE, answers[0].headers["x-device-id"])

    await trusting.perform(SuspendDevice(device_id, "lost"))
    for _ in range(2):
        refused = await trusting.ask(fleet().d1)
        assert (refused.status_code, refused.headers["x-trust-reason"]) == (403, "DEVICE_SUSPENDED")

    await trusting.perform(ResumeDevice(device_id))
    assert (await trusting.ask(fleet().d1)).status_code == 200


async def test_it_ends_where_the_device_came_otherwise_since(trusting: Site) -> None:
    other = device("D3", fleet().trusted)
    for each in (fleet().d1, other, fleet().d1, fleet().d1):
        answer = await trusting.ask(each, x_endpoint_name="pump")
        assert answer.status_code == 200

    found = await trusting.server.installation.database.reads.fetch("SELECT fingerprint FROM device_credential")
    assert [bytes(row["fingerprint"]) for row in found] == [hashlib.sha256(fleet().d1.made.der).digest()]


def test_it_ends_with_the_validity_that_it_rests_on() -> None:
    at, hour = datetime(2026, 6, 1, 12, tzinfo=UTC), timedelta(hours=1)
    admitted = Admitted("d", 7, Service.LWM2M, at, at + hour, (), Registration(b"", "", b""))
    assert [admitted.holds(7, at + each * hour) for each in (-1, 0, 0.99, 1, 2)] == [False, True, True, False, False]
    assert not admitted.holds(8, at)
    assert admitted._replace(until=None).holds(7, at + 1_000 * hour)


async def test_a_revoked_key_opens_nothing_from_the_next_second_on(trusting: Site) -> None:
    key = await trusting.key()
    assert (await trusting.ask(fleet().d1, key=key)).status_code == 200
    rows = await trusting.server.installation.database.reads.fetch("SELECT max(id) AS id FROM api_key")
    await trusting.perform(RevokeApiKey(rows[0]["id"]))

    trusting.server.parts.gateways.keys._right.drop(key)  # noqa: SLF001  # a second later

    assert CONFIRMED_SECONDS <= 1
    assert (await trusting.ask(fleet().d1, key=key)).status_code == 401


async def test_an_account_that_audits_all_decisions_gets_an_entry_for_each(trusting: Site) -> None:
    await trusting.ask(fleet().d1)
    await trusting.perform(SetAccountFeature(trusting.account_id, Feature.AUDIT_ALL_DECISIONS, enabled=True))
    before = await acceptances(trusting)

    for _ in range(3):
        assert (await trusting.ask(fleet().d1)).status_code == 200

    assert await acceptances(trusting) == before + 3


async def acceptances(site: Site) -> int:
    rows = await site.server.installation.database.reads.fetch(
        "SELECT count(*) AS n FROM audit_entry WHERE account_id = $1 AND action = 'device.connect'"
        " AND result = 'success'",
        site.account_id,
    )
    return int(rows[0]["n"])


async def test_devices_that_came_by_the_short_way_are_seen(trusting: Site) -> None:
    await trusting.ask(fleet().d1)
    await trusting.server.parts.gateways.seen.flush()
    (first,) = await devices(trusting)
    await trusting.ask(fleet().d1)
    await asyncio.sleep(2 * SAID_SECONDS)
    await trusting.server.parts.gateways.seen.flush()
    (again,) = await devices(trusting)

    assert first.last_seen_at is not None
    assert again.last_seen_at is not None
    assert timedelta(0) < again.last_seen_at - first.last_seen_at


async def test_what_is_remembered_above_a_device_that_came_by_the_short_way_is_in_use(trusting: Site) -> None:
    used_at = list[int]()
    for _ in range(2):
        # Remembered, then known; from then on the answer is.
        for _ in range(3):
            assert (await trusting.ask(fleet().d2)).status_code == 200
        await asyncio.sleep(2 * SAID_SECONDS)
        await trusting.server.parts.gateways.seen.flush()
        rows = await trusting.server.installation.database.reads.fetch("SELECT used_at FROM intermediate")
        used_at += [row["used_at"] for row in rows]

    assert kept(trusting) == 1
    assert len(used_at) == 2
    assert used_at[0] < used_at[1]


async def devices(site: Site) -> list[DeviceRow]:
    reads = site.server.installation.database.reads
    return (await device_reads.devices_page(reads, site.account_id, DeviceFilter(), Window(10))).rows


async def test_every_form_has_its_own_question(trusting: Site) -> None:
    for form in ClientCertForm:
        assert (await trusting.ask(fleet().d1, form=form)).status_code == 200

    assert kept(trusting) == len(ClientCertForm)


async def test_an_answer_with_a_body_has_it_every_time(trusting: Site) -> None:
    first = await trusting.ask(fleet().d1, accept="application/json")
    again = await trusting.ask(fleet().d1, accept="application/json")

    assert again.json() == first.json()
    assert kept(trusting) == 0


async def test_a_question_that_says_that_it_has_no_body_is_the_same_one(trusting: Site) -> None:
    """As Envoy says it."""
    for _ in range(2):
        await trusting.server.raw(raw(trusting, fleet().d1, "Content-Length: 0\r\nConnection: close\r\n"))
    mark(trusting)
    asked = [
        raw(trusting, fleet().d1, "Content-Length: 0\r\n"),
        raw(trusting, fleet().d1, "Content-Length: 1\r\n") + b"G",
        raw(trusting, fleet().d1, "Content-Length: 0\r\nConnection: close\r\n"),
    ]

    answers = [await trusting.server.raw(asked[0] + asked[2]), await trusting.server.raw(asked[1] + asked[2])]

    assert kept(trusting) == 1
    assert [re.findall(rb"HTTP/1\.1 (\d{3}) ", each) for each in answers] == [[b"200", b"200"]] * 2
    # What ends its connection, or waits behind a decision, goes the long way.
    assert [each.count(b"x-again: yes") for each in answers] == [1, 0]


async def test_answers_of_both_ways_keep_the_order_of_their_requests(trusting: Site) -> None:
    """Remembered, twice, one that must be decided about, remembered again, an unknown path: sent in one piece."""
    for _ in range(2):
        await trusting.server.raw(raw(trusting, fleet().d1, "Connection: close\r\n"))
    mark(trusting)
    asked = [
        raw(trusting, fleet().d1),
        raw(trusting, fleet().d1),
        raw(trusting, fleet().x),
        raw(trusting, fleet().d1),
        b"GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ]

    answers = await trusting.server.raw(b"".join(asked))

    assert re.findall(rb"HTTP/1\.1 (\d{3}) ", answers) == [b"200", b"200", b"403", b"200", b"404"]
    assert re.findall(rb"x-trust-reason: (\w+)", answers) == [b"TRUSTED", b"TRUSTED", b"NO_TRUST_PATH", b"TRUSTED"]
    assert answers.count(b"x-again: yes") == 2  # what waits behind a decision goes the long way with it


async def test_a_question_that_ends_its_connection_gets_its_answer_and_the_end(trusting: Site) -> None:
    answers = await trusting.server.raw(raw(trusting, fleet().d1) + raw(trusting, fleet().d1, "Connection: close\r\n"))

    assert re.findall(rb"HTTP/1\.1 (\d{3}) ", answers) == [b"200", b"200"]


async def test_a_question_of_many_headers_weighs_what_they_take(trusting: Site) -> None:
    answers = trusting.server.parts.gateways.kept.answers
    for headers in (0, 90):
        answers.clear()
        asked = raw(trusting, fleet().d1, "accept: \r\n" * headers)
        assert re.findall(rb"HTTP/1\.1 (\d{3}) ", await trusting.server.raw(asked + asked)) == [b"200", b"200"]

        assert bytes_held(answers) <= answers.weight <= 2 * bytes_held(answers)


def raw(site: Site, device: Device, more: str = "") -> bytes:
    form = ClientCertForm.RFC9440
    headers = {"host": "a", "authorization": f"Bearer {site.keys[form]}", **handed_on(form, device.chain)}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"GET /gateway/authorize?service=lwm2m HTTP/1.1\r\n{lines}{more}\r\n".encode()
