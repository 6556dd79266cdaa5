"""T4: who decides while an administrator changes an account, held against what was the account's state when.

Every acceptance that is recorded is right for the records at its place in the log. Every answer is right for a state
that was the account's at some time between a second before the question and the answer.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from app.services.certificates import DeleteCertificate, SetCertificateStatus
from app.store.rows import AccountRow, EntryRow
from app.terms import Service, Status, Usage
from tests.fleet import Device
from tests.house import House, actor_of, upload_of
from tests.rules.authority import Made, make

BOUND_SECONDS = 1.0
"""After how long a change counts everywhere: what is promised, not what is set."""
State = Mapping[str, Status]
"""The status of each record, by its trusted CA."""


class Fleet(NamedTuple):
    """Two CAs, I and S below it, whose devices present all that is above them; and J, which is another tree."""

    cas: Mapping[str, Made]
    devices: Mapping[str, Device]

    @property
    def above(self) -> Mapping[str, str]:
        """The CAs above each device, by name."""
        return {"of I": "I", "of S": "SI", "of J": "J"}

    def right(self, state: State, device: str) -> str:
        """What is to be answered in a state."""
        found = [state[ca] for ca in self.above[device] if ca in state]
        if Status.INACTIVE in found:
            return "BLACKLISTED"
        return "TRUSTED" if found else "NO_TRUST_PATH"


class Told(NamedTuple):
    """What a process answers; `stale_seconds` as it says itself."""

    reason: str
    stale_seconds: float


Telling = Callable[[Device], Awaitable[Told]]
"""How a process is asked about a device."""


@dataclass(frozen=True)
class Asked:
    """A question and its answer, with the instants of both."""

    device: str
    begun: float
    ended: float
    reason: str
    stale_seconds: float


def made_fleet() -> Fleet:
    """One that is valid at the tests' instant and now."""
    first, other = make("I"), make("J")
    sub = make("S", issuer=first)
    ways = {"of I": (first,), "of S": (sub, first), "of J": (other,)}
    devices = {
        name: Device(make(name, issuer=way[0], is_ca=None, key_usage=("digital_signature",)), way)
        for name, way in ways.items()
    }
    return Fleet({"I": first, "S": sub, "J": other}, devices)


@dataclass(frozen=True)
class Reigned:
    """A state, since when it can have been the account's, and until when."""

    state: State
    since: float
    until: float


@dataclass
class Administrator:
    """Changes the account again and again, and notes when each change began and was done."""

    house: House
    account: AccountRow
    fleet: Fleet
    chance: random.Random

    def __post_init__(self) -> None:
        self.state: dict[str, Status] = {}
        self.records: dict[str, str] = {}
        self.acts: list[tuple[float, float, State]] = [(0.0, 0.0, {})]

    async def act(self) -> None:
        """Upload, blacklist, enable or delete a CA."""
        ca = self.chance.choice("IISJ")
        begun = time.monotonic()
        if ca not in self.records:
            chain = [self.fleet.cas[each] for each in ("SI" if ca == "S" else ca)]
            command = upload_of(*chain, name=ca, usage=Usage.THIRD_PARTY_CA, service=Service.LWM2M)
            self.records[ca] = (await self.house.perform(actor_of(self.account), command)).id
            self.state[ca] = Status.ACTIVE
        elif self.chance.random() < 0.2:
            deletion = DeleteCertificate(self.records.pop(ca), confirm_unblock=True)
            await self.house.perform(actor_of(self.account), deletion)
            del self.state[ca]
        else:
            status = Status.ACTIVE if self.state[ca] is Status.INACTIVE else Status.INACTIVE
            await self.house.perform(actor_of(self.account), SetCertificateStatus(self.records[ca], status))
            self.state[ca] = status
        self.acts.append((begun, time.monotonic(), dict(self.state)))

    def reigns(self) -> list[Reigned]:
        """Each state: it may count from when its act began, and until the next one is known to be done."""
        ends = [ended for _, ended, _ in self.acts[1:]]
        return [
            Reigned(state, begun, until)
            for (begun, _, state), until in zip(self.acts, [*ends, float("inf")], strict=True)
        ]


async def ask_until(stop: asyncio.Event, tell: Telling, fleet: Fleet, chance: random.Random) -> list[Asked]:
    """Ask about one device after another."""
    asked = list[Asked]()
    while not stop.is_set():
        device = chance.choice(sorted(fleet.devices))
        begun = time.monotonic()
        told = await tell(fleet.devices[device])
        ended = time.monotonic()
        asked.append(Asked(device, begun, ended, told.reason, told.stale_seconds))
        await asyncio.sleep(chance.random() * 0.01)
    return asked


def explained(answer: Asked, reigns: Iterable[Reigned], fleet: Fleet) -> bool:
    """Whether a state that the process may decide with gives this answer: not older than the bound when it was asked.

    Where the database did not answer in time, what was read last is used, and the answer says for how long already.
    """
    oldest = answer.begun - max(BOUND_SECONDS, answer.stale_seconds)
    return any(
        each.since <= answer.ended and each.until >= oldest and fleet.right(each.state, answer.device) == answer.reason
        for each in reigns
    )


def around(answer: Asked, reigns: Iterable[Reigned]) -> str:
    return "\n".join(str(each) for each in reigns if each.since <= answer.ended and each.until >= answer.begun - 5)


def said(reigns: Sequence[Reigned], answers: Iterable[Asked]) -> str:
    """How long after the commit of a blacklisting a device of the CA was let in by anybody."""
    latest, blocked_since = 0.0, None
    for reign in reigns:
        is_blocked = reign.state.get("I") is Status.INACTIVE
        blocked_since = (reign.since if blocked_since is None else blocked_since) if is_blocked else None
        late = [
            answer.begun - blocked_since
            for answer in answers
            if blocked_since is not None
            and (answer.device, answer.reason) == ("of I", "TRUSTED")
            and reign.since <= answer.begun < reign.until
        ]
        latest = max([latest, *late])
    return f"a blacklisting was seen by all after {latest:.3f} s at the latest"


def check_acceptances(entries: Iterable[EntryRow], fleet: Fleet) -> int:
    """Replay the log: each acceptance is right where it stands. Versions rise, and with every change of records."""
    state, records = dict[str, Status](), dict[str, str]()
    version, is_changed, recorded = 0, False, 0
    for entry in entries:
        body = orjson.loads(entry.body)
        if body["outcome"]["result"] != "success":
            continue
        if body["action"].startswith("certificate."):
            after = body["change"]["after"]
            is_changed = True
            if after is None:
                del state[records[body["target"]["id"]]]
            else:
                records[after["id"]] = after["name"]
                state[after["name"]] = Status(after["status"])
        elif body["action"] == "device.connect":
            change = body["change"]
            assert fleet.right(state, body["target"]["name"]) == "TRUSTED", body
            assert state[records[change["after"]["lwm2m_certificate"]]] is Status.ACTIVE, body
            assert change["trust_version"] > version if is_changed else change["trust_version"] >= version, body
            version, is_changed, recorded = change["trust_version"], False, recorded + 1
    return recorded


async def watch(administrator: Administrator, tellings: Sequence[Telling], acts: int) -> str:
    """Ask everybody while the administrator acts, then hold every answer, and the log, against what reigned when.

    Answers in words what was seen. Raises AssertionError.
    """
    fleet, chance, stop = administrator.fleet, administrator.chance, asyncio.Event()
    asking = [
        asyncio.create_task(ask_until(stop, tell, fleet, random.Random(number)))  # noqa: S311
        for number, tell in enumerate(tellings)
    ]
    for _ in range(acts):
        await administrator.act()
        await asyncio.sleep(chance.choice([0.0, 0.01, 0.3]))
    stop.set()
    answers = [each for asked in await asyncio.gather(*asking) for each in asked]

    reigns = administrator.reigns()
    for answer in answers:
        assert explained(answer, reigns, fleet), f"{answer}\n{around(answer, reigns)}"
    recorded = check_acceptances(await administrator.house.log_of(administrator.account.id), fleet)
    assert recorded > 1
    assert {each.reason for each in answers} >= {"TRUSTED", "BLACKLISTED", "NO_TRUST_PATH"}
    return f"{len(answers)} answers, {recorded} acceptances recorded, {said(reigns, answers)}"
