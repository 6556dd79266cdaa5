"""What is a verification certificate of a challenge, and what is not: one flaw per row."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from app.errors import CertificateRejected
from app.findings import FindingCode, ProofFlaw
from app.rules import pem
from app.rules.possession import VerificationCertificate
from tests.rules.authority import AT, ECDSA_SHA256, Made, make, name, rebuild, tlv
from tests.rules.challenging import KEYS, challenge_for, flaw_of, issued, key_text, presented, signed

pytestmark = pytest.mark.once

CA = make("Fleet CA")
CHALLENGE = challenge_for(CA)
CODE = CHALLENGE.verification_code


@pytest.mark.parametrize("kind", KEYS)
def test_a_verification_certificate_of_the_key_is_a_proof(kind: str) -> None:
    ca = make(key=KEYS[kind]())
    challenge = challenge_for(ca)

    proof = presented(issued(ca, challenge.verification_code))

    assert flaw_of(proof, ca) is None


def _v1() -> Made:
    good = issued(CA, CODE, is_ca=False)
    assert good.parsed.version == 3
    return rebuild(good, CA.key, version=1, algorithm=ECDSA_SHA256, extensions=b"")


def _subject(*names: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each) for each in names])


def _two_algorithms() -> Made:
    """SHA-384 made the signature, as the certificate says at its end; within what is signed it says SHA-256."""
    return rebuild(
        issued(CA, CODE, is_ca=False),
        CA.key,
        outer_algorithm=bytes.fromhex("300a06082a8648ce3d040303"),
        sign=lambda tbs: signed(CA.key, tbs, hashes.SHA384()),
    )


def _sha1() -> Made:
    """ECDSA with SHA-1, whose signature is right."""
    algorithm = bytes.fromhex("300906072a8648ce3d0401")
    return rebuild(
        issued(CA, CODE, is_ca=False),
        CA.key,
        algorithm=algorithm,
        sign=lambda tbs: signed(CA.key, tbs, hashes.SHA1()),  # noqa: S303  # to be refused
    )


GOOD: dict[str, Callable[[], VerificationCertificate]] = {
    "as OpenSSL makes it": lambda: presented(issued(CA, CODE)),
    "of version 1": lambda: presented(_v1()),
    "with text around it": lambda: VerificationCertificate.of(
        f"Certificate:\r\n    Data: …\n{pem.encode([issued(CA, CODE).der])}\n\n"
    ),
    "with an organisation beside the code": lambda: presented(
        issued(CA, CODE, subject=name(CODE, x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Northwind")))
    ),
    "that never expires": lambda: presented(issued(CA, CODE, not_after=datetime(9999, 12, 31, 23, 59, 59))),  # noqa: DTZ001  # the builder's own
    "that begins with 1950": lambda: presented(issued(CA, CODE, not_before=datetime(1950, 1, 1))),  # noqa: DTZ001  # as above
    "that is no CA, and says so": lambda: presented(issued(CA, CODE, is_ca=False)),
    "that expired a day ago": lambda: presented(
        issued(CA, CODE, not_before=AT - timedelta(days=2), not_after=AT - timedelta(hours=24))
    ),
    "that will be valid in a day": lambda: presented(
        issued(CA, CODE, not_before=AT + timedelta(hours=24), not_after=AT + timedelta(days=9))
    ),
}


@pytest.mark.parametrize("case", GOOD)
def test_a_verification_certificate_is_a_proof(case: str) -> None:
    assert flaw_of(GOOD[case](), CA) is None


A_SECOND = timedelta(seconds=1)
TWIN = make("Fleet CA")
"""Of the same name, with another key."""
BAD: dict[str, tuple[Callable[[], VerificationCertificate], ProofFlaw]] = {
    "two": (lambda: presented(issued(CA, CODE), CA), ProofFlaw.POP_CERT_COUNT),
    "the same twice": (lambda: presented(*[issued(CA, CODE)] * 2), ProofFlaw.POP_CERT_COUNT),
    "three": (lambda: presented(*[issued(CA, CODE)] * 3), ProofFlaw.POP_CERT_COUNT),
    "more than a chain has": (lambda: presented(*[issued(CA, CODE)] * 11), ProofFlaw.POP_CERT_COUNT),
    "another issuer, the same key": (
        lambda: presented(issued(CA, CODE, issuer_name=name("Other CA"))),
        ProofFlaw.POP_CERT_WRONG_ISSUER,
    ),
    "another issuer": (lambda: presented(issued(make("Other CA"), CODE)), ProofFlaw.POP_CERT_WRONG_ISSUER),
    "the issuer in capitals": (
        lambda: presented(issued(CA, CODE, issuer_name=name("FLEET CA"))),
        ProofFlaw.POP_CERT_WRONG_ISSUER,
    ),
    "self-signed": (lambda: presented(make(CODE)), ProofFlaw.POP_CERT_WRONG_ISSUER),
    "of a twin": (lambda: presented(issued(TWIN, CODE)), ProofFlaw.POP_CERT_SIGNATURE_INVALID),
    "changed after it was signed": (
        lambda: presented(Made(issued(CA, CODE).der[:-1] + b"\x00", CA.key)),
        ProofFlaw.POP_CERT_SIGNATURE_INVALID,
    ),
    "with SHA-1": (lambda: presented(_sha1()), ProofFlaw.POP_CERT_SIGNATURE_INVALID),
    "with SHA-224": (lambda: presented(issued(CA, CODE, digest=hashes.SHA224())), ProofFlaw.POP_CERT_SIGNATURE_INVALID),
    "naming two algorithms": (lambda: presented(_two_algorithms()), ProofFlaw.POP_CERT_SIGNATURE_INVALID),
    "a CA's": (lambda: presented(issued(CA, CODE, is_ca=True)), ProofFlaw.POP_CERT_IS_CA),
    "the CA's own": (lambda: presented(CA), ProofFlaw.POP_CERT_IS_CA),
    "no common name": (
        lambda: presented(rebuild(issued(CA, CODE, is_ca=False), CA.key, subject=tlv(0x30))),
        ProofFlaw.POP_CODE_MISMATCH,
    ),
    "the code twice": (
        lambda: presented(issued(CA, CODE, subject=_subject(CODE, CODE))),
        ProofFlaw.POP_CODE_MISMATCH,
    ),
    "the code and another name": (
        lambda: presented(issued(CA, CODE, subject=_subject(CODE, "x"))),
        ProofFlaw.POP_CODE_MISMATCH,
    ),
    "another challenge's code": (
        lambda: presented(issued(CA, challenge_for(CA, bytes(32)).verification_code)),
        ProofFlaw.POP_CODE_MISMATCH,
    ),
    "the nonce": (lambda: presented(issued(CA, CHALLENGE.nonce_text)), ProofFlaw.POP_CODE_MISMATCH),
    "the code in capitals": (lambda: presented(issued(CA, CODE.upper())), ProofFlaw.POP_CODE_MISMATCH),
    "the code and a blank": (lambda: presented(issued(CA, f"{CODE} ")), ProofFlaw.POP_CODE_MISMATCH),
    "the code without its end": (lambda: presented(issued(CA, CODE[:-1])), ProofFlaw.POP_CODE_MISMATCH),
    "the code and NUL": (lambda: presented(issued(CA, f"{CODE}\x00")), ProofFlaw.POP_CODE_MISMATCH),
    "letters beyond ASCII": (lambda: presented(issued(CA, "ü\u202e")), ProofFlaw.POP_CODE_MISMATCH),
    "the code as a unit": (
        lambda: presented(
            issued(CA, "", subject=x509.Name([x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, CODE)]))
        ),
        ProofFlaw.POP_CODE_MISMATCH,
    ),
    "expired more than a day ago": (
        lambda: presented(
            issued(CA, CODE, not_before=AT - timedelta(days=2), not_after=AT - timedelta(hours=24) - A_SECOND)
        ),
        ProofFlaw.POP_CERT_EXPIRED,
    ),
    "valid in more than a day": (
        lambda: presented(
            issued(CA, CODE, not_before=AT + timedelta(hours=24) + A_SECOND, not_after=AT + timedelta(days=9))
        ),
        ProofFlaw.POP_CERT_EXPIRED,
    ),
    "valid in the year 9999": (
        lambda: presented(
            issued(CA, CODE, not_before=datetime(9999, 1, 1), not_after=datetime(9999, 12, 31, 23, 59, 59))  # noqa: DTZ001  # the builder's own
        ),
        ProofFlaw.POP_CERT_EXPIRED,
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_verification_certificate_with_one_flaw_is_no_proof(case: str) -> None:
    made, flaw = BAD[case]

    assert flaw_of(made(), CA) is flaw


UNREADABLE: dict[str, tuple[str, FindingCode]] = {
    "empty": ("", FindingCode.INPUT_EMPTY),
    "no block": ("tcpop1", FindingCode.NOT_PEM),
    "NUL": (f"\x00{pem.encode([issued(CA, CODE).der])}", FindingCode.NOT_PEM),
    "huge": (f"{pem.encode([issued(CA, CODE).der])}{' ' * 70_000}", FindingCode.INPUT_TOO_LARGE),
    "half of a block": (pem.encode([issued(CA, CODE).der])[:200], FindingCode.PEM_MALFORMED),
    "a request": (
        pem.encode([issued(CA, CODE).der]).replace("CERTIFICATE", "CERTIFICATE REQUEST"),
        FindingCode.PEM_UNEXPECTED_BLOCK,
    ),
    "no certificate": (pem.encode([tlv(0x30, tlv(0x30), b"\x05\x00")]), FindingCode.CERT_UNPARSEABLE),
    "the CA's key": (key_text(CA), FindingCode.PRIVATE_KEY_PRESENT),
    "a certificate and a key": (
        pem.encode([issued(CA, CODE).der]) + key_text(CA),
        FindingCode.PRIVATE_KEY_PRESENT,
    ),
    "three certificates and a key": (
        pem.encode([issued(CA, CODE).der] * 3) + key_text(CA),
        FindingCode.PRIVATE_KEY_PRESENT,
    ),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_is_refused_as_an_upload_is(case: str) -> None:
    source, code = UNREADABLE[case]
    proof = VerificationCertificate.of(source)

    with pytest.raises(CertificateRejected) as raised:
        proof.require(CHALLENGE, CA.parsed, at=AT)

    assert raised.value.deciding.code is code
    assert raised.value.path == ("proof", "verificationCertificate")
    body = key_text(CA).splitlines()[1]
    assert body not in repr(proof)
    assert body not in raised.value.message


def test_every_flaw_is_exercised_here() -> None:
    seen = {flaw for _, flaw in BAD.values()}
    others = {ProofFlaw.POP_CHALLENGE_EXPIRED, ProofFlaw.POP_SIGNATURE_MALFORMED, ProofFlaw.POP_SIGNATURE_INVALID}

    assert seen | others == set(ProofFlaw)
