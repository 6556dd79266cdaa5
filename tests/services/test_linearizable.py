"""T4: several gateway processes decide while an administrator changes the account, and the log is the witness.

Seen to fail where a version counted as confirmed for five seconds or for ever, where a connection was not decided again
in its transaction, and where an answer was remembered whatever the version.
"""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import httpx
import pytest

from app.actor import Role
from app.services.certificates import SetCertificateStatus
from app.services.keys import CreateApiKey, fresh_credential
from app.store.connection import Engine
from app.store.database import Role as DatabaseRole
from app.store.database import open_database
from app.store.rows import AccountRow
from app.terms import ClientCertForm, Service, Status, Usage
from tests.fleet import Device, handed_on
from tests.house import House, SteppingClock, actor_of, upload_of
from tests.services.gateways import GatewayProcess, HeldClock, gateway_process
from tests.services.linearizable import BOUND_SECONDS, Administrator, Fleet, Telling, Told, made_fleet, watch
from tests.serving import Served, serving

PROCESSES = 3
ACTS = 40


@pytest.fixture
def fleet() -> Fleet:
    return made_fleet()


@pytest.fixture
def acts(pytestconfig: pytest.Config) -> int:
    return ACTS * 10 if pytestconfig.getoption("--full") else ACTS


async def test_every_answer_and_every_recorded_acceptance_has_a_state_that_explains_it(
    house: House, migrated_url: str, fleet: Fleet, acts: int, capsys: pytest.CaptureFixture[str]
) -> None:
    house.clock = SteppingClock()
    account = await house.account()
    administrator = Administrator(house, account, fleet, Random(4))  # noqa: S311  # when to act is no secret
    async with AsyncExitStack() as running:
        begin = (gateway_process(migrated_url, house.clock, time.monotonic) for _ in range(PROCESSES))
        tellings = [_asking(await running.enter_async_context(each), account) for each in begin]
        seen = await watch(administrator, tellings, acts)
    with capsys.disabled():
        print(f"\n  {seen}")  # noqa: T201


def _asking(process: GatewayProcess, account: AccountRow) -> Telling:
    async def tell(device: Device) -> Told:
        answer = await process.ask(account, device)
        return Told(answer.decision.reason.value, answer.stale_seconds)

    return tell


async def test_the_same_of_real_servers_that_are_asked_over_http(
    engine: Engine, migrated_url: str, tmp_path: Path, fleet: Fleet, acts: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two servers of one PostgreSQL database; on SQLite there is one. The administrator acts beside them."""
    async with AsyncExitStack() as running:
        folders = [tmp_path / "first"] + [tmp_path / "second"] * (engine is Engine.POSTGRES)
        begin = (serving(migrated_url, folder) for folder in folders)
        servers = [await running.enter_async_context(each) for each in begin]
        house = await running.enter_async_context(_beside(migrated_url))
        account = await house.account()
        key = fresh_credential(house.clock())
        await house.perform(actor_of(account), CreateApiKey("gateway", Role.GATEWAY, key))
        client = await running.enter_async_context(httpx.AsyncClient())
        administrator = Administrator(house, account, fleet, Random(4))  # noqa: S311
        seen = await watch(administrator, [_asking_over_http(client, each, key.text) for each in servers], acts)
    with capsys.disabled():
        print(f"\n  {seen}")  # noqa: T201


@asynccontextmanager
async def _beside(url: str) -> AsyncIterator[House]:
    database = open_database(url, role=DatabaseRole.BESIDE)
    await database.start()
    try:
        yield House(database, SteppingClock(datetime.now(UTC)))
    finally:
        await database.close()


def _asking_over_http(client: httpx.AsyncClient, server: Served, key: str) -> Telling:
    async def tell(device: Device) -> Told:
        headers = {"authorization": f"Bearer {key}", **handed_on(ClientCertForm.RFC9440, device.chain)}
        answer = await client.get(f"{server.url}/gateway/authorize?service=lwm2m", headers=headers)
        reason = answer.headers["x-trust-reason"]
        assert answer.status_code == (200 if reason == "TRUSTED" else 403)
        return Told(reason, float(answer.headers.get("x-trust-stale-seconds", "0")))

    return tell


@pytest.fixture
def held() -> HeldClock:
    return HeldClock()


async def test_a_process_that_hears_nothing_uses_a_state_for_a_second_and_no_longer(
    house: House, migrated_url: str, fleet: Fleet, held: HeldClock
) -> None:
    """The process that made the change knows at once, and so does every other where news travels."""
    account = await house.account()
    near = GatewayProcess(house.database, house.clock, held)
    command = upload_of(fleet.cas["I"], name="I", usage=Usage.THIRD_PARTY_CA, service=Service.LWM2M)
    record = (await house.perform(actor_of(account), command)).id
    async with gateway_process(migrated_url, house.clock, held) as far:
        assert [await each.reason(account, fleet.devices["of I"]) for each in (near, far)] == ["TRUSTED"] * 2

        await house.perform(actor_of(account), SetCertificateStatus(record, Status.INACTIVE))

        assert await near.reason(account, fleet.devices["of I"]) == "BLACKLISTED"
        held.now += BOUND_SECONDS
        assert await far.reason(account, fleet.devices["of I"]) == "BLACKLISTED"
        await near.flush()


async def test_a_device_that_is_new_is_never_let_in_by_an_old_state(
    house: House, migrated_url: str, fleet: Fleet, held: HeldClock
) -> None:
    """What is recorded is decided in the transaction that records it, however sure a process is of what it read."""
    account = await house.account()
    command = upload_of(fleet.cas["I"], name="I", usage=Usage.THIRD_PARTY_CA, service=Service.LWM2M)
    record = (await house.perform(actor_of(account), command)).id
    async with gateway_process(migrated_url, house.clock, held) as far:
        assert await far.reason(account, fleet.devices["of J"]) == "NO_TRUST_PATH"
        await house.perform(actor_of(account), SetCertificateStatus(record, Status.INACTIVE))

        assert await far.reason(account, fleet.devices["of I"]) == "BLACKLISTED"
