"""The one spelling of time in the log."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as some

from app.clock import from_text, to_text

pytestmark = pytest.mark.once
INSTANTS = some.datetimes(timezones=some.just(UTC))


@given(INSTANTS | INSTANTS.map(lambda instant: instant.replace(microsecond=0)))
def test_an_instant_is_written_with_six_decimals_and_read_back(instant: datetime) -> None:
    written = to_text(instant)

    assert written == instant.strftime("%Y").zfill(4) + instant.strftime("-%m-%dT%H:%M:%S.%fZ")
    assert from_text(written) == instant


def test_an_instant_of_another_zone_is_written_in_utc() -> None:
    assert to_text(datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))) == "2025-12-31T23:00:00.000000Z"
