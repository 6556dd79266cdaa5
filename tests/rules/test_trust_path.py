"""Every flaw that a CA on the only path can have: one of them in each row, and nothing else wrong."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from app.reasons import Reason
from app.rules.decision import Decision
from app.rules.trust import Limits
from tests.rules.authority import AT, Made, make, rebuild, rsa_key, tlv
from tests.rules.deciding import decided, device, record
from tests.rules.flaws import SHA1_RSA

pytestmark = pytest.mark.once

Make: TypeAlias = Callable[[Made], Made]
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
SERVERS = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
CLIENTS = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
OTHER = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x01x")
ENDS_FIRST = tlv(0x30, tlv(0x17, b"260601120001Z"), tlv(0x17, b"260601120000Z"))


def having(*extensions: tuple[x509.ExtensionType, bool], **flaw: Any) -> Make:
    """A CA below the root, made with this."""
    return lambda root: make(issuer=root, extensions=extensions, **flaw)


def rebuilt(**fields: Any) -> Make:
    """A CA below the root with fields that the library would not write."""
    return lambda root: rebuild(make(issuer=root), root.key, **fields)


def two_algorithms(root: Made) -> Made:
    """The signature is SHA-384's, as it says outside, where nothing protects it; inside stands SHA-256."""
    assert isinstance(root.key, ec.EllipticCurvePrivateKey)
    key = root.key
    outer = bytes.fromhex("300a06082a8648ce3d040303")
    return rebuild(
        make(issuer=root), key, outer_algorithm=outer, sign=lambda tbs: key.sign(tbs, ec.ECDSA(hashes.SHA384()))
    )


def weak_rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 1024)  # noqa: S505 - the flaw


FLAWS: list[tuple[str, Reason, Make]] = [
    ("no CA", Reason.NOT_A_CA, having(is_ca=False)),
    ("no basic constraints", Reason.NOT_A_CA, having(is_ca=None)),
    ("version 1", Reason.CA_VERSION_UNSUPPORTED, rebuilt(version=1, extensions=b"")),
    ("version 1 with extensions", Reason.CA_VERSION_UNSUPPORTED, rebuilt(version=1)),
    ("no keyCertSign", Reason.CA_KEY_USAGE, having(key_usage=("crl_sign",))),
    ("servers only", Reason.CA_EKU, having((SERVERS, False))),
    ("empty subject", Reason.SUBJECT_EMPTY, having(subject=x509.Name([]))),
    ("negative serial number", Reason.SERIAL_INVALID, rebuilt(serial=tlv(0x02, b"\x80"))),
    ("unknown critical extension", Reason.UNSUPPORTED_CRITICAL_EXTENSION, having((UNKNOWN, True))),
    ("explicit policy", Reason.UNSUPPORTED_POLICY_CONSTRAINT, having((x509.PolicyConstraints(0, None), False))),
    ("critical key identifier", Reason.CERT_NONCONFORMING, having((x509.SubjectKeyIdentifier(b"1234"), True))),
    ("two algorithms", Reason.CERT_NONCONFORMING, two_algorithms),
    ("RSA 1024", Reason.KEY_TOO_WEAK, having(key=weak_rsa())),
    ("secp256k1", Reason.KEY_TYPE_UNSUPPORTED, having(key=ec.generate_private_key(ec.SECP256K1()))),
    ("SHA-224", Reason.SIGNATURE_ALGORITHM_WEAK, having(digest=hashes.SHA224())),
    ("expired", Reason.CERT_EXPIRED, having(not_after=AT - DAY)),
    ("not valid yet", Reason.CERT_NOT_YET_VALID, having(not_before=AT + DAY)),
    ("ends before it begins", Reason.VALIDITY_INVERTED, rebuilt(validity=ENDS_FIRST)),
]


def through(make_ca: Make) -> Decision:
    """Device <- Line <- CA with the flaw <- Root (trusted)."""
    root = make("Root CA")
    ca = make_ca(root)
    line = make("Line CA", issuer=ca, issuer_name=ca.certificate.subject)
    return decided([record(root)], device(line), line, ca)


def onto(make_ca: Make) -> Decision:
    """Device <- Line <- CA with the flaw (trusted all the same) <- Root."""
    root = make("Root CA")
    ca = make_ca(root)
    line = make("Line CA", issuer=ca)
    return decided([record(ca, root)], device(line), line)


@pytest.mark.parametrize("decide", [through, onto])
@pytest.mark.parametrize(("reason", "make_ca"), [row[1:] for row in FLAWS], ids=[row[0] for row in FLAWS])
def test_a_flaw_of_a_ca_breaks_the_path(decide: Callable[[Make], Decision], reason: Reason, make_ca: Make) -> None:
    decision = decide(make_ca)

    assert decision.reason is reason
    assert decision.path == decision.records == ()
    (tried,) = decision.tried
    assert len(tried.certificates) == 3
    assert tried.flaw is not None
    assert (tried.flaw.reason, tried.flaw.message) == (reason, decision.explanation)


GOOD: list[tuple[str, Make]] = [
    ("nothing odd", having()),
    ("no key usage", having(key_usage=None)),
    ("basic constraints not critical", having(basic_constraints_critical=False)),
    ("serial number zero", rebuilt(serial=tlv(0x02, b"\x00"))),
    ("clients only", having((CLIENTS, True))),
    ("unknown extension", having((UNKNOWN, False))),
]


@pytest.mark.parametrize("decide", [through, onto])
@pytest.mark.parametrize("make_ca", [row[1] for row in GOOD], ids=[row[0] for row in GOOD])
def test_what_an_upload_only_warns_about_breaks_no_path(decide: Callable[[Make], Decision], make_ca: Make) -> None:
    assert decide(make_ca).reason is Reason.TRUSTED


@pytest.mark.parametrize("decide", [through, onto])
@pytest.mark.parametrize(
    ("begins", "ends", "reason"),
    [
        (AT, AT + DAY, Reason.TRUSTED),
        (AT + SECOND, AT + DAY, Reason.CERT_NOT_YET_VALID),
        (AT - DAY, AT, Reason.TRUSTED),
        (AT - DAY, AT - SECOND, Reason.CERT_EXPIRED),
    ],
)
def test_a_ca_is_valid_at_both_ends(
    decide: Callable[[Make], Decision], begins: datetime, ends: datetime, reason: Reason
) -> None:
    assert decide(having(not_before=begins, not_after=ends)).reason is reason


def test_what_stands_above_the_anchor_decides_nothing() -> None:
    """Device <- Fleet (trusted) <- Root, which has expired, and allows neither Fleet nor its names."""
    constraints = x509.NameConstraints([x509.DNSName("a.example")], None)
    root = make("Root CA", path_length=0, not_after=AT - DAY, extensions=[(constraints, True)])
    fleet = make(issuer=root)
    mine = device(fleet, extensions=[(x509.SubjectAlternativeName([x509.DNSName("b.example")]), False)])

    assert decided([record(fleet, root)], mine).is_allowed


def test_a_root_may_issue_for_all_uses_and_sign_itself_with_sha_1() -> None:
    key = rsa_key()
    good = make("Root CA", key=key, extensions=[(SERVERS, False)])

    def sha_1(body: bytes) -> bytes:
        return key.sign(body, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303 - the exception for roots

    root = rebuild(good, key, algorithm=SHA1_RSA, sign=sha_1)
    assert decided([record(root)], device(root)).is_allowed


def test_a_ca_that_names_itself_as_issuer_and_did_not_sign_is_no_root() -> None:
    """Device <- New (servers only) <- Old (trusted), both of one name: the exception is for self-signed ones."""
    old = make()
    new = make(issuer=old, extensions=[(SERVERS, False)])

    assert decided([record(old)], device(new), new).reason is Reason.CA_EKU


def cas_below(anchor: Made, count: int) -> list[Made]:
    """That many CAs, each below the last, the lowest first."""
    line = [anchor]
    for number in range(count):
        line.append(make(f"CA {number}", issuer=line[-1]))
    return line[:0:-1]


@pytest.mark.parametrize(
    ("path_length", "count", "reason"),
    [
        (0, 0, Reason.TRUSTED),
        (0, 1, Reason.PATHLEN_EXCEEDED),
        (1, 1, Reason.TRUSTED),
        (1, 2, Reason.PATHLEN_EXCEEDED),
        (None, 9, Reason.TRUSTED),
    ],
)
def test_an_anchor_limits_the_cas_below_it(path_length: int | None, count: int, reason: Reason) -> None:
    root = make("Root CA", path_length=path_length)
    below = cas_below(root, count)
    mine = device(below[0] if below else root)

    assert decided([record(root)], mine, *below).reason is reason


def test_a_self_issued_ca_does_not_count_for_the_length() -> None:
    """Device <- New <- Old (trusted, pathLen 0), both of one name."""
    old = make(path_length=0)
    new = make(issuer=old)

    assert decided([record(old)], device(new), new).is_allowed


@pytest.mark.parametrize(("count", "reason"), [(10, Reason.TRUSTED), (11, Reason.PATH_TOO_COMPLEX)])
def test_a_path_has_at_most_ten_cas(count: int, reason: Reason) -> None:
    """The anchor is one of them."""
    root = make("Root CA")
    below = cas_below(root, count - 1)

    decision = decided([record(root)], device(below[0]), *below)

    assert decision.reason is reason
    assert len(decision.tried[0].certificates) == count + 1


def names_below(constraint: x509.GeneralName, *names: x509.GeneralName) -> Decision:
    """Device with these names <- Line <- Root (trusted), which permits the constraint alone."""
    root = make("Root CA", extensions=[(x509.NameConstraints([constraint], None), True)])
    line = make("Line CA", issuer=root)
    mine = device(line, extensions=[(x509.SubjectAlternativeName(list(names)), False)])
    return decided([record(root)], mine, line)


def test_the_anchors_name_constraints_bind() -> None:
    dns, permitted = x509.DNSName, x509.DNSName("a.example")

    assert names_below(permitted, dns("x.a.example")).is_allowed
    assert names_below(permitted, dns("b.example")).reason is Reason.NAME_CONSTRAINT_VIOLATION
    assert names_below(OTHER, OTHER).reason is Reason.NAME_CONSTRAINT_UNSUPPORTED


def test_name_constraints_that_cost_too_much_refuse() -> None:
    trees = [x509.DNSName(f"{number}.example") for number in range(101)]
    root = make("Root CA", extensions=[(x509.NameConstraints(None, trees), True)])
    mine = device(root, extensions=[(x509.SubjectAlternativeName([x509.DNSName("a.example")] * 200), False)])

    assert decided([record(root)], mine).reason is Reason.NAME_CONSTRAINT_BUDGET


def test_the_names_of_all_paths_together_have_one_budget() -> None:
    """Two CAs of one name and key, each of which constrains names, below one that may not sign: 4 and 4 comparisons."""
    excluded = [(x509.NameConstraints(None, [x509.DNSName("a.example"), x509.DNSName("b.example")]), True)]
    root = make("Root CA", extensions=excluded, key_usage=("crl_sign",))
    first = make("Line CA", issuer=root, extensions=excluded)
    second = make("Line CA", issuer=root, extensions=excluded, key=first.key, serial=2)
    names = x509.SubjectAlternativeName([x509.DNSName("c.example"), x509.DNSName("d.example")])
    mine = device(first, extensions=[(names, False)])

    def reasons(comparisons: int) -> set[Reason | None]:
        decision = decided([record(root)], mine, first, second, limits=Limits(comparisons=comparisons))
        return {tried.flaw.reason for tried in decision.tried if tried.flaw is not None}

    assert reasons(8) == {Reason.CA_KEY_USAGE}
    assert reasons(7) == {Reason.CA_KEY_USAGE, Reason.NAME_CONSTRAINT_BUDGET}


def test_the_limits_are_arguments() -> None:
    root = make("Root CA")
    below = cas_below(root, 1)
    mine = device(below[0])

    def reason(**limits: int) -> Reason:
        return decided([record(root)], mine, *below, limits=Limits(**limits)).reason

    assert reason(signatures=3, steps=2, cas=2) is Reason.TRUSTED
    assert reason(signatures=2) is reason(steps=1) is reason(cas=1) is Reason.PATH_TOO_COMPLEX
