"""The past, rebuilt from the log alone, against the state rows as they were when it was the present."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.actor import ANONYMOUS, Actor, command_line
from app.audit import events, possession_events
from app.audit.entry import account_stream
from app.audit.events import CERTIFICATE_MADE, CERTIFICATE_NOTED, CertificateDeleted, CertificateUploaded
from app.audit.notary import Notary
from app.errors import HistoryUnavailable, Refusal
from app.services import history
from app.services.accounts import Feature, SetAccountFeature, SetAccountLimit, SetAccountTier
from app.services.audit_log import ReadAuditLog
from app.services.certificates import DeleteCertificate, SetCertificateStatus, UpdateCertificate
from app.services.door import Command
from app.services.history import Point
from app.store import models, reads
from app.store.rows import AccountRow, CertificateRow
from app.terms import Status, Tier
from tests.audit.notaries import sign_all, started
from tests.audit.owner import owning
from tests.house import ORIGIN, House, actor_of, upload_of
from tests.rules.authority import AT, Made, make

FUTURE = AT + timedelta(days=36_500)
Snapshot = tuple[AccountRow | None, dict[str, CertificateRow]]


@cache
def authority(number: int) -> Made:
    return make(f"CA {number}")


async def present(house: House, account_id: str) -> Snapshot:
    """The state rows."""
    found = await models.Certificate.filter(account_id=account_id).using_db(house.database.reads.orm).values()
    records = [CertificateRow.of(row) for row in found]
    return await reads.account(house.database.reads, account_id), {record.id: record for record in records}


async def past(house: House, point: Point) -> Snapshot:
    """What the log says."""
    trusted = await history.trusted(house.database.reads, point)
    assert set(trusted.chains) == {record.chain for record in trusted.records}
    return await history.account(house.database.reads, point), {record.id: record for record in trusted.records}


@dataclass
class Life:
    """An account that acts at random, and what it was after each of its entries."""

    house: House
    account: AccountRow
    admin: Actor
    notary: Notary
    snapshots: list[Snapshot] = field(default_factory=list)
    """What the account was after so many entries of its own; the first is what it was opened as."""

    @classmethod
    async def begin(cls, house: House, folder: Path) -> "Life":
        account = await house.account()
        life = cls(house, account, actor_of(account), await started(house.database, folder))
        life.snapshots.append(await present(house, account.id))
        return life

    async def act(self, command: Command[Any], actor: Actor | None = None) -> None:
        with suppress(Refusal):
            await self.house.perform(actor or self.admin, command)
        self.snapshots.append(await present(self.house, self.account.id))

    async def repeat(self, number: int) -> None:
        """An upload that is done the first time and answered again after that."""
        command = upload_of(authority(number), name=f"Once {number}")
        with suppress(Refusal):
            await self.house.door.perform_once(self.admin, command, ORIGIN, f"once {number}")
        self.snapshots.append(await present(self.house, self.account.id))

    async def step(self, what: str, number: int) -> None:
        """One act, or a clock that is set, or a checkpoint."""
        records = list(self.snapshots[-1][1].values())
        chosen = records[number % len(records)].id if records else "f" * 32
        operator = command_line(self.account.id, "root")
        acts: dict[str, Callable[[], Awaitable[object]]] = {
            "upload": lambda: self.act(upload_of(authority(number), name=f"CA {number}")),
            "repeat": lambda: self.repeat(number),
            "develop": lambda: self.act(self.house.developing(f"Developer {number}")),
            "rename": lambda: self.act(UpdateCertificate(chosen, name=f"Renamed {number}")),
            "describe": lambda: self.act(UpdateCertificate(chosen, description=None if number % 2 else f"{number}")),
            "blacklist": lambda: self.act(SetCertificateStatus(chosen, Status.INACTIVE, "Why not")),
            "enable": lambda: self.act(SetCertificateStatus(chosen, Status.ACTIVE)),
            "delete": lambda: self.act(DeleteCertificate(chosen, confirm_unblock=True)),
            "stale": lambda: self.act(DeleteCertificate(chosen, expected_version=99)),
            "read": lambda: self.act(ReadAuditLog("auditEvents")),
            "tier": lambda: self.act(SetAccountTier(self.account.id, list(Tier)[number % 2]), operator),
            "limit": lambda: self.act(SetAccountLimit(self.account.id, number or None), operator),
            "feature": lambda: self.act(
                SetAccountFeature(self.account.id, Feature.REQUIRE_POSSESSION, enabled=bool(number % 2)), operator
            ),
            "others": lambda: self.others(number),
            "forth": lambda: self.wait(number),
            "back": lambda: self.wait(-number),
            "sign": lambda: sign_all(self.notary),
        }
        await acts[what]()

    async def others(self, number: int) -> None:
        """Another account does the same, and somebody is refused."""
        await self.house.upload(actor_of(await self.house.account()), authority(number))
        with pytest.raises(Refusal):
            await self.house.perform(ANONYMOUS, upload_of(authority(number)))

    async def wait(self, minutes: int) -> None:
        self.house.clock.advance(timedelta(minutes=minutes))

    async def times(self) -> list[datetime]:
        """When each of the account's own entries was made."""
        return [entry.time for entry in await self.house.log_of(self.account.id)]

    def expected(self, times: list[datetime], instant: datetime) -> Snapshot:
        """What the account was at an instant: the last entry that is not later, and all before it."""
        made = [number for number, time in enumerate(times, start=1) if time <= instant]
        if not made and instant < self.account.created_at:
            return None, {}
        return self.snapshots[max(made, default=0)]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ("upload", "upload", "develop", "repeat", "rename", "describe", "blacklist", "enable", "delete", "stale",
             "read", "tier", "limit", "feature", "others", "forth", "back", "sign")
        ),
        st.integers(0, 5),
    ),
    min_size=5,
    max_size=30,
)  # fmt: skip


@given(steps=STEPS)
@example(steps=[("repeat", 1), ("repeat", 1)])
@example(steps=[("upload", 1), ("forth", 5), ("delete", 0), ("back", 3), ("develop", 2), ("sign", 0)])
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
async def test_any_past_is_what_the_state_was(house: House, tmp_path: Path, steps: list[tuple[str, int]]) -> None:
    life = await Life.begin(house, tmp_path)
    for what, number in steps:
        await life.step(what, number)
    connection, account_id = house.database.reads, life.account.id
    times = await life.times()
    assert len(times) == len(life.snapshots) - 1
    instants = {life.account.created_at, *times}
    for instant in {*instants, *(instant - timedelta(microseconds=1) for instant in instants)}:
        point = await history.point_in_time(connection, account_id, instant, now=FUTURE)
        assert await past(house, point) == life.expected(times, instant)
    await sign_all(life.notary)
    await require_every_size(life)
    point = await history.point_in_time(connection, account_id, FUTURE, now=FUTURE)
    assert await past(house, point) == await present(house, account_id)


async def require_every_size(life: Life) -> None:
    """At every size of the tree the account is what its last entry there left, and the checkpoint covers that size."""
    connection = life.house.database.reads
    stream = account_stream(life.account.id)
    rows = await connection.fetch(
        "SELECT l.leaf_index, e.stream, e.aseq, e.target_id FROM audit_leaf AS l JOIN audit_entry AS e ON e.seq = l.seq"
        " ORDER BY l.leaf_index"
    )
    number, opened = 0, False
    for row in rows:
        opened = opened or (row["stream"] == "sys/0" and row["target_id"] == life.account.id)
        number = row["aseq"] if row["stream"] == stream else number
        size = row["leaf_index"] + 1
        if row["stream"] != stream and row["target_id"] != life.account.id:
            continue
        point = await history.point_in_tree(connection, life.account.id, size)
        assert await past(life.house, point) == (life.snapshots[number] if number or opened else (None, {}))
        assert point.checkpoint is not None
        assert point.checkpoint.size >= size


async def test_a_point_in_time_names_the_first_checkpoint_that_covers_it(house: House, tmp_path: Path) -> None:
    life = await Life.begin(house, tmp_path)
    connection, account_id = house.database.reads, life.account.id

    async def point(at: datetime) -> tuple[int | None, int | None]:
        found = await history.point_in_time(connection, account_id, at, now=FUTURE)
        return found.tree_size, None if found.checkpoint is None else found.checkpoint.size

    opened, size = life.account.created_at, 1
    assert await point(opened) == (None, None)
    await sign_all(life.notary)
    assert await point(opened) == (size, size)
    for what in ("upload", "read"):
        await life.step(what, 1)
    first, second = await life.times()
    assert await point(first) == (None, None)
    assert await point(opened) == (size, size)
    await sign_all(life.notary)
    assert await point(first) == (size + 1, size + 2)
    assert await point(second) == (size + 2, size + 2)
    await life.step("read", 1)
    await sign_all(life.notary)
    assert await point(second) == (size + 2, size + 2)
    assert await point(opened - timedelta(microseconds=1)) == (None, None)


async def test_a_checkpoint_that_is_not_published_is_not_shown(house: House, tmp_path: Path) -> None:
    life = await Life.begin(house, tmp_path)
    await life.step("upload", 1)
    connection, account_id = house.database.reads, life.account.id

    def stop(_: object) -> None:
        raise RuntimeError("stopped before it was published")

    life.notary.passed = lambda step: stop(step) if step.value == "committed" else None
    with pytest.raises(RuntimeError, match="stopped"):
        await life.notary.cycle()
    point = await history.point_in_time(connection, account_id, FUTURE, now=FUTURE)
    assert (point.tree_size, point.checkpoint) == (1, None)
    with pytest.raises(HistoryUnavailable):
        await history.point_in_tree(connection, account_id, 1)


async def test_what_the_log_has_not_come_to_is_refused(house: House, tmp_path: Path) -> None:
    life = await Life.begin(house, tmp_path)
    connection, account_id = house.database.reads, life.account.id
    with pytest.raises(HistoryUnavailable, match="No checkpoint covers 1 entries: the newest covers 0"):
        await history.point_in_tree(connection, account_id, 1)
    await sign_all(life.notary)
    assert (await history.point_in_tree(connection, account_id, 1)).exists
    assert not (await history.point_in_tree(connection, account_id, 0)).exists
    with pytest.raises(HistoryUnavailable, match="newest covers 1"):
        await history.point_in_tree(connection, account_id, 2)
    now = house.clock.now
    assert (await history.point_in_time(connection, account_id, now, now=now)).exists
    with pytest.raises(HistoryUnavailable, match="yet to come"):
        await history.point_in_time(connection, account_id, now + timedelta(microseconds=1), now=now)


async def spoil(url: str, sql: str, *args: object) -> None:
    async with owning(url) as owner:
        await owner.take_guards_away()
        await owner.execute(sql, *args)
        await owner.put_guards_back()


@pytest.mark.parametrize("change", ["DELETE FROM audit_body", "UPDATE audit_body SET body = $1"])
async def test_what_was_archived_or_changed_is_refused_and_not_guessed(
    database: Any, migrated_url: str, tmp_path: Path, change: str
) -> None:
    house = House(database)
    life = await Life.begin(house, tmp_path)
    for what, number in (("upload", 1), ("upload", 2), ("delete", 0), ("tier", 0)):
        await life.step(what, number)
    connection, account_id = database.reads, life.account.id
    point = await history.point_in_time(connection, account_id, FUTURE, now=FUTURE)
    entries, args = await house.log_of(account_id), (b"{}",) if "$1" in change else ()
    # What was deleted is gone, whatever became of what the log said of it.
    gone, kept, tier = (next(seq for seq in seqs if seq) for seqs in (
        [e.seq for e in entries if e.action == CertificateDeleted.kind],
        [e.seq for e in entries if e.action == CertificateUploaded.kind and e.target_id in life.snapshots[-1][1]],
        [e.seq for e in entries if e.action.startswith("account.")],
    ))  # fmt: skip
    await spoil(migrated_url, f"{change} WHERE seq = {gone}", *args)
    assert await past(house, point) == life.snapshots[-1]
    await spoil(migrated_url, f"{change} WHERE seq = {kept}", *args)
    with pytest.raises(HistoryUnavailable, match="archived" if not args else "not what was hashed"):
        await history.trusted(connection, point)
    assert await history.account(connection, point) == life.snapshots[-1][0]
    await spoil(migrated_url, f"{change} WHERE seq = {tier}", *args)
    with pytest.raises(HistoryUnavailable, match="archived" if not args else "not what was hashed"):
        await history.account(connection, point)


async def test_the_rows_of_state_are_not_looked_at(database: Any, migrated_url: str, tmp_path: Path) -> None:
    life = await Life.begin(House(database), tmp_path)
    for what, number in (("upload", 1), ("tier", 0), ("blacklist", 0)):
        await life.step(what, number)
    point = await history.point_in_time(database.reads, life.account.id, FUTURE, now=FUTURE)
    await spoil(migrated_url, "DELETE FROM certificate")
    await spoil(migrated_url, "UPDATE account SET name = 'forged', tier = 'COMMERCIAL'")
    assert await past(life.house, point) == life.snapshots[-1]


def test_every_action_that_changes_these_objects_is_known() -> None:
    about = {event.kind for event in events.EVENTS if event.kind.startswith(("account.", "certificate."))}
    about.add(possession_events.PossessionProven.kind)
    known = {history.ACCOUNT_MADE, *history.ACCOUNT_CHANGES, *history.CERTIFICATE_CHANGES}
    assert about - {CERTIFICATE_NOTED} == known | {*CERTIFICATE_MADE, history.CERTIFICATE_ENDED}
