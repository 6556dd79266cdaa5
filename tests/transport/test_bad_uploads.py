"""What people paste by mistake, through the real server: the finding, the certificate at fault, and one refused entry.

Seen to fail with U+0000 refused before the rules are asked (no entry in the account's log), and with findings that
count from 1.
"""

import base64
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

from app.rules import pem
from tests.rules.authority import AT, Made, make, rsa_key
from tests.serving import Json, Served

UPLOAD = """
mutation Upload($input: UploadCertificateInput!) {
  uploadCertificate(input: $input) {
    certificate { id }
    errors { ... on UserError { code path } ... on CertificateRejectedError { findings { code chainIndex } } }
    auditEntry { sequence outcome code }
  }
}
"""

ROOT = make("Root")
LEAF = make("Device", issuer=ROOT, is_ca=False, key_usage=("digital_signature",))
EXPIRED = make("Old", issuer=ROOT, not_after=AT - timedelta(days=1))
WEAK = make("Weak", issuer=ROOT, key=rsa_key(1024))


def text_of(*chain: Made) -> str:
    return pem.encode([made.der for made in chain])


def key_text() -> str:
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


def pkcs12_file() -> str:
    made = make("Bag")
    assert isinstance(made.key, ec.EllipticCurvePrivateKey)
    data = pkcs12.serialize_key_and_certificates(
        b"bag", made.key, made.certificate, None, serialization.BestAvailableEncryption(b"secret")
    )
    return base64.b64encode(data).decode()


BAD: list[tuple[str, Json, str, int | None]] = [
    ("a private key", {"pem": key_text()}, "PRIVATE_KEY_PRESENT", None),
    ("a private key behind its certificate", {"pem": text_of(ROOT) + key_text()}, "PRIVATE_KEY_PRESENT", None),
    ("PKCS#12", {"der": pkcs12_file()}, "PRIVATE_KEY_PRESENT", None),
    ("a device certificate", {"pem": text_of(ROOT, LEAF)}, "LEAF_IN_CHAIN", 1),
    ("a chain without its root", {"pem": text_of(make("Sub", issuer=ROOT))}, "CHAIN_INCOMPLETE", 0),
    ("an expired certificate", {"pem": text_of(ROOT, EXPIRED)}, "CERT_EXPIRED", 1),
    ("a weak key", {"pem": text_of(ROOT, WEAK)}, "KEY_TOO_WEAK", 1),
    ("65 KiB", {"pem": text_of(ROOT) + "x" * 65 * 1024}, "INPUT_TOO_LARGE", None),
    ("DER as text", {"pem": "0\x82\x02\x00"}, "NOT_PEM", None),
    ("UTF-16", {"pem": text_of(ROOT).encode("utf-16").decode("latin-1")}, "NOT_PEM", None),
    ("NUL", {"pem": text_of(ROOT).replace("\n", "\0\n", 1)}, "NOT_PEM", None),
    ("nothing", {"pem": ""}, "INPUT_EMPTY", None),
    ("DER that is none", {"der": "AAAA"}, "CERT_UNPARSEABLE", 0),
]


async def test_every_mistake_is_named_and_recorded_once(served: Served) -> None:
    before = 2  # the first start's user and key
    for name, source, code, index in BAD:
        words = {"name": name, "usage": "ENROLLMENT", "source": source}
        outcome = (await served.operate(UPLOAD, {"input": words}))["uploadCertificate"]

        assert outcome["certificate"] is None, name
        (error,) = outcome["errors"]
        assert (error["code"], error["path"]) == ("CERTIFICATE_REJECTED", ["source"]), name
        assert error["findings"][0] == {"code": code, "chainIndex": index}, name
        before += 1
        assert outcome["auditEntry"] == {"sequence": before, "outcome": "REFUSED", "code": code}, name


@pytest.mark.parametrize("source", [{}, {"pem": "x", "der": "AAAA"}, {"pem": None}])
async def test_a_source_that_is_not_exactly_one_is_told_so(served: Served, source: Json) -> None:
    words = {"name": "n", "usage": "ENROLLMENT", "source": source}

    answer = await served.ask(UPLOAD, {"input": words})

    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
