"""What would be decided about a device, now or at a point of the past. Nobody is let in, and nothing is recorded."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from app.audit.enrollment_events import EnrollmentReleased, EnrollmentsReleased
from app.errors import CertificateRejected
from app.reasons import Reason
from app.rules import admission, pem
from app.rules.decision import Decision
from app.rules.trust_store import TrustStore
from app.services import history
from app.services.asked import Asked, decided, refusal
from app.services.devices import as_it_stands, comer_of
from app.services.history import Point, Trusted
from app.services.submission import authority
from app.services.trust_states import TrustState, record_of
from app.store import device_matching, device_reads, enrollments
from app.store.connection import Connection
from app.store.device_rows import DeviceRow
from app.store.past_claims import was_claimed
from app.terms import Service

CLAIM_ENDED = (EnrollmentReleased.kind, EnrollmentsReleased.kind)


class Presented(NamedTuple):
    """A chain that somebody holds: PEM text with the device's certificate first, or that certificate alone as DER."""

    source: str | bytes
    service: Service
    endpoint_name: str | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision, and what it was made with. `trusted` is what the log says of a past; None of now."""

    decision: Decision
    store: TrustStore
    trusted: Trusted | None = None


async def present(connection: Connection, state: TrustState, presented: Presented, at: datetime) -> Decided:
    """What would be decided now about a chain, and the device that it belongs to. What cannot be read is refused."""
    decision = await asyncio.to_thread(_decide, state.store, presented, at)
    if decision.is_allowed:
        match = await device_matching.match(connection, state.account_id, comer_of(decision, presented.endpoint_name))
        is_claimed = False
        if admission.needs_claim(decision) and match.held_by is None:
            claim = await enrollments.claim(connection, state.account_id, admission.claimed_by(decision), at)
            is_claimed = claim is not None and claim.comes_first
        decision = as_it_stands(decision, match, is_claimed=is_claimed)
    return Decided(decision, state.store)


async def past(connection: Connection, point: Point, presented: Presented) -> Decided:
    """What would have been decided about a chain at a point of the past, by the records and claims of then.

    Of devices, their suspensions, intermediates that were remembered, and other accounts nothing is looked at: the
    decision takes what is presented, and what the account had uploaded and claimed. Raises HistoryUnavailable.
    """
    trusted = await history.trusted(connection, point)
    records = [record_of(row, trusted.chains[row.chain]) for row in trusted.records]
    store = TrustStore(sorted(records, key=lambda record: record.id))
    decision = await asyncio.to_thread(_decide, store, presented, point.time)
    if admission.needs_claim(decision):
        fingerprint, at = decision.question.device.fingerprint, decision.question.at
        is_claimed = await was_claimed(connection, point.account_id, fingerprint, point.seq, at, ended=CLAIM_ENDED)
        decision = admission.of_device(decision, is_suspended=False, held_by=None, is_claimed=is_claimed)
    return Decided(decision, store, trusted)


async def of_devices(
    connection: Connection, state: TrustState, asked: Sequence[tuple[DeviceRow, Asked]], at: datetime
) -> list[Decided]:
    """What would be decided now about each device, if it came with this."""
    decisions = await asyncio.to_thread(_decide_each, state.store, [each for _, each in asked], at)
    keys = {authority(each.question.device) for each in decisions if each.is_allowed}
    suspended = await device_reads.suspended_by_key(connection, state.account_id, keys)
    to_claim = {admission.claimed_by(each) for each in decisions if admission.needs_claim(each)}
    claimed = await enrollments.claimed_among(connection, state.account_id, to_claim, at)
    return [
        Decided(_of_device(device, decision, suspended, claimed), state.store)
        for (device, _), decision in zip(asked, decisions, strict=True)
    ]


def _of_device(device: DeviceRow, decision: Decision, suspended: Mapping[bytes, str], claimed: set[bytes]) -> Decision:
    if not decision.is_allowed:
        return decision  # also of a chain that could not be read, and so has no device
    presented = decision.question.device
    return admission.of_device(
        decision,
        is_suspended=device.is_suspended,
        held_by=suspended.get(authority(presented)),
        is_claimed=presented.fingerprint in claimed,
    )


def _decide(store: TrustStore, presented: Presented, at: datetime) -> Decision:
    source = presented.source
    try:
        ders = pem.ders_of(source)
    except CertificateRejected as rejected:
        asked = Asked(presented.service, (), presented.endpoint_name)
        return refusal(asked, at, Reason(rejected.deciding.code.value), rejected.message)
    return decided(store, Asked(presented.service, ders, presented.endpoint_name), at)


def _decide_each(store: TrustStore, asked: Iterable[Asked], at: datetime) -> list[Decision]:
    return [decided(store, each, at) for each in asked]
