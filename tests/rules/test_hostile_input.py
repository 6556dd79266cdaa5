"""Whatever comes in: a verdict or one of our refusals, no warning, and nothing else.

The corpora are those of the library's own tests (X.509 oddities, NIST PKITS, private keys of every kind), and real
certificates with damage done to them.
"""

import re
import warnings
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import IPv4Network
from pathlib import Path
from random import Random
from typing import TypeAlias

import certifi
import cryptography_vectors
import pytest
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import mldsa, padding
from cryptography.hazmat.primitives.serialization import load_der_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from app.errors import CertificateRejected
from app.findings import Severity
from app.rules import pem, upload
from app.rules.certificate import parse
from tests.rules.authority import chain_of_three, make, name, rsa_key

AT = datetime(2026, 11, 24, tzinfo=UTC)
VECTORS = Path(cryptography_vectors.__file__).parent
X509 = sorted(path for path in (VECTORS / "x509").rglob("*") if path.is_file() and path.suffix != ".py")
KEYS = sorted(path for path in (VECTORS / "asymmetric").rglob("*") if path.suffix in {".der", ".pem", ".key"})
BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----")
Take: TypeAlias = Callable[[bytes], tuple[bytes, ...]]
MUTATIONS = 20_000
DIRECTORY = x509.DirectoryName(name("below"))
CLIENTS = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
ML_DSA = mldsa.MLDSA44PrivateKey.generate()


def judged(ders: tuple[bytes, ...]) -> bool:
    """Whether the upload would be accepted. Anything but a verdict fails the test that asks."""
    found = upload.examine(ders, at=AT)
    errors = [finding for finding in found.findings if finding.severity is Severity.ERROR]
    assert found.is_acceptable == (not errors)
    return found.is_acceptable


def taken(take: Take, data: bytes) -> tuple[bytes, ...]:
    """The certificates, or none when they are refused."""
    try:
        return take(data)
    except CertificateRejected:
        return ()


@pytest.mark.parametrize("take", [pem.from_file, pem.from_der])
def test_every_odd_file_gets_a_verdict(take: Take) -> None:
    inputs = [taken(take, path.read_bytes()) for path in X509]

    for ders in filter(None, inputs):
        judged(ders)
        for der in ders:
            judged((der,))
    assert len(X509) > 1000
    assert sum(map(bool, inputs)) > 40


def test_every_pkcs_12_file_is_taken_for_a_key() -> None:
    files = [path for path in X509 if path.suffix == ".p12"]

    for path in files:
        with pytest.raises(CertificateRejected) as refused:
            pem.from_der(path.read_bytes())
        assert refused.value.recorded_code == "PRIVATE_KEY_PRESENT"
    assert len(files) > 400


def is_private_key(der: bytes) -> bool:
    """What the library says, which warns about old kinds of keys."""
    try:
        with warnings.catch_warnings(action="ignore"):
            load_der_private_key(der, None)
    except TypeError:
        return True  # Encrypted.
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


def test_every_private_key_that_the_library_reads_is_recognised_by_its_shape() -> None:
    recognised = 0
    for path in KEYS:
        if path.suffix == ".der" and is_private_key(path.read_bytes()):
            with pytest.raises(CertificateRejected) as refused:
                pem.from_der(path.read_bytes())
            assert refused.value.recorded_code == "PRIVATE_KEY_PRESENT", path.name
            recognised += 1
    assert recognised > 20


def test_every_pem_private_key_is_recognised_under_the_label_of_a_certificate() -> None:
    label = re.compile(r"[A-Z0-9 ]*PRIVATE KEY")
    texts = [path.read_text(encoding="latin-1") for path in KEYS if path.suffix != ".der"]
    keys = [text for text in texts if label.search(text)]

    for text in keys:
        with pytest.raises(CertificateRejected) as refused:
            pem.tokenise(label.sub("CERTIFICATE", text))
        assert refused.value.recorded_code == "PRIVATE_KEY_PRESENT", text
    assert len(keys) > 50


def damaged(good: bytes, dice: Random) -> bytes:
    """One to three wounds: an octet changed, a bit turned, a piece removed, doubled, moved or made random."""
    data = bytearray(good)
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(data))
        piece = slice(at, at + dice.choice((1, 1, 2, 4, 16, 64)))
        match dice.randrange(6):
            case 0:
                data[at] = dice.choice((0x00, 0x02, 0x06, 0x0C, 0x30, 0x31, 0x7F, 0x80, 0x81, 0x84, 0xA0, 0xA3, 0xFF))
            case 1:
                data[at] ^= 1 << dice.randrange(8)
            case 2 if len(data) > 100:
                del data[piece]
            case 3:
                data[at:at] = data[piece]
            case 4:
                there = dice.randrange(len(data))
                data[there : there + piece.stop - at] = data[piece]
            case _:
                data[piece] = dice.randbytes(len(data[piece]))
    return bytes(data)


def patients() -> list[bytes]:
    """Certificates of many kinds: real ones, and ours with every extension that the rules look at."""
    real = [pem.tokenise(block.decode())[0] for block in BLOCK.findall(Path(certifi.where()).read_bytes())[:20]]
    constraints = x509.NameConstraints([x509.DNSName("a.example"), x509.IPAddress(IPv4Network("10.0.0.0/8"))], None)
    names = x509.SubjectAlternativeName([x509.DNSName("a.example"), x509.RFC822Name("a@a.example"), DIRECTORY])
    rich = [(constraints, True), (names, False), (x509.PolicyConstraints(None, 1), False), (CLIENTS, False)]
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    return [
        *real,
        *(make(extensions=rich, path_length=3, key=key).der for key in (None, rsa_key(), ML_DSA)),
        make(key=rsa_key(), digest=hashes.SHA256(), pss=pss).der,
    ]


def refusal(der: bytes) -> str | None:
    try:
        parse(der)
    except CertificateRejected as refused:
        return refused.recorded_code
    return None


def test_damaged_certificates_get_a_verdict_and_none_is_accepted() -> None:
    dice = Random(20261124)  # noqa: S311 - the same damage in every run
    whole = patients()
    root, middle, _ = (certificate.der for certificate in chain_of_three())
    verdicts = Counter[str | None]()
    for _ in range(MUTATIONS):
        der = damaged(dice.choice(whole), dice)
        verdicts[refusal(der)] += 1
        assert not judged((der,)) or der in whole
        assert not judged((root, der, middle))
    assert set(verdicts) <= {None, "CERT_UNPARSEABLE", "CERT_TOO_LARGE"}
    assert verdicts[None] > MUTATIONS // 20


def test_damaged_pem_gets_a_verdict() -> None:
    dice = Random(2026)  # noqa: S311 - the same damage in every run
    whole = pem.encode([certificate.der for certificate in chain_of_three()]).encode()
    for _ in range(MUTATIONS // 10):
        judged(taken(pem.from_file, damaged(whole, dice)) or (whole,))
