"""What the papers name is there."""

import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
NAMED = re.compile(r"`(app(?:\.\w+)+):([\w.]+)`")
PLACE = re.compile(r"`(app/[\w/{},]+(?:\.py|/))`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")

pytestmark = pytest.mark.once


def test_every_function_of_the_walk_exists() -> None:
    named = NAMED.findall((ROOT / "ARCHITECTURE.md").read_text())
    assert len(named) > 15
    for module, name in named:
        found: object = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)


def test_every_place_of_the_house_exists() -> None:
    for place in PLACE.findall((ROOT / "ARCHITECTURE.md").read_text()):
        start, brace, rest = place.partition("{")
        among, _, end = rest.partition("}")
        for name in among.split(",") if brace else [""]:
            assert (ROOT / f"{start}{name}{end}").exists(), place


@pytest.mark.parametrize("paper", ["README.md", "ARCHITECTURE.md"])
def test_every_link_of_a_paper_leads_somewhere(paper: str) -> None:
    for target in LINK.findall((ROOT / paper).read_text()):
        assert (ROOT / target).exists(), target
