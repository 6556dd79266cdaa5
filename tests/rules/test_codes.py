"""No code without a test: what the rules can say is said somewhere in these tests."""

import re
from pathlib import Path

import pytest

from app import rules
from app.findings import FindingCode

RULES = Path(rules.__file__).parent
TESTS = Path(__file__).parent
WORD = re.compile(r"\b[A-Z][A-Z0-9_]{5,}\b")


def words(folder: Path) -> set[str]:
    texts = [path.read_text(encoding="utf-8") for path in folder.glob("*.py") if path != Path(__file__)]
    return {word for text in texts for word in WORD.findall(text)}


# Said by the use case that knows the account's other certificates.
ELSEWHERE = {FindingCode.SAME_KEY_AS}


@pytest.mark.parametrize("code", [code for code in FindingCode if code not in ELSEWHERE])
def test_every_code_is_given_by_a_rule_and_named_by_a_test(code: FindingCode) -> None:
    assert code.name in words(RULES)
    assert code.value in words(TESTS)
