"""A decision for people: each path that was tried, certificate by certificate, with the checks in their order.

The decision itself (`trust`) keeps only what broke a path. What was asked before that is said here again, in the order
in which it was asked: a check that stands before the flaw has passed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum, unique

from app.reasons import Reason
from app.rules.certificate import ParsedCertificate
from app.rules.checks import OF_CA, OF_DEVICE, AskedOf, Check, Kind, Standing
from app.rules.decision import Decision, TriedPath
from app.rules.display import quote
from app.rules.leaf import Flaw
from app.rules.trust_store import TrustStore

PATHS_SHOWN = 100
_PATH = "RFC 5280 6.1.3"


@unique
class Place(StrEnum):
    """What a certificate is on a path."""

    DEVICE = "DEVICE"
    INTERMEDIATE = "INTERMEDIATE"
    ANCHOR = "ANCHOR"


@dataclass(frozen=True, slots=True)
class Step:
    """One certificate on a path, and what was checked about it; the first failure ends the path."""

    place: Place
    certificate: ParsedCertificate
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Path:
    """One way up from the device, to the anchor or to where it broke off. Valid means that every check passed."""

    is_valid: bool
    steps: tuple[Step, ...]


_NO_ANCHOR = frozenset({Reason.WRONG_SERVICE, Reason.POSSESSION_PENDING, Reason.NO_TRUST_PATH})
"""Step 4 ends with these, before anything is searched."""


def paths(decision: Decision, store: TrustStore) -> tuple[Path, ...]:
    """The paths of a decision that was made with this store, the deciding one first; at most PATHS_SHOWN."""
    return tuple(_path(tried, decision, store) for tried in decision.tried[:PATHS_SHOWN])


def _path(tried: TriedPath, decision: Decision, store: TrustStore) -> Path:
    steps = tuple(_step(tried, height, decision, store) for height in range(len(tried.certificates)))
    return Path(tried.flaw is None, steps)


def _step(tried: TriedPath, height: int, decision: Decision, store: TrustStore) -> Step:
    certificate, is_last = tried.certificates[height], height == len(tried.certificates) - 1
    at = Standing(certificate, tried.certificates[:height], decision.question)
    flaw = tried.flaw if is_last else None
    checks: list[Check] = []
    for check in _checks(tried, at, flaw, decision):
        checks.append(check)
        if not check.passed:
            break
    beyond_device = Place.ANCHOR if is_last and _is_an_end(certificate, decision, store) else Place.INTERMEDIATE
    return Step(beyond_device if height else Place.DEVICE, certificate, tuple(checks))


def _is_an_end(certificate: ParsedCertificate, decision: Decision, store: TrustStore) -> bool:
    """Whether a way ends here: at an anchor of the service, a blacklisted CA, or the CA of a record that decided.

    Of a record that counts elsewhere alone, or once it is proven, the CA is an intermediate as any other is.
    """
    decided = any(record.trusted_ca == certificate for record in decision.records)
    return decided or bool(store.admitting(certificate, decision.question.service) or store.blocking(certificate))


def _checks(tried: TriedPath, at: Standing, flaw: Flaw | None, decision: Decision) -> Iterator[Check]:
    """The checks of one certificate, in the order of the decision's steps; whoever asks stops at the first failure."""
    ended = None if tried.flaw is None else tried.flaw.reason
    if not at.below:
        yield from _made(OF_DEVICE, at, flaw)
    yield from _links(tried, at, flaw)
    if flaw is not None and flaw.reason is Reason.BLACKLISTED:
        yield _failed(Kind.BLACKLIST, flaw)
    yield Check(Kind.BLACKLIST, passed=True, detail="no blacklisted certificate is of this CA", reference=None)
    if ended in _NO_ANCHOR:
        if flaw is not None:
            yield _failed(Kind.ANCHOR_POLICY, flaw)
        return
    if ended is Reason.BLACKLISTED:
        return
    if at.below:
        yield from _made(OF_CA, at, flaw)
    if ended is None and at.certificate is tried.certificates[-1]:
        record = decision.records[0]
        detail = f"“{record.name}” is trusted for {record.service.value}"
        yield Check(Kind.ANCHOR_POLICY, passed=True, detail=detail, reference=None)


def _links(tried: TriedPath, at: Standing, flaw: Flaw | None) -> Iterator[Check]:
    """Step 2: who issued a certificate, where the path goes on, or breaks off for want of a signature."""
    height = len(at.below) + 1
    issuer = tried.certificates[height] if height < len(tried.certificates) else tried.namesake
    if issuer is None:
        return
    name = quote(issuer.subject_text)
    yield Check(Kind.NAME_CHAINING, passed=True, detail=f"issued by {name}", reference=_PATH)
    if flaw is not None and issuer is tried.namesake:
        yield Check(Kind.SIGNATURE, passed=False, detail=flaw.message, reference=_PATH)
    signed = f"signed by {name} with {at.certificate.signature_algorithm}"
    yield Check(Kind.SIGNATURE, passed=True, detail=signed, reference=_PATH)


def _made(asked: tuple[AskedOf, ...], at: Standing, flaw: Flaw | None) -> Iterator[Check]:
    for check in asked:
        if flaw is not None and flaw.reason in check.reasons:
            yield _failed(check.kind, flaw)
        yield Check(check.kind, passed=True, detail=check.passing(at), reference=check.reference)


def _failed(kind: Kind, flaw: Flaw) -> Check:
    return Check(kind, passed=False, detail=flaw.message, reference=flaw.reference)
