"""Names, descriptions, reasons."""

from collections.abc import Callable

import pytest

from app.errors import InvalidInput, PrivateKeyPresent, Refusal
from app.rules import text


def test_a_name_is_normalised_and_trimmed() -> None:
    assert text.require_name("  Cafe\u0301  1 ") == "Caf\u00e9  1"


@pytest.mark.parametrize("name", ["x", "x" * 100, "e\u0301" * 100, "工場 1", "naïve “quoted”", "🔑"])
def test_a_name_has_one_to_a_hundred_visible_characters(name: str) -> None:
    assert 1 <= len(text.require_name(name)) <= 100


@pytest.mark.parametrize(
    "name",
    ["", "   ", "x" * 101, "x" * 100_000, "a\nb", "a\x00b", "a\u202eb", "a\u200bb", "a\ue000b", "a\ud800b", "a\u2028b"],
)
def test_what_cannot_be_seen_is_no_name(name: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        text.require_name(name)

    assert raised.value.path == ("name",)


def test_a_description_may_have_lines_and_may_be_absent() -> None:
    assert text.require_description("two\nlines\tand a tab") == "two\nlines\tand a tab"
    assert text.require_description(None) is None
    assert text.require_description("  \n ") is None
    assert text.require_description("x" * 500) == "x" * 500
    with pytest.raises(InvalidInput, match="500"):
        text.require_description("x" * 501)


@pytest.mark.parametrize(
    "require", [text.require_name, text.require_description, text.require_reason, text.require_idempotency_key]
)
@pytest.mark.parametrize("armour", ["-----BEGIN PRIVATE KEY-----", "-----begin rsa private key-----"])
def test_a_private_key_is_refused_in_every_text_and_not_quoted(require: Callable[[str], object], armour: str) -> None:
    with pytest.raises(PrivateKeyPresent) as raised:
        require(f"{armour} MIGHAgEA")

    assert "MIGHAgEA" not in raised.value.message


def test_people_may_write_about_private_keys() -> None:
    assert text.require_reason("The private key leaked.") == "The private key leaked."


@pytest.mark.parametrize("key", ["", " a", "a ", "a\nb", "x" * 101])
def test_an_idempotency_key_is_taken_as_it_is_or_not_at_all(key: str) -> None:
    with pytest.raises(InvalidInput):
        text.require_idempotency_key(key)
    assert text.require_idempotency_key("01HF-x") == "01HF-x"


def test_what_was_refused_is_not_quoted() -> None:
    assert text.quotable_name("Plant") == "Plant"
    assert text.quotable_name("-----BEGIN PRIVATE KEY-----") is None
    assert text.quotable_name("") is None
    assert text.quotable_name(None) is None
    assert text.quotable_reason("because") == "because"
    assert text.quotable_reason("x" * 501) is None


def test_a_refusal_says_where_the_unseen_character_stands() -> None:
    with pytest.raises(Refusal, match="Character 3 of the name is U\\+202E"):
        text.require_name("ab\u202ec")
