"""Words that no command understands, said without a traceback."""

from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.commands.running import instant
from app.errors import InvalidInput

pytestmark = pytest.mark.once


@pytest.mark.parametrize("text", ["", "tomorrow", "0001-01-01T00:00+23:59", "9999-12-31T23:59:59-23:59", "2027-13-01"])
def test_what_is_no_instant(text: str) -> None:
    with pytest.raises(InvalidInput, match="is no instant"):
        instant(text)


def test_an_instant_is_in_utc() -> None:
    assert instant("2027-01-31") == datetime(2027, 1, 31, tzinfo=UTC)
    assert instant("2027-01-31T12:00:00+02:00") == datetime(2027, 1, 31, 10, tzinfo=UTC)


@pytest.mark.parametrize("limit", ["9" * 5_000, "many", "1.5", "²"])
def test_what_is_no_limit(limit: str) -> None:
    said = CliRunner().invoke(cli, ["account", "set-limit", "acc", limit])
    assert isinstance(said.exception, SystemExit)
    assert "Neither a number up to 10000 nor" in said.output
