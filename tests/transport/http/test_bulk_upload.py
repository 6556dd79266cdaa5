"""Files of identities over HTTP: taken in as they come, answered with a job, and refused as any request is."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest

from app.actor import Role, command_line
from app.clock import system_clock
from app.ids import new_id
from app.rules.credential import Credential
from app.services import bulk
from app.services.keys import CreateApiKey
from app.settings import Settings
from app.store.jobs import JobRow, jobs
from app.terms import JobKind, JobStatus
from app.transport import enrollments
from app.transport.guard import Bounds
from tests.enrolling import csv_of, identities, in_pieces
from tests.transport.http.running import Running, make_account, serving
from tests.transport.http.test_framing import statuses

CLAIM = "/enrollments/bulk?operation=claim"
CSV = {"content-type": "text/csv; charset=utf-8"}


class Customer:
    """An account's key, and what is sent with it."""

    def __init__(self, running: Running, account_id: str, key: Credential) -> None:
        self.running = running
        self.account_id = account_id
        self.headers = {"authorization": f"Bearer {key.text}"} | CSV

    async def send(self, data: bytes | AsyncIterator[bytes], address: str = CLAIM, **headers: str) -> tuple[int, str]:
        """The status, and the job's id or the code."""
        response = await self.running.client.post(address, content=data, headers=self.headers | headers)
        answer = response.json()
        return response.status_code, answer["id"] if "id" in answer else answer["errors"][0]["extensions"]["code"]

    def head(self, length: int) -> bytes:
        """The beginning of a request whose file has so many bytes."""
        lines = (f"POST {CLAIM} HTTP/1.1", "host: a", *(f"{name}: {value}" for name, value in self.headers.items()))
        return "\r\n".join((*lines, f"content-length: {length}", "", "")).encode()

    async def job(self, shown: str) -> JobRow:
        """A job of the account, once it is completed."""
        async with asyncio.timeout(30):
            while True:
                job_id = shown.removeprefix("job_")
                found = await jobs(self.running.installation.database.reads, self.account_id, (job_id,))
                if found[job_id].completed_at is not None:
                    return found[job_id]
                await asyncio.sleep(0.05)


async def customer_of(running: Running, role: Role) -> Customer:
    """Somebody with a key of this role in an account of its own."""
    account_id = await make_account(running.installation, f"account of {role.value} {secrets.token_hex(4)}")
    key = Credential(key_id=new_id(system_clock()), secret=secrets.token_bytes(32))
    origin = running.installation.origin("test")
    await running.installation.door.perform(command_line(account_id, None), CreateApiKey("key", role, key), origin)
    return Customer(running, account_id, key)


@pytest.fixture
async def operator(running: Running) -> Customer:
    """Somebody who may claim devices."""
    return await customer_of(running, Role.OPERATOR)


async def stored(running: Running) -> int:
    """How much input is kept."""
    row = await running.installation.database.reads.fetch_one("SELECT count(*) AS n FROM job_chunk")
    assert row is not None
    return int(row["n"])


async def test_a_file_becomes_a_job_that_the_server_works_off(operator: Customer) -> None:
    for operation, kind in (("claim", JobKind.ENROLLMENT_CLAIM), ("release", JobKind.ENROLLMENT_RELEASE)):
        status, shown = await operator.send(
            in_pieces(csv_of([*identities(2_500), "none"])), f"/enrollments/bulk?operation={operation}"
        )
        assert (status, shown[:4]) == (201, "job_")
        job = await operator.job(shown)
        assert (job.kind, job.status, job.processed_count, job.errors_count) == (kind, JobStatus.DONE, 2_501, 1)


@pytest.mark.parametrize(
    "media_type",
    [
        "text/csv",
        "Text/CSV; header=present",
        'text/csv; charset="UTF-8"; header=present',
        "text/csv;header=present;charset=utf-8",
        "text/csv; charset=us-ascii",
    ],
)
async def test_a_file_is_declared_as_rfc_4180_has_it(operator: Customer, media_type: str) -> None:
    status, _ = await operator.send(csv_of(identities(1)), **{"content-type": media_type})
    assert status == 201


@pytest.mark.parametrize("role", list(Role))
async def test_only_who_may_claim_devices_sends_files(running: Running, role: Role) -> None:
    customer = await customer_of(running, role)
    status, answer = await customer.send(csv_of(identities(1)))
    if role in (Role.ADMIN, Role.OPERATOR):
        assert status == 201
    else:
        assert (status, answer) == (403, "FORBIDDEN")
        assert [entry["action"] for entry in await running.entries("FORBIDDEN")] == ["request.refused"]


@pytest.mark.parametrize("authorization", ["", "Bearer ak_wrong", "Basic YTpi"])
async def test_a_stranger_and_a_wrong_key_are_turned_away_and_recorded(running: Running, authorization: str) -> None:
    headers = CSV | ({"authorization": authorization} if authorization else {})
    response = await running.client.post(CLAIM, content=csv_of(identities(1)), headers=headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert [entry["action"] for entry in await running.entries("UNAUTHENTICATED")] == ["request.refused"]
    assert await stored(running) == 0


@pytest.mark.parametrize(
    ("address", "headers", "data", "answer"),
    [
        (CLAIM, {"content-type": "application/json"}, b"x", (415, "BAD_REQUEST")),
        (CLAIM, {"content-type": "text/csv; charset=latin-1"}, b"x", (415, "BAD_REQUEST")),
        (CLAIM, {"content-type": "text/csv; header=present; charset=latin-1"}, b"x", (415, "BAD_REQUEST")),
        (CLAIM, {"content-type": "text/csv; header=absent"}, b"x", (415, "BAD_REQUEST")),
        (CLAIM, {"content-encoding": "gzip"}, b"x", (415, "BAD_REQUEST")),
        ("/enrollments/bulk", {}, b"x", (400, "BAD_REQUEST")),
        ("/enrollments/bulk?operation=take", {}, b"x", (400, "BAD_REQUEST")),
        (f"{CLAIM}&operation=release", {}, b"x", (400, "BAD_REQUEST")),
        (CLAIM, {}, b"", (400, "INVALID_INPUT")),
    ],
)
async def test_a_request_that_says_nothing_which_can_be_done_is_refused_and_recorded(
    running: Running, operator: Customer, address: str, headers: dict[str, str], data: bytes, answer: tuple[int, str]
) -> None:
    assert await operator.send(data, address, **headers) == answer
    assert [entry["action"] for entry in await running.entries(answer[1])] == ["request.refused"]
    assert await stored(running) == 0


async def until(running: Running, *, is_kept: bool) -> None:
    """Wait for input to be kept, or not to be."""
    while True:
        if (await stored(running) > 0) is is_kept:
            return
        await asyncio.sleep(0.01)


async def test_a_file_that_is_declared_too_large_is_refused_before_it_comes(
    running: Running, operator: Customer
) -> None:
    answer = await running.raw(operator.head(enrollments.FILE_LIMIT + 1))
    assert statuses(answer) == [413]
    assert [entry["action"] for entry in await running.entries("BAD_REQUEST")] == ["request.refused"]


async def test_a_file_that_grows_past_the_limit_is_cut_and_leaves_nothing(
    running: Running, operator: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrollments, "FILE_LIMIT", 4_000_000)
    assert await operator.send(in_pieces(csv_of(identities(50_000)))) == (413, "BAD_REQUEST")
    assert await stored(running) == 0


async def test_a_client_that_goes_away_in_the_middle_leaves_nothing(running: Running, operator: Customer) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(operator.head(9_000_000) + csv_of(identities(40_000)))
    async with asyncio.timeout(30):
        await writer.drain()
        await until(running, is_kept=True)
        writer.close()
        await until(running, is_kept=False)


async def test_too_many_jobs_at_once_are_refused(
    running: Running, operator: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "UNFINISHED_LIMIT", 0)
    assert await operator.send(csv_of(identities(1))) == (409, "INVALID_STATE")
    assert await stored(running) == 0


async def test_a_long_file_may_take_longer_than_a_body_may_if_it_keeps_coming(settings: Settings) -> None:
    bounds = Bounds(body_seconds=0.5, body_bytes=10_000)
    async with serving(settings, bounds=bounds) as running:
        operator = await customer_of(running, Role.OPERATOR)

        async def slowly(piece: int) -> AsyncIterator[bytes]:
            data = csv_of(identities(1_000))
            for at in range(0, 16 * piece, piece):
                yield data[at : at + piece]
                await asyncio.sleep(0.1)

        status, _ = await operator.send(slowly(5_000))
        assert status == 201
        response = await running.client.post(CLAIM, content=slowly(500), headers=operator.headers)
        assert response.status_code == 408
