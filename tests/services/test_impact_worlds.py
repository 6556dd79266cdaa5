"""Random worlds in a real account: what the preview says of a change, and what the change then does, device by device.

Seen to fail where the preview took an unproven upload for proven, forgot the intermediates that the account remembers,
or took a deletion for a blacklisting; where it counted suspended devices or expired ones; where it took devices that
present different certificates, or have different names under a constraint, for one kind; where it forgot those whom it
did not look at; and where it asked as of another instant.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pytest
from cryptography import x509

from app.impact import DeviceKind, Impact
from app.reasons import Reason
from app.rules.certificate import parse_cached
from app.rules.decision import Question
from app.rules.der import apart
from app.rules.profile import dated
from app.rules.trust import decide
from app.rules.trust_store import Record, TrustStore
from app.services import impact as previewing
from app.services.certificates import DeleteCertificate, SetCertificateStatus
from app.services.impact import UPLOADED, Change, Deletion, StatusChange, Upload, impact
from app.services.trust_states import load
from app.store.connection import Engine, Row
from app.store.device_reads import IS_SUSPENDED
from app.terms import Possession, Service, Status, Usage
from tests.house import House
from tests.rules.authority import AT, Made, make
from tests.services.settled import Settled, settle
from tests.world_making import BAD_HOST, GOOD_HOST, world
from tests.worlds import Ca, Came, Held, World

WORLDS = {Engine.SQLITE: 1_000, Engine.POSTGRES: 200}
AT_ONCE = 10

_REGISTRATIONS = (
    "SELECT c.service, c.certificate_id, c.issuer_sha256, c.presented_sha256, c.leaf, c.presented,"
    f" CASE WHEN {IS_SUSPENDED} THEN 1 ELSE 0 END AS suspended FROM device_credential AS c"
    " JOIN device AS d ON d.id = c.device_id WHERE c.account_id = $1 ORDER BY c.device_id, c.service"
)


class Happened(NamedTuple):
    """What happens to a registration: its kind, and each time the reason and the record that lets it in."""

    kind: DeviceKind
    before: tuple[Reason, str | None]
    after: tuple[Reason, str | None]


@dataclass(frozen=True)
class Trial:
    """A change of a settled world, what was said of it, and what it did."""

    settled: Settled
    change: Change
    told: Impact
    happened: tuple[Happened, ...]

    def __str__(self) -> str:
        names = {record: name for name, record in self.settled.records.items()}
        return f"{self.change}\nrecords: {names}\n{self.told}\n{self.settled.world}"

    @property
    def changed(self) -> Counter[Happened]:
        """For whom something changed, by what."""
        return Counter(each for each in self.happened if each.before != each.after)

    @property
    def claimed(self) -> Counter[Happened]:
        """The same as the preview says it."""
        claims = Counter[Happened]()
        for each in self.told.effects:
            before, after = (each.before, each.record_before), (each.after, each.record_after)
            claims[Happened(each.kind, before, after)] += each.devices
        return claims


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
    told = await impact(reads, settled.account.id, change, at=AT)
    before = await load(reads, settled.account.id), await reads.fetch(_REGISTRATIONS, settled.account.id)
    made = await _make(settled, change, spare)
    after = await load(reads, settled.account.id, before[0]), await reads.fetch(_REGISTRATIONS, settled.account.id)
    moments = [_Moment(state.store, rows, settled.claimed, made) for state, rows in (before, after)]
    return Trial(settled, change, told, tuple(_happened(*moments)))


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
    """How things are before the change, or after it, with the id of the record that it makes."""

    store: TrustStore
    rows: Sequence[Row]
    claimed: set[bytes]
    made: str | None

    def answer(self, row: Row, question: Question) -> tuple[Reason, str | None]:
        """What is answered to a registration. A suspension is said first, whatever the certificates say."""
        if row["suspended"]:
            return Reason.DEVICE_SUSPENDED, None
        decision = decide(self.store, question)
        if not decision.is_allowed:
            return decision.reason, None
        record = decision.records[0]
        if record.usage is Usage.ENROLLMENT and question.device.der not in self.claimed:
            return Reason.NOT_ENROLLED, None
        return decision.reason, UPLOADED if record.id == self.made else record.id


def _happened(before: _Moment, after: _Moment) -> Iterator[Happened]:
    """What happens to each registration that is valid now and whose device does not stay suspended."""
    for row, later in zip(before.rows, after.rows, strict=True):
        presented = tuple(parse_cached(each) for each in (bytes(row["leaf"]), *apart(bytes(row["presented"]))))
        is_over = any(finding.code.value in _NOT_NOW for finding in dated(presented[0], at=AT))
        if is_over or (row["suspended"] and later["suspended"]):
            continue
        question = Question(presented, Service(row["service"]), AT)
        kind = DeviceKind(
            question.service, row["certificate_id"], bytes(row["issuer_sha256"]), bytes(row["presented_sha256"])
        )
        yield Happened(kind, before.answer(row, question), after.answer(later, question))


_NOT_NOW = {"CERT_EXPIRED", "NOT_YET_VALID"}


async def test_a_change_does_to_every_device_what_the_preview_says(
    house: House, engine: Engine, pytestconfig: pytest.Config
) -> None:
    count = WORLDS[Engine.SQLITE] if pytestconfig.getoption("--full") else WORLDS[engine]
    seen = Counter[str]()
    async for trial in trials(house, count):
        assert trial.claimed == trial.changed, str(trial)
        assert trial.told.unchanged == len(trial.happened) - trial.changed.total(), str(trial)
        assert trial.told.unknown == 0, str(trial)
        seen.update(losing=trial.told.losing, gaining=trial.told.gaining, moving=trial.told.moving)
        seen.update(unchanged=trial.told.unchanged, together=len(trial.happened) - len(set(trial.happened)))
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
        assert trial.told.unchanged <= len(trial.happened) - trial.changed.total(), str(trial)
        said = trial.claimed.total() + trial.told.unchanged + trial.told.unknown
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
