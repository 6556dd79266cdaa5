"""Random worlds in a real account: what the preview says of a change, and what the change then does, device by device.

What is answered before and after is asked of the gate's own functions. Seen to fail where the preview took an unproven
upload for proven, forgot the intermediates that the account remembers, or took a deletion for a blacklisting; where it
counted suspended devices or expired ones; where it took devices that present different certificates, or have different
names under a constraint, for one kind; where it forgot those whom it did not look at; where it asked as of another
instant; where a suspension did not reach the other devices of a certificate, or was said of a device that is
blacklisted; where an effect listed others than those that names single out; and where those whom only the names in a
record's chain concern were passed over.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pytest
from cryptography import x509

from app.actor import Role
from app.impact import DeviceKind, Impact
from app.reasons import Reason
from app.rules.certificate import parse_cached
from app.rules.der import apart
from app.rules.profile import dated
from app.rules.trust_store import Record
from app.services import decisions
from app.services import impact as previewing
from app.services.admissions import Answer
from app.services.asked import Asked
from app.services.certificates import DeleteCertificate, SetCertificateStatus
from app.services.impact import UPLOADED, Change, Deletion, StatusChange, Upload, impact
from app.services.trust_states import load
from app.store import device_kinds, device_reads
from app.store.connection import Engine, Row
from app.store.paging import Window
from app.terms import Possession, Service, Status, Usage
from tests.connecting import Gateway
from tests.house import ORIGIN, House, actor_of
from tests.rules.authority import AT, Made, make
from tests.services.settled import Settled, settle
from tests.world_making import BAD_HOST, GOOD_HOST, world
from tests.worlds import Ca, Came, Held, World

WORLDS = {Engine.SQLITE: 1_000, Engine.POSTGRES: 200}
AT_ONCE = 10

_REGISTRATIONS = (
    "SELECT device_id, service, certificate_id, issuer_sha256, presented_sha256, key_sha256, leaf, presented"
    " FROM device_credential WHERE account_id = $1 ORDER BY device_id, service"
)
_EVERYBODY = Window(1_000)


class Happened(NamedTuple):
    """What happens to a device at a service: its kind, and each time the reason and the record that lets it in."""

    device_id: str
    kind: DeviceKind
    before: tuple[Reason, str | None]
    after: tuple[Reason, str | None]


@dataclass(frozen=True)
class Trial:
    """A change of a settled world, what was said of it, and what it did."""

    settled: Settled
    change: Change
    told: Impact
    listed: tuple[list[str], ...]
    """The devices of each effect, by their ids, as they were listed before the change."""
    happened: tuple[Happened, ...]

    def __str__(self) -> str:
        names = {record: name for name, record in self.settled.records.items()}
        return f"{self.change}\nrecords: {names}\n{self.told}\n{self.settled.world}"

    @property
    def changed(self) -> set[Happened]:
        """For whom something changed, by what."""
        return {each for each in self.happened if each.before != each.after}

    @property
    def claimed(self) -> set[Happened]:
        """The same as the preview says it."""
        claims = set[Happened]()
        for each, ids in zip(self.told.effects, self.listed, strict=True):
            assert each.devices == len(ids) == len(set(ids)), str(self)
            before, after = (each.before, each.record_before), (each.after, each.record_after)
            claims |= {Happened(device_id, each.kind, before, after) for device_id in ids}
        return claims

    @property
    def refused(self) -> set[tuple[str, Service]]:
        """The devices that the preview said would be refused, and where."""
        return {
            (device_id, each.kind.service)
            for each, ids in zip(self.told.effects, self.listed, strict=True)
            for device_id in ids
            if each.after is not Reason.TRUSTED
        }


async def trials(house: House, count: int) -> AsyncIterator[Trial]:
    """So many trials, several at a time."""
    for start in range(0, count, AT_ONCE):
        together = range(start, min(start + AT_ONCE, count))
        for trial in await asyncio.gather(*(try_change(house, number) for number in together)):
            yield trial


async def try_change(house: House, number: int) -> Trial:
    """Settle a world, ask what a change would do, and make it."""
    chance = random.Random(number)  # noqa: S311  # which change is no secret
    found = world(number, at=AT)
    spare = found.held[-1] if len(found.held) > 1 and chance.random() < 0.4 else None
    settled = await settle(house, found, chance, found.held[:-1] if spare else found.held)
    return await make_change(settled, _change(chance, settled, spare), spare)


async def make_change(settled: Settled, change: Change, spare: Held | None) -> Trial:
    """Ask what a change would do, and make it."""
    reads = settled.house.database.reads
    account_id = settled.account.id
    told = await impact(reads, account_id, change, at=AT)
    pages = await device_kinds.members_pages(reads, account_id, [each.members for each in told.effects], _EVERYBODY)
    listed = tuple([row.id for row in page.rows] for page in pages)
    before = await _moment(settled)
    made = await _make(settled, change, spare)
    after = await _moment(settled, made)
    return Trial(settled, change, told, listed, tuple(_happened(before, after)))


def _change(chance: random.Random, settled: Settled, spare: Held | None) -> Change:
    if spare is not None:
        record = spare.record
        possession = Possession.PENDING if record.possession is Possession.PENDING else Possession.NOT_REQUIRED
        return Upload(
            Record(UPLOADED, spare.name, Status.ACTIVE, record.service, record.usage, possession, record.chain)
        )
    record_id = chance.choice(sorted(settled.records.values()))
    changes: list[Change] = [
        Deletion(record_id),
        *(StatusChange(record_id, status) for status in Status),
        StatusChange(record_id, Status.INACTIVE, suspend_devices=True),
        StatusChange(record_id, Status.ACTIVE, resume_devices=True),
    ]
    return chance.choice(changes)


async def _make(settled: Settled, change: Change, spare: Held | None) -> str | None:
    """Make a change; answers with the id of an upload's record."""
    match change:
        case StatusChange():
            command = SetCertificateStatus(
                change.certificate_id,
                change.status,
                suspend_devices=change.suspend_devices,
                resume_devices=change.resume_devices,
            )
            await settled.house.perform(settled.admin, command)
        case Deletion():
            await settled.house.perform(settled.admin, DeleteCertificate(change.certificate_id, confirm_unblock=True))
        case Upload():
            assert spare is not None
            await settled.ask_for_proof(enabled=spare.possession is Possession.PENDING)
            return await settled.upload(spare)
    return None


@dataclass(frozen=True)
class _Moment:
    """How things are before the change, or after it: the registrations, and the answer that the gate gives to each.

    `suspended` holds the certificates that a suspended device was let in with.
    """

    rows: Sequence[Row]
    answers: list[tuple[Reason, str | None]]
    suspended: set[bytes]


async def _moment(settled: Settled, made: str | None = None) -> _Moment:
    """How things are now. `made` is the id of the record that the change made."""
    reads, account_id = settled.house.database.reads, settled.account.id
    state = await load(reads, account_id)
    rows = await reads.fetch(_REGISTRATIONS, account_id)
    devices = await device_reads.devices(reads, account_id, (row["device_id"] for row in rows))
    asked = [(devices[row["device_id"]], _asked(row, devices[row["device_id"]].endpoint_name)) for row in rows]
    answers = [
        (each.decision.reason, each.decision.records[0].id if each.decision.is_allowed else None)
        for each in await decisions.of_devices(reads, state, asked, AT)
    ]
    answers = [(reason, UPLOADED if record is not None and record == made else record) for reason, record in answers]
    keys = {bytes(row["key_sha256"]) for row in rows}
    return _Moment(rows, answers, set(await device_reads.suspended_by_key(reads, account_id, keys)))


def _asked(row: Row, name: str) -> Asked:
    return Asked(Service(row["service"]), (bytes(row["leaf"]), *apart(bytes(row["presented"]))), name)


def _happened(before: _Moment, after: _Moment) -> Iterator[Happened]:
    """What happens to each registration that is valid now and whose device does not stay suspended."""
    for row, answer, later in zip(before.rows, before.answers, after.answers, strict=True):
        leaf, key = parse_cached(bytes(row["leaf"])), bytes(row["key_sha256"])
        is_over = any(finding.code.value in _NOT_NOW for finding in dated(leaf, at=AT))
        if is_over or (key in before.suspended and key in after.suspended):
            continue
        kind = DeviceKind(
            Service(row["service"]), row["certificate_id"], bytes(row["issuer_sha256"]), bytes(row["presented_sha256"])
        )
        yield Happened(row["device_id"], kind, answer, later)


async def _let_in(trial: Trial) -> list[Answer]:
    """Which of the devices that were said to be refused the gate lets in, once the change is made."""
    settled, reads = trial.settled, trial.settled.house.database.reads
    gateway = Gateway(settled.house, settled.account.id)
    gateway.admissions.clock = lambda: AT
    devices = await device_reads.devices(reads, settled.account.id, (device_id for device_id, _ in trial.refused))
    answers = list[Answer]()
    for row in await reads.fetch(_REGISTRATIONS, settled.account.id):
        if (row["device_id"], row["service"]) in trial.refused:
            asked = _asked(row, devices[row["device_id"]].endpoint_name)
            answers.append(await gateway.admissions.ask(actor_of(settled.account, Role.GATEWAY), asked, ORIGIN))
    await gateway.flush()
    return [answer for answer in answers if answer.decision.is_allowed]


_NOT_NOW = {"CERT_EXPIRED", "NOT_YET_VALID"}


async def test_a_change_does_to_every_device_what_the_preview_says(
    house: House, engine: Engine, pytestconfig: pytest.Config
) -> None:
    count = WORLDS[Engine.SQLITE] if pytestconfig.getoption("--full") else WORLDS[engine]
    seen = Counter[str]()
    async for trial in trials(house, count):
        assert trial.claimed == trial.changed, str(trial)
        assert trial.told.unchanged == len(trial.happened) - len(trial.changed), str(trial)
        assert trial.told.unknown == 0, str(trial)
        assert not await _let_in(trial), str(trial)
        seen.update(losing=trial.told.losing, gaining=trial.told.gaining, moving=trial.told.moving)
        seen.update(unchanged=trial.told.unchanged, refused=len(trial.refused))
        seen.update(together=len(trial.happened) - len({each[1:] for each in trial.happened}))
    # Each of these must happen, for the rest to mean anything.
    assert all(seen.values()), seen


async def test_devices_that_are_too_many_to_ask_one_by_one_are_counted_as_unknown(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is said of the others stays true: no device is said to change in a way in which none does."""
    limit, unknown = 1, 0
    monkeypatch.setattr(previewing, "SINGLY_LIMIT", limit)
    async for trial in trials(house, 100):
        assert trial.claimed <= trial.changed, str(trial)
        assert trial.told.unchanged <= len(trial.happened) - len(trial.changed), str(trial)
        said = len(trial.claimed) + trial.told.unchanged + trial.told.unknown
        assert said == len(trial.happened), str(trial)
        unknown += trial.told.unknown
    assert unknown


async def test_devices_of_one_kind_part_where_a_ca_constrains_names(house: House) -> None:
    """I is trusted, and so is I' with the same key, which vouches for one domain alone: then I is deleted."""
    root = make("R")
    plain = make("I", issuer=root)
    domain = x509.NameConstraints([x509.DNSName(GOOD_HOST)], None)
    narrow = make("I", issuer=root, key=plain.key, serial=2, extensions=[(domain, True)])
    cas = (Ca("R", "R", "R", root), Ca("I", "I", "R", plain), Ca("I'", "I", "R", narrow))
    words = (Service.LWM2M, Usage.THIRD_PARTY_CA, Possession.NOT_REQUIRED, Status.ACTIVE)
    held = (Held("first", (cas[1], cas[0]), *words), Held("second", (cas[2], cas[0]), *words))
    devices = tuple(_of_host(host, plain) for host in (GOOD_HOST, BAD_HOST))
    drawn = World(0, AT, cas, held, devices, ())
    settled = await settle(house, drawn, random.Random(0), held, suspending=0)  # noqa: S311  # nobody is suspended

    trial = await make_change(settled, Deletion(settled.records["first"]), None)

    assert trial.claimed == trial.changed, str(trial)
    assert (trial.told.losing, trial.told.moving, len({each.kind for each in trial.happened})) == (1, 1, 1)


def _of_host(host: str, issuer: Made) -> Came:
    name = x509.SubjectAlternativeName([x509.DNSName(f"device.{host}")])
    made = make(host, issuer=issuer, is_ca=None, key_usage=("digital_signature",), extensions=[(name, False)])
    return Came(host, "I", made, ())
