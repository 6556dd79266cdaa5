"""Dates: both ends of every boundary."""

from datetime import datetime, timedelta

import pytest

from app.findings import Severity
from tests.rules.authority import AT, chain_of_three, tlv
from tests.rules.flaws import codes, examined, rebuilt

LAST_SECOND = AT + timedelta(days=100)
INSTANTS = [
    (LAST_SECOND - timedelta(days=90, microseconds=1), []),
    (LAST_SECOND - timedelta(days=90), ["EXPIRES_SOON"]),
    (LAST_SECOND, ["EXPIRES_SOON"]),
    (LAST_SECOND + timedelta(microseconds=999_999), ["EXPIRES_SOON"]),
    (LAST_SECOND + timedelta(seconds=1), ["CERT_EXPIRED"]),
]


@pytest.mark.parametrize(("at", "expected"), INSTANTS)
def test_the_last_second_and_the_last_ninety_days_belong_to_the_period(at: datetime, expected: list[str]) -> None:
    certificates = chain_of_three(not_after=LAST_SECOND)

    assert [found.code.value for found in examined(certificates, at).findings] == expected


@pytest.mark.parametrize(("at", "expected"), [(AT - timedelta(microseconds=1), ["NOT_YET_VALID"]), (AT, [])])
def test_the_first_instant_belongs_to_the_period(at: datetime, expected: list[str]) -> None:
    certificates = chain_of_three(not_before=AT)

    assert [found.code.value for found in examined(certificates, at).findings] == expected


@pytest.mark.parametrize(("begins", "expected"), [("260601120001Z", ["VALIDITY_INVERTED"]), ("260601120000Z", [])])
def test_a_period_may_be_one_instant_but_not_inverted(begins: str, expected: list[str]) -> None:
    validity = tlv(0x30, tlv(0x17, begins.encode()), tlv(0x17, b"260601120000Z"))

    found = examined(rebuilt(validity=validity)())

    assert [code for code, _ in codes(found, Severity.ERROR)] == expected


def test_the_instant_is_said_to_the_second_in_utc() -> None:
    """An hour before it begins, on the same day, a day would say nothing."""
    (early,) = examined(chain_of_three(not_before=AT), AT - timedelta(hours=1)).findings
    (late,) = examined(chain_of_three(not_after=AT), AT + timedelta(hours=1)).findings
    (soon,) = examined(chain_of_three(not_after=AT), AT - timedelta(hours=1)).findings

    assert early.message == "The certificate is valid from 2026-06-01T12:00:00Z only."
    assert late.message == "The certificate expired at 2026-06-01T12:00:00Z."
    assert soon.message == "The certificate expires at 2026-06-01T12:00:00Z."
