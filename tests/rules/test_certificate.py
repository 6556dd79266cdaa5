"""Reading one certificate: everything at once, or one refusal."""

import hashlib
import threading
import warnings
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from app.errors import CertificateRejected
from app.findings import FindingCode
from app.recent import Recent
from app.rules import certificate
from app.rules.certificate import check_signature, parse, parse_cached, signatures
from app.rules.display import escape
from app.rules.signature import Answer
from tests.rules.authority import (
    AT,
    PrivateKey,
    chain_of_three,
    extensions_of,
    make,
    name,
    rebuild,
    rsa_key,
    rsa_spki,
    spki,
    tlv,
)
from tests.rules.flaws import explicit_curve

ROOT = make("Root CA")
LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def refusal(der: bytes) -> tuple[FindingCode, int | None]:
    with pytest.raises(CertificateRejected) as refused:
        parse(der, index=3)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None or refused.value.__suppress_context__
    (finding,) = refused.value.findings
    return finding.code, finding.index


def test_everything_is_read() -> None:
    root, middle, lowest = chain_of_three(
        subject=name("Fleet CA", x509.NameAttribute(NameOID.EMAIL_ADDRESS, "ca@example.com")),
        serial=0xABCDEF,
        path_length=0,
        not_after=LAST,
        extensions=[(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)],
    )
    read, library = lowest.parsed, lowest.certificate
    key = library.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    assert read.der == lowest.der
    assert read.fingerprint == library.fingerprint(hashes.SHA256())
    assert (read.subject, read.issuer) == (library.subject.public_bytes(), library.issuer.public_bytes())
    assert (read.subject_text, read.issuer_text) == ("CN=Fleet CA,1.2.840.113549.1.9.1=ca@example.com", "CN=Middle CA")
    assert (read.subject_common_names, read.subject_emails) == (("Fleet CA",), ("ca@example.com",))
    assert (read.serial, read.version) == (0xABCDEF, 3)
    assert (read.not_before, read.not_after) == (AT - timedelta(days=365), LAST)
    assert (read.spki, read.spki_fingerprint) == (key, hashlib.sha256(key).digest())
    assert (read.key_description, read.signature_algorithm) == ("EC P-256", "ecdsa-with-SHA256")
    assert (read.is_ca, read.path_length, read.basic_constraints_critical) == (True, 0, True)
    assert read.key_usage == ("keyCertSign", "cRLSign")
    assert read.extended_key_usage == ("1.3.6.1.5.5.7.3.2",)
    assert read.extension_oids == {"2.5.29.19", "2.5.29.15", "2.5.29.37"}
    assert read.critical_oids == {"2.5.29.19", "2.5.29.15"}
    assert not read.is_self_issued
    assert root.parsed.is_self_signed
    assert middle.parsed != lowest.parsed == parse(lowest.der)
    assert len({lowest.parsed, parse(lowest.der)}) == 1
    assert repr(read) == f"<ParsedCertificate {read.fingerprint.hex()[:16]}>"


def test_what_is_absent_is_none() -> None:
    read = make(is_ca=None, key_usage=None).parsed

    assert (read.is_ca, read.path_length, read.has_basic_constraints) == (False, None, False)
    assert (read.key_usage, read.extended_key_usage, read.name_constraints) == (None, None, None)
    assert len(read.alternative_names) == 0


def test_self_issued_is_not_self_signed() -> None:
    rollover = make("Root CA", issuer=ROOT).parsed

    assert rollover.is_self_issued
    assert not rollover.is_self_signed


def test_key_usages_have_their_names() -> None:
    every = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "decipher_only",
    )

    assert make(key_usage=every).parsed.key_usage == (
        "digitalSignature",
        "nonRepudiation",
        "keyEncipherment",
        "dataEncipherment",
        "keyAgreement",
        "keyCertSign",
        "cRLSign",
        "decipherOnly",
    )


KEYS: list[tuple[PrivateKey, str, str]] = [
    (rsa_key(), "RSA 2048", "sha256WithRSAEncryption"),
    (ec.generate_private_key(ec.SECP384R1()), "EC P-384", "ecdsa-with-SHA256"),
    (ec.generate_private_key(ec.SECP521R1()), "EC P-521", "ecdsa-with-SHA256"),
    (ec.generate_private_key(ec.SECP256K1()), "EC secp256k1", "ecdsa-with-SHA256"),
    (dsa.generate_private_key(2048), "DSA 2048", "dsa-with-sha256"),
    (ed25519.Ed25519PrivateKey.generate(), "Ed25519", "Ed25519"),
    (ed448.Ed448PrivateKey.generate(), "Ed448", "Ed448"),
    (mldsa.MLDSA44PrivateKey.generate(), "ML-DSA-44", "ML-DSA-44"),
    (mldsa.MLDSA65PrivateKey.generate(), "ML-DSA-65", "ML-DSA-65"),
    (mldsa.MLDSA87PrivateKey.generate(), "ML-DSA-87", "ML-DSA-87"),
]


@pytest.mark.parametrize(("key", "description", "algorithm"), KEYS, ids=[row[1] for row in KEYS])
def test_keys_and_signatures_have_their_names(key: PrivateKey, description: str, algorithm: str) -> None:
    read = make(key=key).parsed

    assert (read.key_description, read.signature_algorithm) == (description, algorithm)
    assert read.is_self_signed


@pytest.mark.parametrize(("key", "description", "algorithm"), KEYS, ids=[row[1] for row in KEYS])
def test_a_signature_that_was_changed_is_none(key: PrivateKey, description: str, algorithm: str) -> None:
    good = make(key=key)
    changed = parse(good.der[:-1] + bytes((good.der[-1] ^ 1,)))

    assert (changed.key_description, changed.signature_algorithm) == (description, algorithm)
    assert check_signature(changed, good.parsed) is Answer.INVALID


def test_the_hash_of_a_pss_signature_is_named() -> None:
    read = make(key=rsa_key(), digest=hashes.SHA384(), pss=padding.PSS(padding.MGF1(hashes.SHA384()), 48)).parsed

    assert read.signature_algorithm == "RSASSA-PSS with SHA384"
    assert read.is_self_signed


def test_explicit_curve_parameters_make_no_usable_key() -> None:
    """CVE-2020-0601: the library would take these for the curve that they resemble."""
    read = rebuild(ROOT, ROOT.key, spki=explicit_curve()).parsed

    assert (read.key_description, read.key.usable) == ("EC explicit parameters", None)


def test_names_are_escaped_for_display() -> None:
    hostile = "a\x00b\nc\x1b[31m\u202e\u2028\ue000\U000e0041\u0378é€"

    assert make(hostile).parsed.subject_text == (
        r"CN=a\\00b\u{000A}c\u{001B}[31m\u{202E}\u{2028}\u{E000}\u{E0041}\u{0378}é€".replace(r"\\", "\\")
    )


ECDSA_SIGNATURE = parse(ROOT.der).signature
WITH_UNUSED_BIT = ROOT.der[: -len(ECDSA_SIGNATURE) - 1] + b"\x01" + ECDSA_SIGNATURE[:-1] + b"\x00"

STRINGS_FOR_A_KEY = spki(bytes.fromhex("300d06092a864886f70d0101010500"), tlv(0x30, tlv(0x04, b"1"), tlv(0x04, b"3")))

UNREADABLE = {
    "nothing": b"",
    "text": b"hello, world",
    "cut off": ROOT.der[:-1],
    "something behind": ROOT.der + b"\x00",
    "two certificates": ROOT.der * 2,
    "a sequence of nothing": tlv(0x30),
    "indefinite length": b"\x30\x80" + ROOT.der[4:] + b"\x00\x00",
    "a signature with an unused bit": WITH_UNUSED_BIT,
    "version 2": rebuild(ROOT, ROOT.key, version=2, extensions=b"").der,
    "version 4": rebuild(ROOT, ROOT.key, version=4).der,
    "year 0": rebuild(
        ROOT, ROOT.key, validity=tlv(0x30, tlv(0x18, b"00000101000000Z"), tlv(0x17, b"300101000000Z"))
    ).der,
    "a name that is no UTF-8": rebuild(
        ROOT, ROOT.key, subject=tlv(0x30, tlv(0x31, tlv(0x30, bytes.fromhex("0603550403"), tlv(0x0C, b"\xff"))))
    ).der,
    "an extension twice": rebuild(
        ROOT,
        ROOT.key,
        extensions=extensions_of(*[tlv(0x30, bytes.fromhex("0603551d13"), tlv(0x04, bytes.fromhex("30030101ff")))] * 2),
    ).der,
    "a malformed extension": rebuild(
        ROOT, ROOT.key, extensions=extensions_of(tlv(0x30, bytes.fromhex("0603551d13"), tlv(0x04, b"\x30\x05")))
    ).der,
    "an x400Address": rebuild(
        ROOT,
        ROOT.key,
        extensions=extensions_of(tlv(0x30, bytes.fromhex("0603551d11"), tlv(0x04, tlv(0x30, tlv(0xA3, b""))))),
    ).der,
    "no serial number": rebuild(ROOT, ROOT.key, serial=tlv(0x04, b"\x01")).der,
    "an RSA key of two strings": rebuild(ROOT, ROOT.key, spki=STRINGS_FOR_A_KEY).der,
    "an RSA key that is no sequence": rebuild(ROOT, ROOT.key, spki=rsa_spki(5, 3)[:-8] + bytes(8)).der,
}


@pytest.mark.parametrize("der", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_cannot_be_understood_is_one_refusal(der: bytes) -> None:
    assert refusal(der) == (FindingCode.CERT_UNPARSEABLE, 3)


def test_size_and_names_are_limited_before_they_are_read() -> None:
    attribute = tlv(0x31, tlv(0x30, bytes.fromhex("0603550403"), tlv(0x0C, b"x")))

    assert refusal(tlv(0x30, bytes(16 * 1024))) == (FindingCode.CERT_TOO_LARGE, 3)
    assert refusal(rebuild(ROOT, ROOT.key, subject=tlv(0x30, attribute * 65)).der) == (FindingCode.CERT_TOO_LARGE, 3)
    assert refusal(rebuild(ROOT, ROOT.key, issuer=tlv(0x30, attribute * 65)).der) == (FindingCode.CERT_TOO_LARGE, 3)
    assert len(rebuild(ROOT, ROOT.key, subject=tlv(0x30, attribute * 64)).parsed.subject_names) == 64


def test_the_texts_of_a_few_issuers_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    remembered: Recent[bytes, str] = Recent(200)
    monkeypatch.setattr(certificate, "_issuer_texts", remembered)
    made = [make(issuer_name=name(text)) for text in ("CA 1", "CA 2", "CA 3", "CA \u202e", "CA 5", "CA 6")]
    for one in [*made, *made]:
        text = escape(one.certificate.issuer.rfc4514_string())
        assert [parse(one.der).issuer_text, parse(one.der).issuer_text] == [text, text]
        assert 0 < remembered.weight <= 200


def test_the_largest_certificate_is_read() -> None:
    padding_bytes = 16 * 1024 - len(ROOT.der) - 100
    filler = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.2"), bytes(padding_bytes))
    large = make(extensions=[(filler, False)])

    assert 16 * 1024 - 200 < len(large.der) <= 16 * 1024
    assert large.parsed.is_ca


@pytest.mark.parametrize(("octets", "serial"), [(b"\x00", 0), (b"\x80", -128), (b"\x01" + bytes(999), 256**999)])
def test_odd_serial_numbers_are_read_without_a_warning(octets: bytes, serial: int) -> None:
    with warnings.catch_warnings(record=True) as caught:
        read = rebuild(ROOT, ROOT.key, serial=tlv(0x02, octets)).parsed

    assert (read.serial, read.serial_octets) == (serial, len(octets))
    assert caught == []


def test_reading_leaves_the_warning_filters_as_they_were() -> None:
    before = list(warnings.filters)

    workers = [threading.Thread(target=lambda: [parse(ROOT.der) for _ in range(100)]) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert list(warnings.filters) == before


def test_a_certificate_is_remembered_and_a_refusal_is_not() -> None:
    assert parse_cached(ROOT.der) is parse_cached(bytes(bytearray(ROOT.der)))
    for _ in range(2):
        with pytest.raises(CertificateRejected):
            parse_cached(b"hello")


def test_as_many_signatures_are_remembered_as_fit() -> None:
    for number in range(10_000):
        signatures.keep((b"", number.to_bytes(2, "big")), Answer.INVALID)
    assert len(signatures) == 8192
