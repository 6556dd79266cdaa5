"""T14: one key opens the door, everything like it does not, and none of it tells which part was wrong."""

import secrets
import zlib
from datetime import timedelta

import httpx
import pytest
from websockets.asyncio.client import connect

from app.clock import system_clock, to_micros
from app.ids import new_id
from app.rules.credential import Credential
from app.settings import Settings
from tests.transport.http.conftest import Customer
from tests.transport.http.running import Running, make_account, make_key, revoke, serving


async def ask(running: Running, authorization: str) -> httpx.Response:
    return await running.client.post("/graphql", json={}, headers={"authorization": authorization})


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
async def test_a_right_key_opens_in_any_case_of_the_scheme(running: Running, customer: Customer, scheme: str) -> None:
    answer = await ask(running, f"{scheme} {customer.key}")
    assert (answer.status_code, answer.json()["id"]) == (200, customer.key_id)


async def test_no_key_is_a_stranger(running: Running) -> None:
    answer = await running.operate()
    assert (answer.json()["actor"], answer.json()["id"]) == ("anonymous", None)


SPOILT = {
    "empty": "",
    "no scheme": "{key}",
    "no key": "Bearer",
    "another scheme": "Basic {key}",
    "two keys": "Bearer {key} {key}",
    "two keys with a comma": "Bearer {key}, Bearer {key}",
    "in quotes": 'Bearer "{key}"',
    "in capitals": "Bearer {upper}",
    "with a digit more": "Bearer {key}0",
    "with a digit less": "Bearer {short}",
    "with another digit": "Bearer {mistyped}",
    "another secret, spelled right": "Bearer {wrong_secret}",
    "an unknown id, spelled right": "Bearer {unknown}",
    "only its start": "Bearer ak_",
    "a percent sign": "Bearer %00{key}",
    "as long as a header may be": "Bearer ak_{long}",
}


@pytest.mark.parametrize("header", SPOILT.values(), ids=SPOILT.keys())
async def test_anything_like_a_key_is_refused_in_the_same_words_and_recorded(
    running: Running, customer: Customer, header: str
) -> None:
    last = "0" if customer.key[-1] != "0" else "1"
    presented = header.format(
        key=customer.key,
        upper=customer.key.upper(),
        short=customer.key[:-1],
        mistyped=customer.key[:-1] + last,
        wrong_secret=Credential(customer.key_id, secrets.token_bytes(32)).text,
        unknown=Credential(new_id(system_clock()), secrets.token_bytes(32)).text,
        long="a" * 16_000,
    )
    answer = await ask(running, presented)
    assert (answer.status_code, answer.json()) == (401, {"code": "UNAUTHENTICATED"})
    (entry,) = await running.entries("UNAUTHENTICATED")
    assert entry["action"] == "request.refused"
    assert entry["actor"] == {"id": None, "type": "anonymous"}
    assert entry["account"] is None
    assert customer.key_id not in str(entry)


async def test_an_expired_or_revoked_key_is_refused(running: Running) -> None:
    account_id = await make_account(running.installation)
    soon = system_clock() + timedelta(milliseconds=300)
    expiring = await make_key(running.installation, account_id, expires_at=soon)
    revoked = await make_key(running.installation, account_id)
    assert (await running.operate(revoked.text)).status_code == 200
    await revoke(running.installation, account_id, revoked)
    assert (await running.operate(revoked.text)).status_code == 401
    while system_clock() < soon:
        await running.client.get("/livez")
    assert (await running.operate(expiring.text)).status_code == 401


async def test_a_key_with_another_s_checksum_is_not_looked_up(running: Running, customer: Customer) -> None:
    forged = f"{customer.key[:-8]}{zlib.crc32(b'forged'):08x}"
    assert (await ask(running, f"Bearer {forged}")).status_code == 401


async def test_a_websocket_sends_its_key_in_its_first_message(running: Running, customer: Customer) -> None:
    async with connect(f"ws://127.0.0.1:{running.port}/graphql") as socket:
        await socket.send(f'{{"authorization": "Bearer {customer.key}"}}')
        assert customer.key_id in str(await socket.recv())
    async with connect(f"ws://127.0.0.1:{running.port}/graphql") as socket:
        await socket.send('{"authorization": "Bearer ak_wrong"}')
        await socket.wait_closed()
        assert socket.close_code == 4403
    assert len(await running.entries("UNAUTHENTICATED")) == 1


async def test_when_a_key_was_used_is_known_to_the_hour_and_written_at_the_end(
    settings: Settings,
) -> None:
    async with serving(settings) as running:
        account_id = await make_account(running.installation)
        used, unused = [await make_key(running.installation, account_id) for _ in range(2)]
        for _ in range(3):
            await running.operate(used.text)
    async with serving(settings) as running:
        rows = await running.installation.database.reads.fetch("SELECT id, last_used_at FROM api_key")
    found = {row["id"]: row["last_used_at"] for row in rows}
    hour = timedelta(hours=1) // timedelta(microseconds=1)
    assert found[unused.key_id] is None
    assert found[used.key_id] % hour == 0
    assert 0 <= to_micros(system_clock()) - found[used.key_id] < 2 * hour
