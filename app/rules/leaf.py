"""What a device's own certificate must look like: the leaf rules as data, each with its source.

Real fleets have no alternative name, no extended key usage, no key usage, no key identifiers, an expiry in the year
9999, and version 1 where somebody used `openssl x509 -req`: none of that is a flaw.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from app.findings import Finding, FindingCode
from app.reasons import Reason
from app.rules import profile
from app.rules.certificate import ParsedCertificate
from app.rules.possession import VERIFICATION_CODE_PREFIX

_NAME_CONSTRAINTS = "2.5.29.30"
_EMPTY_SEQUENCE = b"\x30\x00"


@dataclass(frozen=True, slots=True)
class Flaw:
    """Why a certificate is not accepted on a path: the reason, a sentence for people, and the rule's source.

    `reference` is None where the rule is ours.
    """

    reason: Reason
    message: str
    reference: str | None


Said: TypeAlias = Iterator[str]


@dataclass(frozen=True, slots=True)
class LeafRule:
    """A rule about a device's certificate, for a purpose (an OID): its reason, its source, and the check."""

    reason: Reason
    reference: str | None
    check: Callable[[ParsedCertificate, str], Said]


def _no_ca(leaf: ParsedCertificate, _: str) -> Said:
    if leaf.is_ca:
        yield "The device presents a CA certificate as its own."


def _key_for_devices(leaf: ParsedCertificate, _: str) -> Said:
    usage = leaf.key_usage
    if usage is None:
        return
    if "keyCertSign" in usage:
        yield "The key usage of the device's certificate lets its key sign certificates (keyCertSign)."
    elif "digitalSignature" not in usage and "keyAgreement" not in usage:
        yield "The key usage of the device's certificate allows neither digitalSignature nor keyAgreement."


def _for_clients(leaf: ParsedCertificate, purpose: str) -> Said:
    if not profile.may_be_used_for(leaf, purpose):
        yield "The extended key usage of the device's certificate does not allow it to be a TLS client (clientAuth)."


def _conforming(leaf: ParsedCertificate, _: str) -> Said:
    if leaf.issuer == _EMPTY_SEQUENCE:
        yield "The device's certificate does not name its issuer."
    if leaf.has_empty_subject and not len(leaf.alternative_names):
        yield "The device's certificate names nobody: it has no subject and no alternative name."
    if _NAME_CONSTRAINTS in leaf.extension_oids:
        yield "The device's certificate constrains names, which only a CA's may."
    if leaf.version != 3 and leaf.extension_oids:
        yield f"The device's certificate is of version {leaf.version} and has extensions, which need version 3."


def _no_verification_certificate(leaf: ParsedCertificate, _: str) -> Said:
    # It is signed by the fleet's CA, and whoever watched a proof of possession holds it: it must not let anybody in.
    if any(text.startswith(VERIFICATION_CODE_PREFIX) for text in leaf.subject_common_names):
        yield "This is a verification certificate, which proves possession of a CA and is no device's."


LEAF: tuple[LeafRule, ...] = (
    LeafRule(Reason.LEAF_IS_CA, "RFC 5280 4.2.1.9", _no_ca),
    LeafRule(Reason.LEAF_KEY_USAGE, "RFC 5280 4.2.1.3", _key_for_devices),
    LeafRule(Reason.LEAF_EKU, "RFC 5280 4.2.1.12", _for_clients),
    LeafRule(Reason.LEAF_NONCONFORMING, "RFC 5280 4.1", _conforming),
)
VERIFICATION = LeafRule(Reason.LEAF_IS_VERIFICATION_CERT, None, _no_verification_certificate)
"""Asked last, after what holds for any certificate."""

DEVELOPER_LEAF: tuple[LeafRule, ...] = tuple(
    rule for rule in LEAF if rule.reason not in (Reason.LEAF_IS_CA, Reason.LEAF_KEY_USAGE)
)
"""Of a certificate that the service made for a developer: the device presents the CA itself as its own."""


def developer_flaw(leaf: ParsedCertificate, purpose: str, *, at: datetime) -> Flaw | None:
    """The first flaw of a developer's certificate that a device presents as its own; None if there is none."""
    return next(_flaws(leaf, purpose, at, DEVELOPER_LEAF), None)


def flaw(leaf: ParsedCertificate, purpose: str, *, at: datetime) -> Flaw | None:
    """The first flaw of a device's certificate at an instant, for this purpose (an OID); None if there is none."""
    return next(_flaws(leaf, purpose, at, LEAF), None)


def _flaws(leaf: ParsedCertificate, purpose: str, at: datetime, rules: tuple[LeafRule, ...]) -> Iterator[Flaw]:
    yield from _broken(rules, leaf, purpose)
    yield from refusing(profile.lasting_of_any(leaf))
    yield from refusing(profile.dated(leaf, at=at))
    yield from _broken((VERIFICATION,), leaf, purpose)


def _broken(rules: tuple[LeafRule, ...], leaf: ParsedCertificate, purpose: str) -> Iterator[Flaw]:
    for rule in rules:
        for message in rule.check(leaf, purpose):
            yield Flaw(rule.reason, message, rule.reference)


def refusing(findings: Iterator[Finding] | tuple[Finding, ...]) -> Iterator[Flaw]:
    """The findings that keep a certificate off a path. What is not valid yet may be uploaded, and decides nothing."""
    for found in findings:
        if found.code is FindingCode.NOT_YET_VALID:
            yield Flaw(Reason.CERT_NOT_YET_VALID, found.message, found.reference)
        elif found.code not in profile.WARNINGS:
            yield Flaw(Reason(found.code.value), found.message, found.reference)
