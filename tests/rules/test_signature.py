"""Signature algorithms: what they are called, and which of them count."""

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from app.rules.certificate import check_signature
from app.rules.signature import Answer, Family
from tests.rules.authority import Made, integer, make, pss_only, rebuild, rsa_key, tlv

PSS = bytes.fromhex("06092a864886f70d01010a")
MGF1 = bytes.fromhex("06092a864886f70d010108")
MD5 = bytes.fromhex("300c06082a864886f70d02050500")
SHA256 = bytes.fromhex("300d06096086480165030402010500")
SHA3_256 = bytes.fromhex("300b0609608648016503040208")


def signed(algorithm: bytes) -> Made:
    """A root with an algorithm of the test's choice; only its name is looked at."""
    good = make("Root CA", key=rsa_key())
    return rebuild(good, good.key, algorithm=algorithm, sign=lambda _: bytes(256))


def pss(digest: bytes) -> bytes:
    mask = tlv(0x30, MGF1, digest)
    return tlv(0x30, PSS, tlv(0x30, tlv(0xA0, digest), tlv(0xA1, mask), tlv(0xA2, integer(32))))


STRONG = [
    (pss(SHA256), "RSASSA-PSS with SHA256"),
    (bytes.fromhex("300d06092a864886f70d01010b0500"), "sha256WithRSAEncryption"),
]
WEAK = [
    (tlv(0x30, PSS, tlv(0x30)), "RSASSA-PSS with SHA1"),
    (pss(SHA3_256), "RSASSA-PSS with SHA3-256"),
    (pss(MD5), "RSASSA-PSS"),
    (bytes.fromhex("300d06092a864886f70d0101040500"), "md5WithRSAEncryption"),
    (bytes.fromhex("300d06092a864886f70d0101020500"), "md2WithRSAEncryption"),
    (bytes.fromhex("300506032a0304"), "1.2.3.4"),
]


@pytest.mark.parametrize(("algorithm", "name"), STRONG + WEAK)
def test_an_algorithm_has_a_name_and_a_strength(algorithm: bytes, name: str) -> None:
    scheme = signed(algorithm).parsed.scheme

    assert (scheme.name, scheme.is_strong) == (name, (algorithm, name) in STRONG)
    assert not scheme.is_rsa_sha1


def test_the_exception_for_roots_is_for_pkcs_1_with_sha_1_alone() -> None:
    scheme = signed(bytes.fromhex("300d06092a864886f70d0101050500")).parsed.scheme

    assert (scheme.is_rsa_sha1, scheme.is_strong, scheme.family) == (True, False, Family.RSA)


def test_a_pss_signature_must_have_the_parameters_that_it_names() -> None:
    good = make("Root CA", key=rsa_key(), digest=hashes.SHA256(), pss=padding.PSS(padding.MGF1(hashes.SHA256()), 32))
    parts = good.parsed
    salted = padding.PSS(padding.MGF1(hashes.SHA256()), 20)

    def sign(body: bytes) -> bytes:
        return rsa_key().sign(body, salted, hashes.SHA256())

    assert parts.is_self_signed
    assert not rebuild(good, good.key, sign=sign).parsed.is_self_signed


def test_a_key_that_is_for_pss_alone_makes_no_other_signature() -> None:
    """RFC 4055 1.2: the key's own algorithm is id-RSASSA-PSS, and OpenSSL refuses anything else of it."""
    root = pss_only(make("Root CA", key=rsa_key()))
    salted = padding.PSS(padding.MGF1(hashes.SHA256()), 32)

    assert root.parsed.key_description == "RSA 2048"
    assert not root.parsed.is_self_signed
    assert check_signature(make("D", issuer=root).parsed, root.parsed) is Answer.INVALID
    assert check_signature(make("D", issuer=root, pss=salted).parsed, root.parsed) is Answer.VALID
