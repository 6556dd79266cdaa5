"""Every rule for one CA certificate: a good chain whose lowest CA breaks exactly one."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, padding
from cryptography.x509.oid import ExtendedKeyUsageOID

from app.findings import Finding, FindingCode, Severity
from app.rules import profile, upload
from app.rules.profile import DateRule, Rule
from tests.rules.authority import AT, chain_of_three, make, name, rebuild, rsa_key, rsa_spki, tlv
from tests.rules.flaws import (
    Spoil,
    codes,
    examined,
    explicit_curve,
    lowest,
    lowest_signed_with,
    lowest_with,
    rebuilt,
    sha1_below_the_root,
    sha1_ecdsa_root,
    sha1_root,
    unknown_key,
)

UNKNOWN = x509.ObjectIdentifier("1.3.6.1.4.1.99999.1")
POLICY = x509.PolicyInformation(x509.ObjectIdentifier("2.5.29.32.0"), None)
MODULUS = (1 << 2047) | 1

REFUSED: list[tuple[str, Spoil, FindingCode]] = [
    ("version 1", rebuilt(version=1, extensions=b""), FindingCode.CA_VERSION_UNSUPPORTED),
    ("version 1 with extensions", rebuilt(version=1), FindingCode.CA_VERSION_UNSUPPORTED),
    ("key usage without keyCertSign", lowest(key_usage=("crl_sign",)), FindingCode.CA_KEY_USAGE),
    ("empty subject", lowest(subject=x509.Name([])), FindingCode.SUBJECT_EMPTY),
    ("negative serial number", rebuilt(serial=tlv(0x02, b"\x80")), FindingCode.SERIAL_INVALID),
    ("serial number of 21 octets", rebuilt(serial=tlv(0x02, b"\x01" * 21)), FindingCode.SERIAL_INVALID),
    (
        "unknown critical extension",
        lowest_with((x509.UnrecognizedExtension(UNKNOWN, b"\x05\x00"), True)),
        FindingCode.UNSUPPORTED_CRITICAL_EXTENSION,
    ),
    (
        "critical inhibitPolicyMapping",
        lowest_with((x509.PolicyConstraints(None, 0), True)),
        FindingCode.UNSUPPORTED_CRITICAL_EXTENSION,
    ),
    (
        "requireExplicitPolicy",
        lowest_with((x509.PolicyConstraints(0, None), True)),
        FindingCode.UNSUPPORTED_POLICY_CONSTRAINT,
    ),
    (
        "requireExplicitPolicy, not critical",
        lowest_with((x509.PolicyConstraints(3, None), False)),
        FindingCode.UNSUPPORTED_POLICY_CONSTRAINT,
    ),
    (
        "critical authority key identifier",
        lowest_with((x509.AuthorityKeyIdentifier(b"1234", None, None), True)),
        FindingCode.CERT_NONCONFORMING,
    ),
    (
        "critical subject key identifier",
        lowest_with((x509.SubjectKeyIdentifier(b"1234"), True)),
        FindingCode.CERT_NONCONFORMING,
    ),
    (
        "two names for the signature's algorithm",
        rebuilt(outer_algorithm=bytes.fromhex("300a06082a8648ce3d040303"), sign=None),
        FindingCode.SIGNATURE_INVALID,
    ),
    (
        "extended key usage for servers only",
        lowest_with((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)),
        FindingCode.CA_EKU,
    ),
    ("RSA 2047", rebuilt(spki=rsa_spki(MODULUS >> 1 | 1, 65537)), FindingCode.KEY_TOO_WEAK),
    ("RSA 512", rebuilt(spki=rsa_spki(MODULUS >> 1536 | 1, 65537)), FindingCode.KEY_TOO_WEAK),
    ("RSA 8193", rebuilt(spki=rsa_spki(1 << 8192 | 1, 65537)), FindingCode.KEY_TOO_LARGE),
    ("RSA exponent 1", rebuilt(spki=rsa_spki(MODULUS, 1)), FindingCode.KEY_EXPONENT_INVALID),
    ("RSA exponent even", rebuilt(spki=rsa_spki(MODULUS, 65536)), FindingCode.KEY_EXPONENT_INVALID),
    ("RSA exponent negative", rebuilt(spki=rsa_spki(MODULUS, -3)), FindingCode.KEY_EXPONENT_INVALID),
    ("RSA exponent 2^64 + 1", rebuilt(spki=rsa_spki(MODULUS, 2**64 + 1)), FindingCode.KEY_EXPONENT_INVALID),
    ("P-192", lowest(key=ec.generate_private_key(ec.SECP192R1())), FindingCode.KEY_TYPE_UNSUPPORTED),
    ("P-224", lowest(key=ec.generate_private_key(ec.SECP224R1())), FindingCode.KEY_TYPE_UNSUPPORTED),
    ("secp256k1", lowest(key=ec.generate_private_key(ec.SECP256K1())), FindingCode.KEY_TYPE_UNSUPPORTED),
    ("brainpool", lowest(key=ec.generate_private_key(ec.BrainpoolP256R1())), FindingCode.KEY_TYPE_UNSUPPORTED),
    ("DSA", lowest(key=dsa.generate_private_key(2048)), FindingCode.KEY_TYPE_UNSUPPORTED),
    ("explicit EC parameters", rebuilt(spki=explicit_curve()), FindingCode.KEY_TYPE_UNSUPPORTED),
    ("a key nobody knows", rebuilt(spki=unknown_key()), FindingCode.KEY_TYPE_UNSUPPORTED),
    (
        "SHA-224",
        lowest_signed_with(rsa_key(), digest=hashes.SHA224()),
        FindingCode.SIGNATURE_ALGORITHM_WEAK,
    ),
    (
        "a root's own SHA-224",
        lambda: (make("Root CA", key=rsa_key(), digest=hashes.SHA224()),),
        FindingCode.SIGNATURE_ALGORITHM_WEAK,
    ),
    ("a root's own SHA-1 with ECDSA", sha1_ecdsa_root, FindingCode.SIGNATURE_ALGORITHM_WEAK),
    ("SHA-1 below the root", sha1_below_the_root, FindingCode.SIGNATURE_ALGORITHM_WEAK),
    ("expired", lowest(not_after=AT - timedelta(days=1)), FindingCode.CERT_EXPIRED),
]


@pytest.mark.parametrize(("spoil", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_one_flaw_in_a_ca_is_one_error_at_its_place(spoil: Spoil, code: FindingCode) -> None:
    certificates = spoil()

    found = examined(certificates)

    assert codes(found, Severity.ERROR) == [(code.value, len(certificates) - 1)]
    assert not found.is_acceptable


WARNED: list[tuple[str, Spoil, FindingCode]] = [
    ("no key usage", lowest(key_usage=None), FindingCode.KEY_USAGE_MISSING),
    ("serial number zero", rebuilt(serial=tlv(0x02, b"\x00")), FindingCode.SERIAL_ZERO),
    ("basic constraints", lowest(basic_constraints_critical=False), FindingCode.BASIC_CONSTRAINTS_NOT_CRITICAL),
    ("RSA exponent 3", rebuilt(spki=rsa_spki(MODULUS, 3)), FindingCode.RSA_SMALL_EXPONENT),
    ("a root's own SHA-1", sha1_root, FindingCode.ROOT_SHA1_SELF_SIGNATURE),
    ("valid from tomorrow", lowest(not_before=AT + timedelta(days=1)), FindingCode.NOT_YET_VALID),
    ("valid for a month", lowest(not_after=AT + timedelta(days=30)), FindingCode.EXPIRES_SOON),
]


@pytest.mark.parametrize(("spoil", "code"), [row[1:] for row in WARNED], ids=[row[0] for row in WARNED])
def test_a_warning_is_said_and_refuses_nothing(spoil: Spoil, code: FindingCode) -> None:
    certificates = spoil()

    found = examined(certificates)

    assert codes(found, Severity.WARNING) == [(code.value, len(certificates) - 1)]
    assert upload.require_acceptable(found) is found.chain


SHA256_PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
ACCEPTED: list[tuple[str, Spoil]] = [
    ("no key identifiers", lowest()),
    ("notAfter 9999-12-31", lowest(not_after=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))),
    ("serial number of 20 octets", rebuilt(serial=tlv(0x02, b"\x01" * 20))),
    ("common name is a URN", lowest(subject="urn:dev:ops:32473-Fleet")),
    (
        "unknown subject attribute",
        lowest(subject=name("Fleet CA", x509.NameAttribute(x509.ObjectIdentifier("1.3.6.1.4.1.99999.7"), "x"))),
    ),
    ("extended key usage for clients", lowest_with((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), True))),
    (
        "any extended key usage",
        lowest_with((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), False)),
    ),
    ("critical policies", lowest_with((x509.CertificatePolicies([POLICY]), True))),
    (
        "critical subject alternative name",
        lowest_with((x509.SubjectAlternativeName([x509.DNSName("ca.example")]), True)),
    ),
    ("unknown extension, not critical", lowest_with((x509.UnrecognizedExtension(UNKNOWN, b"\x05\x00"), False))),
    ("inhibitPolicyMapping, not critical", lowest_with((x509.PolicyConstraints(None, 0), False))),
    ("a key usage with keyAgreement", lowest(key_usage=("key_cert_sign", "key_agreement", "encipher_only"))),
    ("RSA 2048", rebuilt(spki=rsa_spki(MODULUS, 65537))),
    ("RSA 8192", rebuilt(spki=rsa_spki(1 << 8191 | 1, 65537))),
    ("RSA exponent 2^64 - 1", rebuilt(spki=rsa_spki(MODULUS, 2**64 - 1))),
    ("RSA of an odd length", rebuilt(spki=rsa_spki(1 << 2050 | 1, 65537))),
    ("signed by RSA", lowest_signed_with(rsa_key())),
    ("signed by RSASSA-PSS", lowest_signed_with(rsa_key(), digest=hashes.SHA256(), pss=SHA256_PSS)),
    ("signed by RSA with SHA-512", lowest_signed_with(rsa_key(), digest=hashes.SHA512())),
    ("signed by P-384", lowest_signed_with(ec.generate_private_key(ec.SECP384R1()), digest=hashes.SHA384())),
    ("signed by P-521", lowest_signed_with(ec.generate_private_key(ec.SECP521R1()), digest=hashes.SHA512())),
    ("signed by Ed25519", lowest_signed_with(ed25519.Ed25519PrivateKey.generate())),
    ("signed by Ed448", lowest_signed_with(ed448.Ed448PrivateKey.generate())),
    ("signed by ML-DSA-44", lowest_signed_with(mldsa.MLDSA44PrivateKey.generate())),
    ("signed by ML-DSA-65", lowest_signed_with(mldsa.MLDSA65PrivateKey.generate())),
    ("signed by ML-DSA-87", lowest_signed_with(mldsa.MLDSA87PrivateKey.generate())),
]


@pytest.mark.parametrize("build", [row[1] for row in ACCEPTED], ids=[row[0] for row in ACCEPTED])
def test_what_real_fleets_have_is_accepted_without_a_word(build: Spoil) -> None:
    assert examined(build()).findings == ()


def test_an_extended_key_usage_of_a_root_is_not_looked_at() -> None:
    root = make("Root CA", extensions=[(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)])

    assert examined((root, make(issuer=root))).findings == ()


def test_an_unsigned_algorithm_name_that_differs_is_nonconforming() -> None:
    """The same algorithm with other parameters still verifies, so only the comparison of the two names sees it."""
    root = make("Root CA", key=rsa_key())
    good = make("Fleet CA", issuer=root)
    without_null = bytes.fromhex("300b06092a864886f70d01010b")

    def sign(body: bytes) -> bytes:
        return rsa_key().sign(body, padding.PKCS1v15(), hashes.SHA256())

    found = examined((root, rebuild(good, root.key, outer_algorithm=without_null, sign=sign)))

    assert codes(found, Severity.ERROR) == [("CERT_NONCONFORMING", 1)]


def test_every_rule_cites_its_source_and_every_code_of_it_is_in_a_table_above() -> None:
    rules: list[Rule | DateRule] = [*profile.TRUSTED_CA, *profile.VALIDITY]
    promised = {code for rule in rules for code in rule.codes}
    exercised = {row[2] for row in (*REFUSED, *WARNED)} | {FindingCode.VALIDITY_INVERTED}

    assert promised <= exercised
    assert all(rule.reference for rule in rules)


@pytest.mark.parametrize("spoil", [row[1] for row in (*REFUSED, *WARNED)], ids=[row[0] for row in (*REFUSED, *WARNED)])
def test_a_rule_gives_only_the_codes_that_it_promises(spoil: Spoil) -> None:
    certificate = spoil()[-1].parsed
    for place in profile.Place:
        for rule in profile.TRUSTED_CA:
            assert {code for code, _ in rule.check(certificate, place)} <= set(rule.codes)
    for dated in profile.VALIDITY:
        assert {code for code, _ in dated.check(certificate, AT)} <= set(dated.codes)


def test_a_finding_carries_the_rules_reference() -> None:
    assert examined(chain_of_three(key_usage=("crl_sign",))).findings == (
        Finding(
            Severity.ERROR,
            FindingCode.CA_KEY_USAGE,
            "The key usage does not allow the key to sign certificates (keyCertSign).",
            2,
            "RFC 5280 4.2.1.3",
        ),
    )
