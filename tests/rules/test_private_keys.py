"""A private key that somebody sends by mistake is recognised in every disguise, and goes no further."""

import base64
import json
import traceback
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from app.errors import CertificateRejected
from app.rules import pem
from tests.rules.authority import chain_of_three, make, rsa_key

EC = ec.generate_private_key(ec.SECP256R1())
SECRET = BestAvailableEncryption(b"correct horse")
KEYS: dict[str, tuple[rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, PrivateFormat]] = {
    "RSA PKCS#8": (rsa_key(), PrivateFormat.PKCS8),
    "RSA PKCS#1": (rsa_key(), PrivateFormat.TraditionalOpenSSL),
    "EC PKCS#8": (EC, PrivateFormat.PKCS8),
    "EC SEC 1": (EC, PrivateFormat.TraditionalOpenSSL),
    "P-521 SEC 1": (ec.generate_private_key(ec.SECP521R1()), PrivateFormat.TraditionalOpenSSL),
    "Ed25519": (ed25519.Ed25519PrivateKey.generate(), PrivateFormat.PKCS8),
}
ROOT = make("Root CA")
PEM = pem.encode([ROOT.der])


def ders() -> Iterator[tuple[str, bytes]]:
    for name, (key, form) in KEYS.items():
        yield name, key.private_bytes(Encoding.DER, form, NoEncryption())
        yield f"{name}, encrypted", key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, SECRET)
    yield "Ed448", ed448.Ed448PrivateKey.generate().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    yield "X25519", x25519.X25519PrivateKey.generate().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    mldsa_key = mldsa.MLDSA44PrivateKey.generate()
    yield "ML-DSA-44", mldsa_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    yield "PKCS#12", pkcs12.serialize_key_and_certificates(b"ca", EC, make("Root CA", key=EC).certificate, None, SECRET)


DERS = dict(ders())


def mislabelled(der: bytes, label: str = "CERTIFICATE") -> str:
    return pem.encode([der]).replace("CERTIFICATE", label)


def disguises(der: bytes) -> Iterator[tuple[str, str]]:
    encoded = base64.b64encode(der).decode()
    labelled = mislabelled(der, "PRIVATE KEY")
    yield "labelled", labelled
    yield "behind a chain", PEM + labelled
    yield "lower-case label", labelled.replace("BEGIN PRIVATE KEY", "begin private key")
    yield "underscores", labelled.replace("PRIVATE KEY", "PRIVATE_KEY")
    yield "word split over lines", labelled.replace("PRIVATE KEY", "PRIVATE\n KEY")
    yield "zero-width characters", labelled.replace("PRIVATE", "PRI\u200bVATE")
    yield "UTF-16", labelled.encode("utf-16-le").decode("latin-1")
    yield "line endings as escapes", labelled.replace("\n", "\\n")
    yield "Base64 of PEM", base64.b64encode(labelled.encode()).decode()
    yield "as a certificate", mislabelled(der)
    yield "as a certificate, behind a chain", PEM + mislabelled(der)
    yield "as a lower-case certificate", mislabelled(der, "certificate")
    yield "as anything", mislabelled(der, "FOO BAR")
    yield "as a certificate without an end", mislabelled(der).partition("-----END")[0]
    yield "labels differ", mislabelled(der).replace("END CERTIFICATE", "END X509 CERTIFICATE")
    yield "split by text", mislabelled(der).replace(encoded[32:48], f"\n# second part\n{encoded[32:48]}")
    yield "quoted as mail", "> " + mislabelled(der).replace("\n", "\n> ")
    yield "behind a certificate in its block", pem.encode([ROOT.der + der])
    yield "Base64 alone", encoded
    yield "Base64 for URLs", base64.urlsafe_b64encode(der).decode()
    yield "Base64 in a sentence", f'MANY thanks, my key is "{encoded}", please install it'
    yield "Base64 beside a chain", f"{PEM}key: {encoded}\n"
    yield "octets as characters", der.decode("latin-1")
    yield "octets as damaged text", der.decode("utf-8", "replace")


def assert_refused_in_silence(refused: pytest.ExceptionInfo[CertificateRejected], secret: bytes) -> None:
    error = refused.value
    assert error.recorded_code == "PRIVATE_KEY_PRESENT"
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__
    said = "".join(traceback.format_exception_only(error)) + repr(error) + repr(error.findings) + str(error.args)
    encoded = base64.b64encode(secret).decode()
    assert not any(encoded[start : start + 12] in said for start in range(0, len(encoded) - 12, 4))


@pytest.mark.parametrize("disguise", dict(disguises(b"")))
@pytest.mark.parametrize("der", DERS.values(), ids=DERS.keys())
def test_a_key_in_a_text_is_recognised_in_every_disguise(der: bytes, disguise: str) -> None:
    text = dict(disguises(der))[disguise]
    with pytest.raises(CertificateRejected) as refused:
        pem.tokenise(text)

    assert_refused_in_silence(refused, der)


@pytest.mark.parametrize("der", DERS.values(), ids=DERS.keys())
def test_a_key_in_octets_is_recognised(der: bytes) -> None:
    for data in (der, ROOT.der + der, mislabelled(der, "PRIVATE KEY").encode(), mislabelled(der).encode()):
        for take in (pem.from_der, pem.from_file):
            with pytest.raises(CertificateRejected) as refused:
                take(data)
            assert_refused_in_silence(refused, der)


def openssh(key: ed25519.Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


OPENSSH = openssh(ed25519.Ed25519PrivateKey.generate())
TRADITIONAL = EC.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, SECRET).decode()
JWK = json.dumps({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "c2VjcmV0"})
OTHER_FORMS = {
    "OpenSSH": OPENSSH,
    "OpenSSH as a certificate": OPENSSH.replace("OPENSSH PRIVATE KEY", "CERTIFICATE"),
    "encrypted as OpenSSL did": TRADITIONAL,
    "encrypted as OpenSSL did, as a certificate": TRADITIONAL.replace("EC PRIVATE KEY", "CERTIFICATE"),
    "PuTTY": "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPrivate-Lines: 1\nAAAA\n",
    "JSON Web Key": JWK,
    "PGP": "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nxcASBF\n-----END PGP PRIVATE KEY BLOCK-----\n",
}


@pytest.mark.parametrize("text", OTHER_FORMS.values(), ids=OTHER_FORMS.keys())
def test_other_forms_of_keys_are_recognised(text: str) -> None:
    with pytest.raises(CertificateRejected) as refused:
        pem.tokenise(text)

    assert refused.value.recorded_code == "PRIVATE_KEY_PRESENT"
    assert pem.looks_like_private_key(text)


@pytest.mark.parametrize("der", DERS.values(), ids=DERS.keys())
def test_a_key_in_another_field_is_recognised(der: bytes) -> None:
    encoded = base64.b64encode(der).decode()

    assert pem.looks_like_private_key(f"for the new line: {mislabelled(der, 'PRIVATE KEY')}")
    assert pem.looks_like_private_key(f"for the new line: {encoded}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Fleet CA of plant 7, private key in the HSM",
        "The private-key ceremony was on 2026-05-01.",
        "MAIN LINE, MODEL MAX, MCUCAQEE",
        'kty and "d" are words',
        PEM,
    ],
)
def test_people_may_write_about_private_keys(text: str) -> None:
    assert not pem.looks_like_private_key(text)


def test_a_chain_is_no_key() -> None:
    for certificate in (*chain_of_three(), make("RSA CA", key=rsa_key(4096))):
        assert not pem.looks_like_private_key(pem.encode([certificate.der]))
        assert pem.from_der(certificate.der) == (certificate.der,)
