"""The examples are complete: each is run, each is in the guide, and each says what its placeholders stand for."""

import re
from pathlib import Path

import pytest

from tests.peers.measure_terminators import ASKING, WITH_BUNDLES
from tests.peers.terminators import EXAMPLES, PLACEHOLDER, require

pytestmark = pytest.mark.once

FOLDERS = sorted(path for path in EXAMPLES.iterdir() if path.is_dir())
# A line of a comment, in the spellings of all of them; or of a docstring.
EXPLAINING = re.compile(r"^(?:#|--|__)")


def test_every_example_is_run() -> None:
    assert {folder.name for folder in FOLDERS} == {example.name for example in (*ASKING, *WITH_BUNDLES)}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_an_example_is_in_the_guide_and_explains_its_placeholders(folder: Path) -> None:
    lines = [line for path in folder.iterdir() for line in path.read_text(encoding="utf-8").splitlines()]
    used = {found for line in lines for found in PLACEHOLDER.findall(line)}
    explained = {found for line in lines if EXPLAINING.match(line) for found in PLACEHOLDER.findall(line)}

    assert used - explained == set()
    assert f"({folder.name})" in (EXAMPLES / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("one", "other", "name"),
    [("haproxy-http", "haproxy-tcp", "anchorage.lua"), ("libcoap-openssl", "libcoap-gnutls", "server.c")],
)
def test_what_two_examples_share_is_the_same_in_both(one: str, other: str, name: str) -> None:
    """Each folder is taken by itself, and so has a copy."""
    assert (EXAMPLES / one / name).read_bytes() == (EXAMPLES / other / name).read_bytes()


def test_a_missing_program_fails_in_ci_and_skips_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="comes with"):
        require("a-terminator-that-nobody-wrote")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="comes with"):
        require("a-terminator-that-nobody-wrote")
