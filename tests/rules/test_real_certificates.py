"""Real CAs: the rules must accept what the world's trust lists hold, and refuse only what has expired.

A fixed instant keeps the verdict from changing with the day; what it should be is worked out from the certificates by
the library alone.
"""

import re
import warnings
from datetime import UTC, datetime
from pathlib import Path

import certifi
import pytest
from cryptography import x509

from app.findings import FindingCode, Severity
from app.rules import pem, upload

AT = datetime(2026, 11, 24, tzinfo=UTC)
BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----")
# Debian's package ca-certificates; where the system has none, the list of Mozilla in certifi stands alone.
SYSTEM = sorted(Path("/usr/share/ca-certificates/mozilla").glob("*.crt"))


def blocks() -> list[str]:
    """Each certificate once, as PEM text."""
    texts = [Path(certifi.where()).read_text(encoding="utf-8"), *(path.read_text(encoding="utf-8") for path in SYSTEM)]
    return list(dict.fromkeys(block for text in texts for block in BLOCK.findall(text)))


def test_of_the_worlds_trust_lists_only_what_has_expired_is_refused() -> None:
    for block in blocks():
        with warnings.catch_warnings(action="ignore"):  # The library warns about serial numbers of zero.
            library = x509.load_pem_x509_certificate(block.encode())

        found = upload.examine(pem.tokenise(block), at=AT)

        errors = [finding.code for finding in found.findings if finding.severity is Severity.ERROR]
        has_expired = library.not_valid_after_utc < AT
        assert errors == ([FindingCode.CERT_EXPIRED] if has_expired else []), library.subject.rfc4514_string()


def test_there_are_enough_real_certificates_for_that_to_mean_something() -> None:
    assert len(BLOCK.findall(Path(certifi.where()).read_text(encoding="utf-8"))) > 100
    assert not SYSTEM or len(SYSTEM) > 100


@pytest.mark.parametrize("block", blocks()[:5])
def test_normalised_pem_is_what_the_lists_hold(block: str) -> None:
    assert pem.encode(pem.tokenise(block)) == block + "\n"
