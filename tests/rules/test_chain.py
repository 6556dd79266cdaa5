"""One chain out of many certificates: each case draws what is uploaded. `<-` reads "issued"."""

from itertools import permutations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding

from app.errors import CertificateRejected
from app.findings import FindingCode, Severity
from app.rules import chain
from app.rules.certificate import check_signature
from app.rules.chain import Chain
from app.rules.signature import Answer
from tests.rules.authority import Made, chain_of_three, make, name, rebuild, rsa_key, rsa_spki, tlv


def ordered(*certificates: Made) -> Chain:
    return chain.order([certificate.parsed for certificate in certificates])


def errors(*certificates: Made) -> list[tuple[str, int | None]]:
    with pytest.raises(CertificateRejected) as refused:
        ordered(*certificates)
    return [(found.code.value, found.index) for found in refused.value.findings if found.severity is Severity.ERROR]


def warnings(found: Chain) -> list[FindingCode]:
    return [finding.code for finding in found.findings]


def test_any_order_gives_the_chain_from_the_trusted_ca_to_the_root() -> None:
    root, middle, lowest = chain_of_three()
    for order in permutations((root, middle, lowest)):
        found = ordered(*order)

        assert found.ders == (lowest.der, middle.der, root.der)
        assert (found.trusted_ca.der, found.root.der) == (lowest.der, root.der)
        assert [order[position].der for position in found.positions] == list(found.ders)
        is_in_order = order in ((root, middle, lowest), (lowest, middle, root))
        assert warnings(found) == ([] if is_in_order else [FindingCode.ORDER_NORMALISED])


def test_a_self_signed_certificate_is_a_chain_of_one() -> None:
    root = make("Root CA")

    found = ordered(root)

    assert found.trusted_ca == found.root == root.parsed
    assert found.uppers == ()


def test_a_certificate_that_comes_twice_is_taken_once() -> None:
    root, middle, lowest = chain_of_three()

    found = ordered(root, middle, root, lowest)

    assert found.positions == (3, 1, 0)
    assert [(finding.code.value, finding.index) for finding in found.findings] == [("DUPLICATE_IGNORED", 2)]


def test_a_missing_issuer_is_named() -> None:
    """Root <- [Middle] <- Fleet: the middle is missing."""
    root, _, lowest = chain_of_three()
    with pytest.raises(CertificateRejected) as refused:
        ordered(root, lowest)

    assert refused.value.deciding.code is FindingCode.CHAIN_INCOMPLETE
    assert refused.value.deciding.index == 1
    assert '"CN=Middle CA"' in refused.value.deciding.message


def test_a_missing_root_is_named() -> None:
    _, middle, lowest = chain_of_three()

    assert errors(lowest, middle) == [("CHAIN_INCOMPLETE", 1)]


def test_a_ring_without_a_root_is_incomplete() -> None:
    """A <- B <- A: each signed the other, none itself."""
    a, b = make("A"), make("B")
    ring = (make("A", issuer=b, key=a.key), make("B", issuer=a, key=b.key))

    assert errors(*ring) == [("CHAIN_INCOMPLETE", 0)]


def test_a_ring_beside_a_root_is_another_chain() -> None:
    a, b = make("A"), make("B")

    assert errors(make("Root CA"), make("A", issuer=b, key=a.key), make("B", issuer=a, key=b.key)) == [
        ("CHAIN_BRANCHED", 0)
    ]


def test_a_device_certificate_does_not_belong_into_the_chain() -> None:
    root, middle, lowest = chain_of_three()
    device = make("device-1", issuer=lowest, is_ca=False, key_usage=("digital_signature",))

    assert errors(device, lowest, middle, root) == [("LEAF_IN_CHAIN", 0)]


def test_a_device_certificate_without_basic_constraints_does_not_either() -> None:
    root = make("Root CA")

    assert errors(root, make("device-1", issuer=root, is_ca=None, key_usage=None)) == [("LEAF_IN_CHAIN", 1)]


@pytest.mark.parametrize("is_ca", [False, None])
def test_a_self_signed_certificate_must_say_that_it_is_a_ca(is_ca: bool | None) -> None:
    assert errors(make("Root CA", is_ca=is_ca)) == [("NOT_A_CA", 0)]


def test_an_issuer_in_the_middle_must_say_that_it_is_a_ca() -> None:
    root = make("Root CA")
    middle = make("Middle CA", issuer=root, is_ca=False)

    assert errors(root, middle, make(issuer=middle)) == [("NOT_A_CA", 1)]


def test_a_lone_device_certificate_is_not_a_ca() -> None:
    assert errors(make("device-1", issuer=make("Root CA"), is_ca=False)) == [("NOT_A_CA", 0)]


def test_two_roots_are_two_chains() -> None:
    first, second = make("Root CA"), make("Other CA")

    assert errors(first, second, make(issuer=first)) == [("CHAIN_MULTIPLE_ROOTS", 1)]


def test_a_renewed_root_beside_the_old_one_is_two_roots() -> None:
    old = make("Root CA")

    assert errors(make("Root CA", key=old.key, serial=2), old) == [("CHAIN_MULTIPLE_ROOTS", 1)]


def test_two_certificates_of_one_issuer_are_ambiguous() -> None:
    """Root <- Middle (twice, one key) <- Fleet: both can have issued it."""
    root, middle, lowest = chain_of_three()
    renewed = make("Middle CA", issuer=root, key=middle.key, serial=2)

    assert errors(lowest, renewed, middle, root) == [("CHAIN_AMBIGUOUS", 0)]


def test_siblings_are_two_chains() -> None:
    root, middle, lowest = chain_of_three()

    assert errors(root, middle, lowest, make("Sister CA", issuer=middle)) == [("CHAIN_BRANCHED", 3)]


def test_a_cross_signed_root_needs_a_second_upload() -> None:
    """Root <- Fleet, and Other <- Root: the cross-certificate's issuer is missing."""
    root, other = make("Root CA"), make("Other CA")
    cross = make("Root CA", issuer=other, key=root.key)

    assert errors(make(issuer=root), root, cross) == [("CHAIN_INCOMPLETE", 2)]


def test_a_key_of_the_same_name_is_not_the_issuer() -> None:
    root = make("Root CA")

    assert errors(make("Root CA"), make(issuer=root)) == [("SIGNATURE_INVALID", 1)]


def test_a_root_whose_own_signature_is_broken_is_no_root() -> None:
    root = make("Root CA")
    broken = rebuild(root, make("Somebody").key)

    assert errors(make(issuer=root), broken) == [("SIGNATURE_INVALID", 1)]


def test_names_must_be_equal_byte_by_byte() -> None:
    """The same name as PrintableString and as UTF8String: equal when decoded, and yet not the issuer."""
    root = make("Root CA")
    printable = tlv(0x30, tlv(0x31, tlv(0x30, bytes.fromhex("0603550403"), tlv(0x13, b"Root CA"))))
    below = rebuild(make(issuer=root), root.key, issuer=printable)

    assert below.certificate.issuer == root.certificate.subject
    assert errors(root, below) == [("CHAIN_INCOMPLETE", 1)]


def test_a_change_of_key_under_one_name_is_a_chain() -> None:
    """Root <- Root with a new key (self-issued, not self-signed) <- Fleet."""
    root = make("Root CA")
    rollover = make("Root CA", issuer=root)
    lowest = make(issuer=rollover)

    assert ordered(root, rollover, lowest).positions == (2, 1, 0)


def test_a_signature_that_cannot_be_verified_says_why() -> None:
    """MD5 is not verified at all; the finding is at the certificate that carries the signature."""
    root = make("Root CA", key=rsa_key())
    md5 = bytes.fromhex("300d06092a864886f70d0101040500")
    lowest = rebuild(make(issuer=root), root.key, algorithm=md5, sign=lambda _: bytes(256))

    assert errors(root, lowest) == [("SIGNATURE_ALGORITHM_WEAK", 1)]


@pytest.mark.parametrize(
    ("modulus", "exponent", "code"),
    [
        (1 << 8192 | 1, 65537, "KEY_TOO_LARGE"),
        (1 << 2047 | 1, 2**64 + 1, "KEY_EXPONENT_INVALID"),
        (1 << 511 | 1, 65537, "KEY_TOO_WEAK"),
    ],
)
def test_a_key_out_of_bounds_is_never_used_to_verify(modulus: int, exponent: int, code: str) -> None:
    """The finding is at the certificate whose key it is."""
    root = rebuild(make("Root CA"), make("Root CA").key, spki=rsa_spki(modulus, exponent))

    assert check_signature(root.parsed, root.parsed) is Answer.UNVERIFIABLE
    assert errors(make(issuer=make("Root CA")), root) == [(code, 1)]


def test_a_scheme_of_another_kind_than_the_key_is_no_signature() -> None:
    """An EC key cannot have made an RSA signature, whatever the certificate says."""
    root = make("Root CA")
    rsa_sha256 = bytes.fromhex("300d06092a864886f70d01010b0500")

    def sign(body: bytes) -> bytes:
        return rsa_key().sign(body, padding.PKCS1v15(), hashes.SHA256())

    assert errors(root, rebuild(make(issuer=root), root.key, algorithm=rsa_sha256, sign=sign)) == [
        ("SIGNATURE_INVALID", 1)
    ]


def test_no_certificates_are_no_chain() -> None:
    assert errors() == [("INPUT_EMPTY", None)]


def test_a_stored_chain_is_the_ordered_one() -> None:
    found = ordered(*chain_of_three())

    assert chain.stored(found.ders) == found
    assert chain.stored(found.ders).certificates == found.certificates
    assert chain.stored(found.ders).root is chain.stored(found.ders).root


def test_ten_certificates_of_one_name_are_compared_pair_by_pair() -> None:
    """The worst input: ten keys of one name, so that every pair is tried; it ends, with a reason each."""
    impostors = [make("Root CA", issuer=make("Root CA")) for _ in range(10)]

    assert errors(*impostors) == [("SIGNATURE_INVALID", index) for index in range(10)]


def test_names_in_messages_are_escaped() -> None:
    lowest = make(issuer=make(name("Root\x1b[2J\u202eCA"), key=ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(CertificateRejected) as refused:
        ordered(lowest)

    assert r"Root\u{001B}[2J\u{202E}CA" in refused.value.message
