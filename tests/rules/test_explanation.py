"""Decisions as people are shown them: the checks in their order, and the one that failed.

R (root)
└── I (the trusted CA of the record)
    ├── D
    └── S (presented) ── E
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from app.reasons import Reason
from app.rules import possession, trust
from app.rules.admission import of_device
from app.rules.chain import Chain
from app.rules.checks import OF_CA, OF_DEVICE, Kind
from app.rules.decision import Decision, Question, TriedPath
from app.rules.explanation import PATHS_SHOWN, Path, Place, paths
from app.rules.leaf import Flaw
from app.rules.trust_store import Record, TrustStore
from app.terms import Possession, Service, Status, Usage
from tests.connecting import device
from tests.rules.authority import AT, Made, make, rsa_key

ROOT = make("R")
TRUSTED = make("I", issuer=ROOT)
SUB = make("S", issuer=TRUSTED)
FOR_SERVERS = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
DEVICE_CHECKS = [check.kind for check in OF_DEVICE]
CA_CHECKS = [check.kind for check in OF_CA]
LINKS = [Kind.NAME_CHAINING, Kind.SIGNATURE]


def record(*chain: Made, **how: Any) -> Record:
    """A record that admits at the bootstrap server."""
    certificates = tuple(made.parsed for made in chain)
    given: dict[str, Any] = {
        "id": f"id of {certificates[0].subject_text}",
        "name": "the fleet",
        "status": Status.ACTIVE,
        "service": Service.BOOTSTRAP,
        "usage": Usage.ENROLLMENT,
        "possession": Possession.NOT_REQUIRED,
        "chain": Chain(certificates, tuple(range(len(certificates)))),
    }
    return Record(**(given | how))


def explained(
    presented: Sequence[Made], *records: Record, at: datetime = AT, limits: trust.Limits = trust.PRODUCTION
) -> tuple[Decision, tuple[Path, ...]]:
    store = TrustStore(records or (record(TRUSTED, ROOT),))
    asked = Question(tuple(made.parsed for made in presented), Service.BOOTSTRAP, at)
    decision = trust.decide(store, asked, limits)
    return decision, paths(decision, store)


def kinds(path: Path) -> list[list[Kind]]:
    return [[check.kind for check in step.checks] for step in path.steps]


def test_a_valid_path_shows_every_check_in_the_order_of_the_decision() -> None:
    decision, (path,) = explained([device("E", SUB), SUB])

    assert decision.is_allowed
    assert path.is_valid
    assert [step.place for step in path.steps] == [Place.DEVICE, Place.INTERMEDIATE, Place.ANCHOR]
    assert kinds(path) == [
        [*DEVICE_CHECKS, *LINKS, Kind.BLACKLIST],
        [*LINKS, Kind.BLACKLIST, *CA_CHECKS],
        [Kind.BLACKLIST, *CA_CHECKS, Kind.ANCHOR_POLICY],
    ]
    assert all(check.passed for step in path.steps for check in step.checks)


def test_the_details_say_what_was_compared_with_what() -> None:
    _, (path,) = explained([device("D", TRUSTED)])
    said = {check.kind: check for check in path.steps[0].checks}
    anchor = {check.kind: check for check in path.steps[1].checks}

    dates = "valid 2025-06-01T12:00:00Z to 2036-05-29T12:00:00Z, asked for 2026-06-01T12:00:00Z"
    assert said[Kind.VALIDITY].detail == dates
    assert said[Kind.SIGNATURE].detail == 'signed by "CN=I" with ecdsa-with-SHA256'
    assert said[Kind.SIGNATURE].reference == "RFC 5280 6.1.3"
    assert said[Kind.KEY_USAGE].detail == "key usage digitalSignature"
    assert said[Kind.ALGORITHM].detail == "key EC P-256, signature ecdsa-with-SHA256"
    assert anchor[Kind.ANCHOR_POLICY].detail == "“the fleet” is trusted for BOOTSTRAP"
    assert anchor[Kind.PATH_LENGTH].detail == "0 CAs below it, any number allowed"


def spoilt_device(**flaw: Any) -> list[Made]:
    good: dict[str, Any] = {"subject": "D", "issuer": TRUSTED, "is_ca": None, "key_usage": None}
    return [make(**good | flaw)]


def through(sub: Made) -> list[Made]:
    return [device("E", sub), sub]


PAST = {"not_before": AT - timedelta(days=9), "not_after": AT - timedelta(days=1)}
WEAK = rsa_key(1024)
NAMES = x509.NameConstraints([x509.DNSName("fleet.test")], None)
EXPLICIT = x509.PolicyConstraints(0, None)
CRITICAL = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
ALTERNATIVE = x509.SubjectAlternativeName([x509.DNSName("other.test")])

FLAWS: list[tuple[Reason, Kind, Place, Callable[[], list[Made]]]] = [
    (Reason.LEAF_IS_CA, Kind.BASIC_CONSTRAINTS, Place.DEVICE, lambda: spoilt_device(is_ca=True)),
    (Reason.LEAF_KEY_USAGE, Kind.KEY_USAGE, Place.DEVICE, lambda: spoilt_device(key_usage=("key_cert_sign",))),
    (Reason.LEAF_EKU, Kind.EXTENDED_KEY_USAGE, Place.DEVICE, lambda: spoilt_device(extensions=[FOR_SERVERS])),
    (Reason.LEAF_NONCONFORMING, Kind.CONFORMITY, Place.DEVICE, lambda: spoilt_device(extensions=[(NAMES, True)])),
    (
        Reason.LEAF_IS_VERIFICATION_CERT,
        Kind.DEVICE_CERTIFICATE,
        Place.DEVICE,
        lambda: spoilt_device(subject=f"{possession.VERIFICATION_CODE_PREFIX}1"),
    ),
    (Reason.KEY_TOO_WEAK, Kind.ALGORITHM, Place.DEVICE, lambda: spoilt_device(key=WEAK)),
    (Reason.CERT_EXPIRED, Kind.VALIDITY, Place.DEVICE, lambda: spoilt_device(**PAST)),
    (
        Reason.UNSUPPORTED_CRITICAL_EXTENSION,
        Kind.EXTENSIONS,
        Place.DEVICE,
        lambda: spoilt_device(extensions=[(CRITICAL, True)]),
    ),
    (Reason.NO_TRUST_PATH, Kind.ANCHOR_POLICY, Place.DEVICE, lambda: [device("X", make("Stranger"))]),
    (Reason.NO_TRUST_PATH, Kind.ANCHOR_POLICY, Place.INTERMEDIATE, lambda: through(make("Stranger"))),
    (Reason.NOT_A_CA, Kind.BASIC_CONSTRAINTS, Place.INTERMEDIATE, lambda: through(sub(is_ca=False))),
    (Reason.CA_KEY_USAGE, Kind.KEY_USAGE, Place.INTERMEDIATE, lambda: through(sub(key_usage=("crl_sign",)))),
    (Reason.CA_EKU, Kind.EXTENDED_KEY_USAGE, Place.INTERMEDIATE, lambda: through(sub(extensions=[FOR_SERVERS]))),
    (Reason.CERT_EXPIRED, Kind.VALIDITY, Place.INTERMEDIATE, lambda: through(sub(**PAST))),
    (
        Reason.UNSUPPORTED_POLICY_CONSTRAINT,
        Kind.EXTENSIONS,
        Place.INTERMEDIATE,
        lambda: through(sub(extensions=[(EXPLICIT, True)])),
    ),
    (
        Reason.PATHLEN_EXCEEDED,
        Kind.PATH_LENGTH,
        Place.INTERMEDIATE,
        lambda: [device("E", below := make("T", issuer=(short := sub(path_length=0)))), below, short],
    ),
    (
        Reason.NAME_CONSTRAINT_VIOLATION,
        Kind.NAME_CONSTRAINTS,
        Place.INTERMEDIATE,
        lambda: [
            make(
                "E",
                issuer=(narrow := sub(extensions=[(NAMES, True)])),
                is_ca=None,
                key_usage=None,
                extensions=[(ALTERNATIVE, False)],
            ),
            narrow,
        ],
    ),
]


def sub(**flaw: Any) -> Made:
    good: dict[str, Any] = {"subject": "S", "issuer": TRUSTED}
    return make(**good | flaw)


@pytest.mark.parametrize(("reason", "kind", "place", "presented"), FLAWS, ids=str)
def test_a_flaw_fails_its_check_and_ends_the_path(
    reason: Reason, kind: Kind, place: Place, presented: Callable[[], list[Made]]
) -> None:
    decision, (path, *_) = explained(presented())
    *before, last = [(step, check) for step in path.steps for check in step.checks]

    assert decision.reason is reason
    assert not path.is_valid
    assert all(check.passed for _, check in before)
    assert (last[1].kind, last[1].passed, last[0].place) == (kind, False, place)
    assert last[0] is path.steps[-1]
    assert last[1].detail == decision.explanation


@pytest.mark.parametrize(
    ("how", "reason", "kind"),
    [
        ({"status": Status.INACTIVE}, Reason.BLACKLISTED, Kind.BLACKLIST),
        ({"service": Service.LWM2M}, Reason.WRONG_SERVICE, Kind.ANCHOR_POLICY),
        ({"possession": Possession.PENDING}, Reason.POSSESSION_PENDING, Kind.ANCHOR_POLICY),
    ],
)
def test_what_the_account_decided_fails_at_its_certificate(how: Any, reason: Reason, kind: Kind) -> None:
    decision, (path,) = explained([device("E", SUB), SUB], record(TRUSTED, ROOT, **how))

    assert decision.reason is reason
    assert [step.place for step in path.steps] == [Place.DEVICE, Place.INTERMEDIATE, Place.ANCHOR]
    assert path.steps[-1].checks[-1].kind is kind
    # Nothing was searched, and so no CA was examined.
    assert kinds(path)[1] == [*LINKS, Kind.BLACKLIST]
    assert [check.passed for check in path.steps[-1].checks] == [*[True] * (len(path.steps[-1].checks) - 1), False]


def test_the_path_of_a_suspended_device_is_valid() -> None:
    decision, _ = explained([device("D", TRUSTED)])
    suspended = of_device(decision, is_suspended=True, held_by=None, is_claimed=True)
    (path,) = paths(suspended, TrustStore([record(TRUSTED, ROOT)]))

    assert path.is_valid


def test_where_the_limits_are_reached_nothing_is_shown_but_what_was_tried() -> None:
    decision, shown = explained([device("D", TRUSTED)], limits=trust.Limits(signatures=0))

    assert decision.reason is Reason.PATH_TOO_COMPLEX
    assert shown == ()


def test_too_many_cas_are_a_path_that_is_too_long() -> None:
    decision, (path,) = explained([device("E", SUB), SUB], limits=trust.Limits(cas=1))

    assert decision.reason is Reason.PATH_TOO_COMPLEX
    assert path.steps[-1].checks[-1].kind is Kind.PATH_LENGTH


def test_of_many_paths_a_hundred_are_shown() -> None:
    decision, _ = explained([device("D", TRUSTED)])
    many = Decision(decision.question, decision.reason, "", decision.records, decision.tried * (PATHS_SHOWN + 1))

    assert len(paths(many, TrustStore([record(TRUSTED, ROOT)]))) == PATHS_SHOWN


UNREADABLE = {
    Reason.INPUT_EMPTY,
    Reason.INPUT_TOO_LARGE,
    Reason.NOT_PEM,
    Reason.PEM_MALFORMED,
    Reason.PEM_UNEXPECTED_BLOCK,
    Reason.PRIVATE_KEY_PRESENT,
    Reason.TOO_MANY_CERTIFICATES,
    Reason.CERT_TOO_LARGE,
    Reason.CERT_UNPARSEABLE,
    Reason.ENDPOINT_NAME_INVALID,
}
"""There is nothing to show a path of."""
OF_THE_DEVICE = {Reason.TRUSTED, Reason.NOT_ENROLLED, Reason.DEVICE_SUSPENDED, Reason.STATE_UNKNOWN}
"""No certificate is at fault."""


KINDS = {
    Reason.LEAF_IS_CA: Kind.BASIC_CONSTRAINTS,
    Reason.LEAF_KEY_USAGE: Kind.KEY_USAGE,
    Reason.LEAF_EKU: Kind.EXTENDED_KEY_USAGE,
    Reason.LEAF_NONCONFORMING: Kind.CONFORMITY,
    Reason.LEAF_IS_VERIFICATION_CERT: Kind.DEVICE_CERTIFICATE,
    Reason.BLACKLISTED: Kind.BLACKLIST,
    Reason.WRONG_SERVICE: Kind.ANCHOR_POLICY,
    Reason.POSSESSION_PENDING: Kind.ANCHOR_POLICY,
    Reason.NO_TRUST_PATH: Kind.ANCHOR_POLICY,
    Reason.NOT_A_CA: Kind.BASIC_CONSTRAINTS,
    Reason.CA_VERSION_UNSUPPORTED: Kind.VERSION,
    Reason.CA_KEY_USAGE: Kind.KEY_USAGE,
    Reason.CA_EKU: Kind.EXTENDED_KEY_USAGE,
    Reason.SUBJECT_EMPTY: Kind.SUBJECT,
    Reason.SERIAL_INVALID: Kind.SERIAL_NUMBER,
    Reason.UNSUPPORTED_CRITICAL_EXTENSION: Kind.EXTENSIONS,
    Reason.UNSUPPORTED_POLICY_CONSTRAINT: Kind.EXTENSIONS,
    Reason.CERT_NONCONFORMING: Kind.CONFORMITY,
    Reason.KEY_TOO_WEAK: Kind.ALGORITHM,
    Reason.KEY_TOO_LARGE: Kind.ALGORITHM,
    Reason.KEY_EXPONENT_INVALID: Kind.ALGORITHM,
    Reason.KEY_TYPE_UNSUPPORTED: Kind.ALGORITHM,
    Reason.SIGNATURE_ALGORITHM_WEAK: Kind.ALGORITHM,
    Reason.CERT_EXPIRED: Kind.VALIDITY,
    Reason.CERT_NOT_YET_VALID: Kind.VALIDITY,
    Reason.VALIDITY_INVERTED: Kind.VALIDITY,
    Reason.PATHLEN_EXCEEDED: Kind.PATH_LENGTH,
    Reason.NAME_CONSTRAINT_VIOLATION: Kind.NAME_CONSTRAINTS,
    Reason.NAME_CONSTRAINT_UNSUPPORTED: Kind.NAME_CONSTRAINTS,
    Reason.NAME_CONSTRAINT_BUDGET: Kind.NAME_CONSTRAINTS,
    Reason.PATH_TOO_COMPLEX: Kind.PATH_LENGTH,
}


def test_every_reason_that_a_certificate_can_give_has_its_kind_here() -> None:
    assert set(Reason) == set(KINDS) | UNREADABLE | OF_THE_DEVICE


@pytest.mark.parametrize("reason", KINDS)
def test_every_reason_fails_one_check_of_its_kind(reason: Reason) -> None:
    is_of_ca = reason in {each for check in OF_CA for each in check.reasons}
    certificates = (device("D", TRUSTED).parsed, TRUSTED.parsed)[: 2 if is_of_ca else 1]
    question = Question(certificates, Service.BOOTSTRAP, AT)
    decision = Decision(question, reason, "Said.", tried=(TriedPath(certificates, Flaw(reason, "Said.", "A rule")),))
    (path,) = paths(decision, TrustStore([]))
    failed = [check for step in path.steps for check in step.checks if not check.passed]

    assert [(check.kind, check.detail, check.reference) for check in failed] == [(KINDS[reason], "Said.", "A rule")]
