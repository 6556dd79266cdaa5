"""The certificate that the service makes: its shape, and what others make of it.

Seen to fail without the subject key identifier (OpenSSL's strict check) and with the key usage left out.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID, NameOID

from app.rules import pem, upload
from app.rules.developer_certificate import self_signed
from tests.developed import run
from tests.rules.authority import AT, Made, make

pytestmark = pytest.mark.once

ACCOUNT, CERTIFICATE = "0190a0000000700080000000000000aa", "0190a0000000700080000000000000cc"


def made(at: datetime = AT, serial: int = 0x1234) -> Made:
    key = ec.generate_private_key(ec.SECP256R1())
    return Made(self_signed(key, account_id=ACCOUNT, certificate_id=CERTIFICATE, serial=serial, at=at), key)


@pytest.mark.parametrize("later", [timedelta(), timedelta(days=3_000)])
def test_it_passes_the_upload_rules_without_a_word(later: timedelta) -> None:
    examined = upload.examine([made().der], at=AT + later)

    assert examined.findings == ()
    assert upload.require_acceptable(examined).trusted_ca.is_ca


def test_it_has_exactly_the_shape_that_was_agreed() -> None:
    developer = made()
    certificate = developer.certificate
    extensions = {each.oid: each for each in certificate.extensions}

    assert [(each.oid, each.value) for each in certificate.subject] == [
        (NameOID.ORGANIZATIONAL_UNIT_NAME, ACCOUNT),
        (NameOID.COMMON_NAME, CERTIFICATE),
    ]
    assert certificate.issuer == certificate.subject
    assert certificate.serial_number == 0x1234
    assert certificate.version is x509.Version.v3
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    assert isinstance(certificate.signature_hash_algorithm, hashes.SHA256)
    assert developer.parsed.key_usage == ("digitalSignature", "keyCertSign")
    assert extensions[ExtensionOID.BASIC_CONSTRAINTS].value == x509.BasicConstraints(ca=True, path_length=0)
    assert [each.dotted_string for each in extensions[ExtensionOID.EXTENDED_KEY_USAGE].value] == ["1.3.6.1.5.5.7.3.2"]
    assert {oid: each.critical for oid, each in extensions.items()} == {
        ExtensionOID.BASIC_CONSTRAINTS: True,
        ExtensionOID.KEY_USAGE: True,
        ExtensionOID.EXTENDED_KEY_USAGE: False,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER: False,
    }


@pytest.mark.parametrize(
    ("at", "end"),
    [
        (datetime(2026, 6, 1, 12, 0, 0, 999_999, tzinfo=UTC), datetime(2036, 6, 1, 12, tzinfo=UTC)),
        (datetime(2028, 2, 29, 1, 2, 3, tzinfo=UTC), datetime(2038, 2, 28, 1, 2, 3, tzinfo=UTC)),
        (datetime(2028, 2, 28, tzinfo=UTC), datetime(2038, 2, 28, tzinfo=UTC)),
    ],
)
def test_it_is_valid_for_ten_years(at: datetime, end: datetime) -> None:
    certificate = made(at).certificate

    assert certificate.not_valid_before_utc == at.replace(microsecond=0)
    assert certificate.not_valid_after_utc == end


def test_the_same_arguments_make_the_same_bytes() -> None:
    first = made()
    assert isinstance(first.key, ec.EllipticCurvePrivateKey)

    again = self_signed(first.key, account_id=ACCOUNT, certificate_id=CERTIFICATE, serial=0x1234, at=AT)

    assert again == first.der


def test_openssl_trusts_it_strictly_as_a_client_and_as_the_ca_of_another(tmp_path: Path) -> None:
    developer = made()
    identified = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
        developer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    )
    device = make(
        "device", issuer=developer, is_ca=False, key_usage=("digital_signature",), extensions=[(identified, False)]
    )
    lower = make("lower CA", issuer=developer)
    beneath = make("device", issuer=lower, is_ca=False, key_usage=("digital_signature",))
    paths = {}
    for name, one in {"developer": developer, "device": device, "lower": lower, "beneath": beneath}.items():
        paths[name] = str(tmp_path / f"{name}.pem")
        (tmp_path / f"{name}.pem").write_text(pem.encode([one.der]))
    asked = ("openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-attime", str(int(AT.timestamp())))

    run(*asked, "-CAfile", paths["developer"], paths["developer"])
    run(*asked, "-CAfile", paths["developer"], paths["device"])
    with pytest.raises(AssertionError, match="path length constraint exceeded"):
        run(*(word for word in asked if word != "-x509_strict"),
            "-CAfile", paths["developer"], "-untrusted", paths["lower"], paths["beneath"])  # fmt: skip
