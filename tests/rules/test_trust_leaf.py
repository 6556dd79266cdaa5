"""Every flaw that a device's certificate can have, and everything odd that is none: one of them in each row."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeAlias

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, padding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from app.reasons import Reason
from app.rules import leaf
from app.rules.decision import Decision
from tests.rules.authority import AT, Made, make, name, rebuild, rsa_key, rsa_spki, tlv
from tests.rules.deciding import decided, device, record
from tests.rules.flaws import SHA1_RSA, explicit_curve, unknown_key

pytestmark = pytest.mark.once

Make: TypeAlias = Callable[[Made], Made]
DAY = timedelta(days=1)
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
CLIENTS = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
SERVERS = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
ANY_USE = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])
NAMED = x509.SubjectAlternativeName([x509.UniformResourceIdentifier("urn:device:1")])
CONSTRAINTS = x509.NameConstraints([x509.DNSName("a.example")], None)
VERIFYING = "tcpop1-" + "0" * 48
DSA_KEY = dsa.generate_private_key(2048)
MODULUS = (1 << 2047) | 1
ENDS_FIRST = tlv(0x30, tlv(0x17, b"260601120001Z"), tlv(0x17, b"260601120000Z"))


def having(*extensions: tuple[x509.ExtensionType, bool], **flaw: Any) -> Make:
    """A device made with this."""
    return lambda issuer: device(issuer, extensions=extensions, **flaw)


def rebuilt(**fields: Any) -> Make:
    """A device with fields that the library would not write."""
    return lambda issuer: rebuild(device(issuer), issuer.key, **fields)


def judged(make_device: Make, issuer: Made | None = None) -> Decision:
    fleet = issuer or make()
    return decided([record(fleet)], make_device(fleet))


FLAWS: list[tuple[str, Reason, Make]] = [
    ("a CA", Reason.LEAF_IS_CA, having(is_ca=True)),
    ("a CA that may sign no CA", Reason.LEAF_IS_CA, having(is_ca=True, path_length=0)),
    ("keyCertSign", Reason.LEAF_KEY_USAGE, having(key_usage=("digital_signature", "key_cert_sign"))),
    ("neither signature nor agreement", Reason.LEAF_KEY_USAGE, having(key_usage=("key_encipherment",))),
    ("servers only", Reason.LEAF_EKU, having((SERVERS, False))),
    ("no subject and no other name", Reason.LEAF_NONCONFORMING, having(subject=x509.Name([]))),
    ("no issuer", Reason.LEAF_NONCONFORMING, rebuilt(issuer=tlv(0x30))),
    ("name constraints", Reason.LEAF_NONCONFORMING, having((CONSTRAINTS, True))),
    (
        "version 1 with extensions",
        Reason.LEAF_NONCONFORMING,
        lambda ca: rebuild(device(ca, extensions=[(NAMED, False)]), ca.key, version=1),
    ),
    ("proves possession", Reason.LEAF_IS_VERIFICATION_CERT, having(subject=VERIFYING)),
    (
        "proves possession in another name",
        Reason.LEAF_IS_VERIFICATION_CERT,
        having(subject=name(VERIFYING, *name("a"))),
    ),
    ("negative serial number", Reason.SERIAL_INVALID, rebuilt(serial=tlv(0x02, b"\x80"))),
    ("serial number of 21 octets", Reason.SERIAL_INVALID, rebuilt(serial=tlv(0x02, b"\x01" * 21))),
    ("unknown critical extension", Reason.UNSUPPORTED_CRITICAL_EXTENSION, having((UNKNOWN, True))),
    ("explicit policy", Reason.UNSUPPORTED_POLICY_CONSTRAINT, having((x509.PolicyConstraints(0, None), False))),
    ("critical key identifier", Reason.CERT_NONCONFORMING, having((x509.SubjectKeyIdentifier(b"1234"), True))),
    ("two algorithms", Reason.CERT_NONCONFORMING, rebuilt(outer_algorithm=bytes.fromhex("300a06082a8648ce3d040303"))),
    ("RSA 2047", Reason.KEY_TOO_WEAK, rebuilt(spki=rsa_spki((1 << 2046) | 1, 65537))),
    ("RSA 8193", Reason.KEY_TOO_LARGE, rebuilt(spki=rsa_spki((1 << 8192) | 1, 65537))),
    ("RSA with e = 1", Reason.KEY_EXPONENT_INVALID, rebuilt(spki=rsa_spki(MODULUS, 1))),
    ("RSA with a huge exponent", Reason.KEY_EXPONENT_INVALID, rebuilt(spki=rsa_spki(MODULUS, (1 << 2040) | 1))),
    ("DSA", Reason.KEY_TYPE_UNSUPPORTED, having(key=DSA_KEY)),
    ("secp256k1", Reason.KEY_TYPE_UNSUPPORTED, having(key=ec.generate_private_key(ec.SECP256K1()))),
    ("a curve spelled out", Reason.KEY_TYPE_UNSUPPORTED, rebuilt(spki=explicit_curve())),
    ("a key of unknown kind", Reason.KEY_TYPE_UNSUPPORTED, rebuilt(spki=unknown_key())),
    ("SHA-224", Reason.SIGNATURE_ALGORITHM_WEAK, having(digest=hashes.SHA224())),
    ("expired", Reason.CERT_EXPIRED, having(not_after=AT - DAY)),
    ("not valid yet", Reason.CERT_NOT_YET_VALID, having(not_before=AT + DAY)),
    ("ends before it begins", Reason.VALIDITY_INVERTED, rebuilt(validity=ENDS_FIRST)),
]


@pytest.mark.parametrize(("reason", "make_device"), [row[1:] for row in FLAWS], ids=[row[0] for row in FLAWS])
def test_a_flaw_of_the_device_refuses_it(reason: Reason, make_device: Make) -> None:
    decision = judged(make_device)

    assert decision.reason is reason
    assert decision.records == ()
    (tried,) = decision.tried
    assert tried.certificates == (decision.question.device,)
    assert tried.flaw is not None
    assert (tried.flaw.reason, tried.flaw.message) == (reason, decision.explanation)


def test_every_rule_about_a_device_has_a_row() -> None:
    assert {rule.reason for rule in (*leaf.LEAF, leaf.VERIFICATION)} <= {reason for _, reason, _ in FLAWS}


def test_of_several_flaws_the_first_in_the_order_of_the_rules_is_said() -> None:
    """Each of these has its own flaw, and those of all that follow."""
    expired = {"subject": VERIFYING, "not_after": AT - DAY}
    critical = ((UNKNOWN, True),)
    nonconforming = (*critical, (CONSTRAINTS, True))
    servers = (*nonconforming, (SERVERS, False))
    devices = [
        having(*servers, **expired, is_ca=True, key_usage=("key_cert_sign",)),
        having(*servers, **expired, key_usage=("key_cert_sign",)),
        having(*servers, **expired),
        having(*nonconforming, **expired),
        having(*critical, **expired),
        having(**expired),
        having(subject=VERIFYING),
    ]

    assert [judged(make_device).reason for make_device in devices] == [
        Reason.LEAF_IS_CA,
        Reason.LEAF_KEY_USAGE,
        Reason.LEAF_EKU,
        Reason.LEAF_NONCONFORMING,
        Reason.UNSUPPORTED_CRITICAL_EXTENSION,
        Reason.CERT_EXPIRED,
        Reason.LEAF_IS_VERIFICATION_CERT,
    ]


ODD: list[tuple[str, Make]] = [
    ("nothing but a name", having()),
    ("no subject, and another name that is critical", having((NAMED, True), subject=x509.Name([]))),
    ("version 1", lambda ca: rebuild(device(ca), ca.key, version=1)),
    ("no expiry", having(not_after=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))),
    ("an unknown attribute", having(subject=x509.Name([x509.NameAttribute(x509.ObjectIdentifier("1.2.3.4"), "x")]))),
    ("the name of a person", having(subject=x509.Name([x509.NameAttribute(NameOID.GIVEN_NAME, "Ada")]))),
    ("signs", having(key_usage=("digital_signature",))),
    ("agrees on keys", having(key_usage=("key_agreement",))),
    ("says that it is no CA", having(is_ca=False)),
    ("clients among others", having((CLIENTS, True))),
    ("any use", having((ANY_USE, False))),
    ("serial number zero", rebuilt(serial=tlv(0x02, b"\x00"))),
    ("unknown extension", having((UNKNOWN, False))),
    ("begins like a verification certificate", having(subject="tcpop2-0")),
    ("RSA 2048 with e = 3", rebuilt(spki=rsa_spki(MODULUS, 3))),
    ("RSA 8192", rebuilt(spki=rsa_spki((1 << 8191) | 1, 65537))),
    ("P-521", having(key=ec.generate_private_key(ec.SECP521R1()))),
    ("Ed25519", having(key=ed25519.Ed25519PrivateKey.generate())),
    ("Ed448", having(key=ed448.Ed448PrivateKey.generate())),
    ("ML-DSA", having(key=mldsa.MLDSA65PrivateKey.generate())),
    ("SHA-512", having(digest=hashes.SHA512())),
]


@pytest.mark.parametrize("make_device", [row[1] for row in ODD], ids=[row[0] for row in ODD])
def test_what_real_devices_have_is_no_flaw(make_device: Make) -> None:
    assert judged(make_device).reason is Reason.TRUSTED


@cache
def authorities() -> list[tuple[str, Made]]:
    return [
        ("P-384", make(key=ec.generate_private_key(ec.SECP384R1()))),
        ("RSA", make(key=rsa_key())),
        ("Ed25519", make(key=ed25519.Ed25519PrivateKey.generate())),
        ("Ed448", make(key=ed448.Ed448PrivateKey.generate())),
        ("ML-DSA", make(key=mldsa.MLDSA87PrivateKey.generate())),
    ]


def test_every_kind_of_key_that_a_ca_may_have_vouches_for_devices() -> None:
    assert {kind: judged(having(), ca).reason.value for kind, ca in authorities()} == {
        kind: "TRUSTED" for kind, _ in authorities()
    }


def test_rsa_pss_vouches_and_sha_1_does_not() -> None:
    key = rsa_key()
    fleet = make(key=key)

    def sha_1(body: bytes) -> bytes:
        return key.sign(body, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303 - the flaw

    assert judged(having(pss=padding.PSS(padding.MGF1(hashes.SHA256()), 32)), fleet).is_allowed
    weak = judged(lambda issuer: rebuild(device(issuer), key, algorithm=SHA1_RSA, sign=sha_1), fleet)
    assert weak.reason is Reason.SIGNATURE_ALGORITHM_WEAK


SECOND = timedelta(seconds=1)
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("begins", "ends", "reason"),
    [
        (AT, AT + DAY, Reason.TRUSTED),
        (AT + SECOND, AT + DAY, Reason.CERT_NOT_YET_VALID),
        (AT - DAY, AT, Reason.TRUSTED),
        (AT, AT, Reason.TRUSTED),
        (AT - DAY, AT - SECOND, Reason.CERT_EXPIRED),
    ],
)
def test_both_ends_belong_to_the_time_of_validity(begins: datetime, ends: datetime, reason: Reason) -> None:
    assert judged(having(not_before=begins, not_after=ends)).reason is reason


def test_the_last_second_is_whole() -> None:
    fleet = make()
    mine = device(fleet, not_after=AT)

    assert decided([record(fleet)], mine, at=AT + SECOND - TICK).reason is Reason.TRUSTED
    assert decided([record(fleet)], mine, at=AT + SECOND).reason is Reason.CERT_EXPIRED
    assert decided([record(fleet)], device(fleet, not_before=AT), at=AT - TICK).reason is Reason.CERT_NOT_YET_VALID
