"""Names of strangers in sentences."""

from datetime import UTC, datetime, timedelta, timezone

from app.rules.display import escape, moment, quote


def test_what_shows_itself_is_shown() -> None:
    assert escape("CN=Főtanúsítvány é € 北京 \U0001f512") == "CN=Főtanúsítvány é € 北京 \U0001f512"


def test_what_hides_is_spelled_out() -> None:
    assert escape("a\tb\x7f\u200b\u2029\ud800") == r"a\u{0009}b\u{007F}\u{200B}\u{2029}\u{D800}"


def test_a_long_name_is_cut_in_a_sentence() -> None:
    assert quote("x" * 200) == f'"{"x" * 200}"'
    assert quote("x" * 201) == f'"{"x" * 200}…"'


def test_an_instant_is_shown_in_utc_to_the_second() -> None:
    east = timezone(timedelta(hours=9))

    assert moment(datetime(2026, 11, 30, 19, 2, 0, 999_999, UTC)) == "2026-11-30T19:02:00Z"
    assert moment(datetime(2026, 12, 1, 4, 2, tzinfo=east)) == "2026-11-30T19:02:00Z"
    assert moment(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)) == "9999-12-31T23:59:59Z"
