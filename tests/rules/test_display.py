"""Names of strangers in sentences."""

from app.rules.display import escape, quote


def test_what_shows_itself_is_shown() -> None:
    assert escape("CN=Főtanúsítvány é € 北京 \U0001f512") == "CN=Főtanúsítvány é € 北京 \U0001f512"


def test_what_hides_is_spelled_out() -> None:
    assert escape("a\tb\x7f\u200b\u2029\ud800") == r"a\u{0009}b\u{007F}\u{200B}\u{2029}\u{D800}"


def test_a_long_name_is_cut_in_a_sentence() -> None:
    assert quote("x" * 200) == f'"{"x" * 200}"'
    assert quote("x" * 201) == f'"{"x" * 200}…"'
