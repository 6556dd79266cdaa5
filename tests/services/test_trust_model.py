"""T8: whatever is done to an account, in whatever order, its gateway answers as a second telling of the rules does.

Seen to fail where a blacklisting blocked its own service alone; where intermediates were not remembered; where deleting
a blacklisted record asked for no confirmation; where unproven records, or suspended or unclaimed devices, came in;
where a claim was asked for though another path needs none; and where a state was used on after its account had changed.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.actor import Actor, Role, command_line
from app.errors import Refusal
from app.rules.certificate import ParsedCertificate
from app.services.accounts import SetAccountLimit
from app.services.admissions import Admissions
from app.services.asked import Asked
from app.services.certificates import DeleteCertificate, SetCertificateStatus
from app.services.command import Command
from app.services.devices import ResumeDevice, SuspendDevice
from app.services.enrollments import ClaimEnrollment, ReleaseEnrollment
from app.services.last_seen import LastSeen
from app.services.possession import CreatePossessionChallenge, ProvePossession, fresh_nonce
from app.services.possession import asked as asked_for
from app.services.refused_devices import RefusedDevices
from app.services.trust_states import TrustStates
from app.store.rows import AccountRow
from app.terms import Possession, Service, Status, Usage
from tests.connecting import identity_of
from tests.house import ORIGIN, House, actor_of, upload_of
from tests.rules.authority import AT, Made, make
from tests.rules.challenging import signature_of
from tests.services.trust_model import DEVICE_BY, EXPIRED, NO_CA_BELOW, OF_AND_BY, Model, ModelDevice, ModelRecord

EXAMPLES, STEPS = 100, 30
LIMIT, FEW = 6, 2
DAY = timedelta(days=1)
UPLOADED = AT - 100 * DAY
CHAINS = ["R", "X", "I R", "I R", "I' R", "IxX X", "J R", "S I R", "S I R", "SxJ J R", "P R", "Q P R", "E R"]
FITTING = {"dI": "I", "dJ": "J", "dS": "S I", "dP": "P", "dQ": "Q P", "dE": "E"}
"""What devices present when they do as they should."""
PRESENTED = ["", "", "S", "SxJ J", "S I IxX", "I'", "IxX", "Q", "P", "J", "S SxJ"]
THIRD_PARTY = (Usage.THIRD_PARTY_CA, Service.LWM2M)
ENROLLED = (Usage.ENROLLMENT, Service.BOOTSTRAP)
OWN = [(Usage.CREDENTIALS, service) for service in Service]
WRONG = (Usage.THIRD_PARTY_CA, Service.BOOTSTRAP)
WORDS = [THIRD_PARTY, THIRD_PARTY, THIRD_PARTY, ENROLLED, ENROLLED, *OWN, WRONG]

Answer = TypeVar("Answer")
some_services = some.sampled_from(Service)


@cache
def certificates() -> dict[str, Made]:
    """Every certificate of the model, by its label."""
    made = dict[str, Made]()
    for serial, (label, (of, by)) in enumerate(OF_AND_BY.items(), 1):
        key = made[of].key if of in made else None
        issuer = None if of == by else made[by]
        end = AT - DAY if label in EXPIRED else AT + 3650 * DAY
        limit = 0 if label in NO_CA_BELOW else None
        made[label] = make(of, issuer=issuer, key=key, serial=serial, path_length=limit, not_after=end)
    for name, by in DEVICE_BY.items():
        end = AT - DAY if name in EXPIRED else AT + 3650 * DAY
        made[name] = make(name, issuer=made[by], is_ca=None, key_usage=("digital_signature",), not_after=end)
    return made


def label_of(certificate: ParsedCertificate) -> str:
    return next(label for label, made in certificates().items() if made.der == certificate.der)


@dataclass(frozen=True)
class Site:
    """The house for a machine that runs in another thread: `wait` runs in the house's."""

    house: House
    admissions: Admissions
    loop: asyncio.AbstractEventLoop

    def wait(self, coroutine: Coroutine[Any, Any, Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()


class TrustMachine(RuleBasedStateMachine):
    """One account. What it claims it gives up in the end: the next example's account has the same devices."""

    records = Bundle("records")

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.site = site
        self.account: AccountRow = site.wait(site.house.account())
        self.model = Model(LIMIT)
        self.ids = dict[str, str]()
        self.claims = dict[str, str]()

    def teardown(self) -> None:
        for device in sorted(self.claims):
            self.claim_or_release(device, releases=True)

    @initialize(target=records, chain=some.sampled_from(CHAINS))
    def begin(self, chain: str) -> MultipleResults[str]:
        """Little room, and something to begin with."""
        operator = command_line(self.account.id, "root")
        assert self.perform(SetAccountLimit(self.account.id, LIMIT), operator)[1] is None
        first = [("J R", THIRD_PARTY), ("I R", OWN[0]), ("S I R", ENROLLED), (chain, ENROLLED)]
        made = [self.submit(labels.split(), labels, *words) for labels, words in first]
        assert made[1] is not None
        self.prove(made[1])
        return multiple(*(record for record in made if record is not None))

    @rule(
        target=records,
        chain=some.sampled_from(CHAINS),
        number=some.integers(0, 20),
        words=some.sampled_from(WORDS),
    )
    def upload(self, chain: str, number: int, words: tuple[Usage, Service]) -> str | MultipleResults[str]:
        return self.submit(chain.split(), f"record {number}", *words) or multiple()

    @rule(record=records, status=some.sampled_from(Status))
    def set_status(self, record: str, status: Status) -> None:
        _, code = self.perform(SetCertificateStatus(record, status))
        if record in self.model.records:
            self.model.records[record].status = status.value
        assert code == (None if record in self.model.records else "NOT_FOUND")

    @precondition(lambda self: len(self.model.records) > FEW)
    @rule(record=records, confirmed=some.booleans())
    def delete(self, record: str, *, confirmed: bool) -> None:
        expected = "NOT_FOUND"
        if record in self.model.records:
            expected = self.model.why_no_deletion(record, confirmed=confirmed) or ""
        _, code = self.perform(DeleteCertificate(record, confirm_unblock=confirmed))
        assert (code or "") == expected
        if code is None:
            del self.model.records[record]

    @rule(record=records)
    def prove(self, record: str) -> None:
        """Answer a challenge with a signature of the CA's key."""
        known = self.model.records.get(record)
        challenged, code = self.perform(CreatePossessionChallenge(record, fresh_nonce()))
        if known is None or known.is_proven:
            assert code == ("NOT_FOUND" if known is None else "INVALID_STATE")
            return
        assert challenged is not None
        signature = signature_of(certificates()[known.chain[0]], asked_for(challenged.challenge))
        assert self.perform(ProvePossession(challenged.challenge.id, signature))[1] is None
        known.is_proven = True

    @rule(device=some.sampled_from(sorted(DEVICE_BY)), releases=some.booleans())
    def claim_or_release(self, device: str, *, releases: bool) -> None:
        if releases and device in self.claims:
            assert self.perform(ReleaseEnrollment(self.claims.pop(device)))[1] is None
        elif not releases:
            claimed, code = self.perform(ClaimEnrollment(identity_of(certificates()[device])))
            assert code == ("ALREADY_CLAIMED" if device in self.claims else None)
            if claimed is not None:
                self.claims[device] = claimed.id
        self.model.claims = set(self.claims)

    @precondition(lambda self: self.model.devices)
    @rule(place=some.integers(0, 20), suspends=some.booleans())
    def suspend_or_resume(self, place: int, *, suspends: bool) -> None:
        device = sorted(self.model.devices)[place % len(self.model.devices)]
        known = self.model.devices[device]
        command = SuspendDevice(self.ids[device], "test") if suspends else ResumeDevice(self.ids[device])
        _, code = self.perform(command)
        assert code == (None if suspends or known.is_suspended else "INVALID_STATE")
        known.is_suspended = suspends

    @rule(device=some.sampled_from(sorted(DEVICE_BY)), presented=some.sampled_from(PRESENTED), service=some_services)
    def connect(self, device: str, presented: str, service: Service) -> None:
        self.ask(device, presented.split(), service)

    @rule(service=some_services)
    def everybody_comes(self, service: Service) -> None:
        for device in sorted(DEVICE_BY):
            self.ask(device, FITTING.get(device, "").split(), service)

    def submit(self, labels: list[str], name: str, usage: Usage, service: Service) -> str | None:
        """Upload a chain; answers with the record's id, if there is one."""
        expected = self.model.why_no_upload(name, labels, usage.value, service.value)
        chain = [certificates()[each] for each in labels]
        row, code = self.perform(upload_of(*chain, at=UPLOADED, name=name, usage=usage, service=service))
        assert code == expected
        if row is None:
            return None
        is_proven = usage is not Usage.CREDENTIALS
        assert (row.possession is Possession.PENDING) is not is_proven
        self.model.records[row.id] = ModelRecord(name, labels, usage.value, service.value, is_proven=is_proven)
        return row.id

    def ask(self, device: str, labels: list[str], service: Service) -> None:
        """Let a device come, and hold the answer to the model."""
        right = self.model.answers(device, labels, service.value)
        asked = Asked(service, tuple(certificates()[each].der for each in (device, *labels)))
        gateway = actor_of(self.account, Role.GATEWAY)

        answer = self.site.wait(self.site.admissions.ask(gateway, asked, ORIGIN))

        reason = answer.decision.reason.value
        assert reason in right, right
        assert (answer.device_id is not None) == (reason == "TRUSTED")
        if answer.device_id is not None:
            record = answer.decision.records[0].id
            assert record in right[reason]
            # An answer that is given again tells no path, and brings nothing that is not known.
            between = [label_of(each) for each in answer.decision.path[1:-1]] if answer.decision.tried else []
            self.remember(device, record, service, labels, between)
            assert self.ids.setdefault(device, answer.device_id) == answer.device_id

    def remember(self, device: str, record: str, service: Service, labels: list[str], between: list[str]) -> None:
        """What it brought is remembered when it comes otherwise than the last time."""
        known = self.model.devices.setdefault(device, ModelDevice())
        if (known.through.get(service.value), known.presented.get(service.value)) != (record, labels):
            known.through[service.value], known.presented[service.value] = record, labels
            self.model.remembered |= set(between) - self.model.known()

    @invariant()
    def rows_are_the_models(self) -> None:
        sql = (
            "SELECT d.endpoint_name, d.suspended_at IS NOT NULL AS suspended, c.service, c.certificate_id"
            " FROM device AS d JOIN device_credential AS c ON c.device_id = d.id WHERE d.account_id = $1"
        )
        rows = self.site.wait(self.site.house.database.reads.fetch(sql, self.account.id))
        found = {(row["endpoint_name"], row["service"], row["certificate_id"], bool(row["suspended"])) for row in rows}
        assert found == {
            (name, service, record, device.is_suspended)
            for name, device in self.model.devices.items()
            for service, record in device.through.items()
        }

    def perform(self, command: Command[Answer], actor: Actor | None = None) -> tuple[Answer | None, str | None]:
        """What a command answers, or the code of its refusal."""
        try:
            return self.site.wait(self.site.house.perform(actor or actor_of(self.account), command)), None
        except Refusal as refusal:
            return None, refusal.recorded_code


async def test_a_gateway_answers_as_a_model_of_the_rules_does(house: House) -> None:
    database = house.database
    loop = asyncio.get_running_loop()
    admissions = Admissions(
        database,
        house.door,
        house.clock,
        TrustStates(database, loop.time, bridge_seconds=30),
        RefusedDevices(database, house.door, house.clock),
        LastSeen(database),
    )
    site = Site(house, admissions, loop)

    class Machine(TrustMachine):
        def __init__(self) -> None:
            super().__init__(site)

    wanted = settings(max_examples=EXAMPLES, stateful_step_count=STEPS)
    await asyncio.to_thread(run_state_machine_as_test, Machine, settings=wanted)
    await admissions.refused.flush(everything=True)
    await admissions.seen.flush()
