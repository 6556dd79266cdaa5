"""The decision against the library's own path validation, on ten thousand generated chains.

`cryptography.x509.verification` is someone else's reading of RFC 5280. Where it demands more than a device's chain
needs (key identifiers, an alternative name, critical basic constraints) its policy is widened; every other difference
must have a row in a table here. A row that explains nothing by itself fails too.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeAlias

import pytest
from cryptography import x509
from cryptography.x509.verification import Criticality, ExtensionPolicy, Policy, PolicyBuilder, Store, VerificationError

from app.reasons import Reason
from app.rules.certificate import ParsedCertificate, parse_cached
from app.rules.decision import Decision, Question
from app.rules.profile import CLIENT_AUTH
from app.rules.trust import Limits, decide
from app.rules.trust_store import TrustStore
from app.terms import Service
from tests.rules.authority import AT
from tests.rules.deciding import record_of
from tests.rules.random_chains import Asked, questions

pytestmark = pytest.mark.once

CHAINS = 10_000
SHORT = Limits(cas=5)
"""Long paths are tested elsewhere: the library follows every circle until its depth is reached."""

Path: TypeAlias = Sequence[ParsedCertificate]
ANY_USE = "2.5.29.37.0"


def _is_ca(_: Policy, __: x509.Certificate, constraints: x509.BasicConstraints) -> None:
    if not constraints.ca:
        raise ValueError("no CA")


def _signs(_: Policy, __: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("may not sign certificates")


def _policies() -> tuple[ExtensionPolicy, ExtensionPolicy]:
    """For CAs and for devices: what the library asks for on the web, without what devices' chains often lack."""
    ca, device = ExtensionPolicy.webpki_defaults_ca(), ExtensionPolicy.webpki_defaults_ee()
    for identifier in (x509.AuthorityKeyIdentifier, x509.SubjectKeyIdentifier):
        ca = ca.may_be_present(identifier, Criticality.NON_CRITICAL, None)
        device = device.may_be_present(identifier, Criticality.NON_CRITICAL, None)
    ca = ca.require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _is_ca)
    ca = ca.may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs)
    return ca, device.may_be_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)


CA_POLICY, DEVICE_POLICY = _policies()


def the_library_accepts(asked: Asked) -> bool | None:
    """None where it gives up: it follows circles of self-issued CAs, and has its own limit of signatures."""
    verifier = (
        PolicyBuilder()
        .store(Store([anchor.certificate for anchor in asked.anchors]))
        .time(AT)
        .max_chain_depth(SHORT.cas - 1)
        .extension_policies(ca_policy=CA_POLICY, ee_policy=DEVICE_POLICY)
        .build_client_verifier()
    )
    try:
        verifier.verify(asked.device.certificate, [ca.certificate for ca in asked.presented])
    except VerificationError as refused:
        return None if "Exceeded maximum signature check limit" in str(refused) else False
    return True


def decided(asked: Asked) -> Decision:
    store = TrustStore(record_of([parse_cached(anchor.der)]) for anchor in asked.anchors)
    presented = tuple(parse_cached(made.der) for made in (asked.device, *asked.presented))
    return decide(store, Question(presented, Service.BOOTSTRAP, AT), SHORT)


def _has_ed25519(path: Path) -> bool:
    return any("Ed25519" in (each.key_description, each.signature_algorithm) for each in path)


def _device_is_for_any_use(path: Path) -> bool:
    uses = path[0].extended_key_usage or ()
    return ANY_USE in uses and CLIENT_AUTH not in uses


def _root_is_for_servers(path: Path) -> bool:
    uses = path[-1].extended_key_usage
    return path[-1].is_self_signed and uses is not None and not {CLIENT_AUTH, ANY_USE} & set(uses)


def _counts_self_issued(path: Path) -> bool:
    return any(ca.path_length is not None and below > ca.path_length for below, ca in enumerate(path[1:]))


# What the library refuses on a path that is accepted here, and why it is accepted.
THE_LIBRARY_IS_STRICTER: dict[str, Callable[[Path], bool]] = {
    "it knows no Ed25519; such keys are accepted (certificates.md 2, rule 15)": _has_ed25519,
    "it takes no anyExtendedKeyUsage of a device; RFC 5280 4.2.1.12 does": _device_is_for_any_use,
    "it holds roots to their extended key usage; a root may issue for all (rule 14)": _root_is_for_servers,
    "it counts self-issued CAs for the path length; RFC 5280 4.2.1.9 does not (rule 18)": _counts_self_issued,
}


def _only_enciphers_keys(decision: Decision) -> bool:
    return decision.reason is Reason.LEAF_KEY_USAGE and decision.question.device.key_usage == ("keyEncipherment",)


# What it accepts and is refused here, and why.
THE_LIBRARY_IS_LAXER: dict[str, Callable[[Decision], bool]] = {
    "a TLS 1.3 client signs, whatever its key exchange was once (step 1)": _only_enciphers_keys,
}


GAVE_UP: tuple[str, tuple[str, ...]] = ("the library gave up", ("its limit of signatures",))


def difference(asked: Asked) -> tuple[str, tuple[str, ...]]:
    """How the two answers go together, and what explains it where they differ."""
    decision, accepts = decided(asked), the_library_accepts(asked)
    if accepts is None:
        return GAVE_UP
    if decision.is_allowed is accepts:
        return f"both {decision.reason.value}", ()
    if decision.is_allowed:
        return "stricter", tuple(why for why, holds in THE_LIBRARY_IS_STRICTER.items() if holds(decision.path))
    return "laxer", tuple(why for why, holds in THE_LIBRARY_IS_LAXER.items() if holds(decision))


PATH_REASONS = {
    Reason.NO_TRUST_PATH,
    Reason.NOT_A_CA,
    Reason.CA_KEY_USAGE,
    Reason.CA_EKU,
    Reason.CERT_EXPIRED,
    Reason.CERT_NOT_YET_VALID,
    Reason.PATHLEN_EXCEEDED,
    Reason.NAME_CONSTRAINT_VIOLATION,
    Reason.LEAF_EKU,
    Reason.LEAF_IS_CA,
    Reason.LEAF_KEY_USAGE,
}


def test_every_difference_from_the_library_is_explained() -> None:
    differences = Counter(difference(asked) for asked in questions(CHAINS, seed=20261130))
    unexplained = {key: count for key, count in differences.items() if not key[0].startswith("both") and not key[1]}

    assert unexplained == {}
    # The chains are of all kinds, and no row of the tables is idle.
    assert differences.total() == CHAINS
    assert differences["both TRUSTED", ()] > CHAINS / 5
    assert all(differences[f"both {reason.value}", ()] >= 20 for reason in PATH_REASONS)
    rows = [("stricter", (why,)) for why in THE_LIBRARY_IS_STRICTER] + [
        ("laxer", (why,)) for why in THE_LIBRARY_IS_LAXER
    ]
    assert all(differences[row] for row in rows)
    assert differences[GAVE_UP] <= CHAINS / 100
