"""The rules together: the order of what is said, and what a stored record shows."""

from datetime import timedelta

import pytest
from cryptography import x509

from app.errors import CertificateRejected
from app.findings import FindingCode, Severity
from app.rules import chain, profile, upload
from tests.rules.authority import AT, Made, chain_of_three, make, rebuild, tlv
from tests.rules.flaws import examined, sha1_root


def said(certificates: tuple[Made, ...]) -> list[tuple[str, str, int | None]]:
    return [(found.severity.value, found.code.value, found.index) for found in examined(certificates).findings]


def test_a_good_chain_is_accepted_without_a_word() -> None:
    found = examined(chain_of_three())

    assert found.findings == ()
    assert found.is_acceptable
    assert upload.require_acceptable(found).trusted_ca.subject_text == "CN=Fleet CA"


def test_errors_come_in_the_order_of_the_rules_and_then_warnings() -> None:
    root = make("Root CA", key_usage=None)
    middle = make("Middle CA", issuer=root, not_after=AT - timedelta(days=1))
    lowest = make(issuer=middle, key_usage=("crl_sign",), extensions=[(x509.SubjectKeyIdentifier(b"1234"), True)])

    assert said((middle, lowest, root, lowest)) == [
        ("error", "CA_KEY_USAGE", 1),
        ("error", "CERT_NONCONFORMING", 1),
        ("error", "CERT_EXPIRED", 0),
        ("warning", "DUPLICATE_IGNORED", 3),
        ("warning", "ORDER_NORMALISED", None),
        ("warning", "KEY_USAGE_MISSING", 2),
    ]


def test_one_code_comes_in_the_order_of_the_input() -> None:
    root = make("Root CA", key_usage=("crl_sign",))
    lowest = make(issuer=root, key_usage=("crl_sign",))

    assert said((root, lowest)) == [("error", "CA_KEY_USAGE", 0), ("error", "CA_KEY_USAGE", 1)]


def test_every_block_that_cannot_be_read_is_named_and_nothing_else_is_asked() -> None:
    root = make("Root CA")

    found = upload.examine([b"hello", root.der, b"world"], at=AT)

    assert found.chain is None
    assert [(finding.code.value, finding.index) for finding in found.findings] == [
        ("CERT_UNPARSEABLE", 0),
        ("CERT_UNPARSEABLE", 2),
    ]


def test_without_a_chain_the_warnings_about_the_input_are_said_still() -> None:
    _, middle, lowest = chain_of_three()

    assert said((lowest, middle, lowest)) == [
        ("error", "CHAIN_INCOMPLETE", 1),
        ("warning", "DUPLICATE_IGNORED", 2),
    ]


def test_a_refusal_carries_all_findings_and_the_deciding_one_first() -> None:
    found = examined(chain_of_three(key_usage=("crl_sign",), not_after=AT - timedelta(days=1)))
    with pytest.raises(CertificateRejected) as refused:
        upload.require_acceptable(found)

    assert refused.value.findings == found.findings
    assert refused.value.recorded_code == "CA_KEY_USAGE"
    assert refused.value.path == ("source",)


def test_a_stored_record_shows_its_warnings_along_the_chain() -> None:
    root = make("Root CA", key_usage=None)
    middle = make("Middle CA", issuer=root, basic_constraints_critical=False)
    good = make(issuer=middle, not_after=AT + timedelta(days=100))
    lowest = rebuild(good, middle.key, serial=tlv(0x02, b"\x00"))
    stored = chain.stored(upload.require_acceptable(examined((root, middle, lowest))).ders)

    def shown(days: int) -> list[tuple[str, str, int | None]]:
        found = upload.standing_findings(stored, at=AT + timedelta(days=days))
        return [(finding.severity.value, finding.code.value, finding.index) for finding in found]

    always = [
        ("warning", "KEY_USAGE_MISSING", 2),
        ("warning", "SERIAL_ZERO", 0),
        ("warning", "BASIC_CONSTRAINTS_NOT_CRITICAL", 1),
    ]
    assert shown(9) == always
    assert shown(10) == [*always, ("warning", "EXPIRES_SOON", 0)]
    assert shown(101) == [("error", "CERT_EXPIRED", 0), *always]
    assert shown(-366)[-1] == ("warning", "NOT_YET_VALID", 2)


def test_a_roots_own_sha_1_signature_is_shown() -> None:
    stored = chain.stored(upload.require_acceptable(examined(sha1_root())).ders)

    assert [finding.code for finding in upload.standing_findings(stored, at=AT)] == [
        FindingCode.ROOT_SHA1_SELF_SIGNATURE
    ]


def test_the_order_of_findings_is_the_order_of_the_codes() -> None:
    """Findings are sorted by the place of their code, so warnings must stand behind errors there too."""
    order = list(FindingCode)

    assert max(order.index(code) for code in order if code not in WARNING_CODES) < min(map(order.index, WARNING_CODES))


WARNING_CODES = [
    *profile.WARNINGS,
    FindingCode.DUPLICATE_IGNORED,
    FindingCode.ORDER_NORMALISED,
    FindingCode.SAME_KEY_AS,
    FindingCode.UNUSED,
    FindingCode.BLOCKED_BY,
]


def test_severities_follow_the_codes() -> None:
    root = make("Root CA", key_usage=None)
    lowest = make(issuer=root, key_usage=("crl_sign",))

    for finding in examined((lowest, root)).findings:
        assert (finding.severity is Severity.WARNING) == (finding.code in WARNING_CODES)
