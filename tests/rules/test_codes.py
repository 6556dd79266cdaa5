"""No code without a test: what the rules can say is said somewhere in these tests."""

import re
from pathlib import Path

import pytest

from app import rules
from app.findings import FindingCode
from app.reasons import Reason
from app.rules import leaf, profile

RULES = Path(rules.__file__).parent
TESTS = Path(__file__).parent
WORD = re.compile(r"\b[A-Z][A-Z0-9_]{5,}\b")


def words(folder: Path) -> set[str]:
    texts = [path.read_text(encoding="utf-8") for path in folder.glob("*.py") if path != Path(__file__)]
    return {word for text in texts for word in WORD.findall(text)}


@pytest.mark.parametrize("code", FindingCode)
def test_every_code_is_given_by_a_rule_and_named_by_a_test(code: FindingCode) -> None:
    assert code.name in words(RULES)
    assert code.value in words(TESTS)


# Given while the text is read, before anything is decided: `FindingCode` has their tests.
READING = {
    Reason.INPUT_EMPTY,
    Reason.INPUT_TOO_LARGE,
    Reason.NOT_PEM,
    Reason.PEM_MALFORMED,
    Reason.PEM_UNEXPECTED_BLOCK,
    Reason.PRIVATE_KEY_PRESENT,
    Reason.TOO_MANY_CERTIFICATES,
    Reason.CERT_TOO_LARGE,
    Reason.CERT_UNPARSEABLE,
}
# Given by the use case that knows the device, its claim, and whether the account's state can be read.
OF_THE_USE_CASE = {
    Reason.NOT_ENROLLED,
    Reason.DEVICE_SUSPENDED,
    Reason.STATE_UNKNOWN,
    Reason.ENDPOINT_NAME_INVALID,
}


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason not in READING | OF_THE_USE_CASE])
def test_every_reason_is_decided_in_a_test(reason: Reason) -> None:
    texts = [path.read_text(encoding="utf-8") for path in TESTS.glob("test_trust*.py")]

    assert any(re.search(rf"\bReason\.{reason.name}\b", text) for text in texts)


# What only a chain that somebody uploads can be.
OF_AN_UPLOAD = {
    FindingCode.LEAF_IN_CHAIN,
    FindingCode.CHAIN_INCOMPLETE,
    FindingCode.CHAIN_MULTIPLE_ROOTS,
    FindingCode.CHAIN_AMBIGUOUS,
    FindingCode.CHAIN_BRANCHED,
    FindingCode.SIGNATURE_INVALID,
    FindingCode.USAGE_SERVICE_MISMATCH,
    FindingCode.DUPLICATE_IGNORED,
    FindingCode.ORDER_NORMALISED,
}
# What is noticed about a record beside others, and never refuses.
OF_A_RECORD = {FindingCode.SAME_KEY_AS, FindingCode.UNUSED, FindingCode.BLOCKED_BY}


# What only a decision can say.
OF_A_DECISION = {
    Reason.TRUSTED,
    Reason.LEAF_IS_VERIFICATION_CERT,
    Reason.BLACKLISTED,
    Reason.WRONG_SERVICE,
    Reason.POSSESSION_PENDING,
    Reason.NO_TRUST_PATH,
    Reason.CERT_NOT_YET_VALID,
    Reason.PATH_TOO_COMPLEX,
}


def test_one_flaw_has_one_name_in_an_upload_and_in_a_decision() -> None:
    """What is not valid yet may be uploaded, and has a name of its own where it refuses."""
    refusals = set(FindingCode) - OF_AN_UPLOAD - OF_A_RECORD - profile.WARNINGS

    assert {code.value for code in refusals} == {
        reason.value for reason in set(Reason) - OF_THE_USE_CASE - OF_A_DECISION - {rule.reason for rule in leaf.LEAF}
    }
    assert all(reason.name == reason.value for reason in Reason)
