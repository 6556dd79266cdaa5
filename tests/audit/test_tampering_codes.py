"""Every code is what some tampering is called, and its verdict is what the paper on the log says."""

import pytest

from app.audit.stored import UNDECIDABLE, Code, Verdict, Verification
from app.commands.audit_log import EXIT
from tests.audit import test_erasure, test_tampering, test_verify_tree_kept
from tests.audit.tampers import CASES
from tests.audit.tampers_enrollment import ENROLLMENT_CASES
from tests.audit.tampers_tree import TREE_CASES

# What takes more than one statement, or a checkpoint that was kept, and the test that does it.
ELSEWHERE = {
    Code.BODY_FORMAT_UNKNOWN: test_tampering.test_a_later_format_is_neither_verified_nor_tampered_with,
    Code.CHANGE_UNRECORDED: test_tampering.test_a_change_that_a_recorded_one_has_covered_is_found,
    Code.CHECKPOINT_OF_ANOTHER_LOG: test_verify_tree_kept.test_a_checkpoint_of_another_log_tells_nothing,
    Code.GUARD_MISSING: test_tampering.test_guards_that_are_gone_are_found,
    Code.HISTORY_DIFFERS: test_verify_tree_kept.test_a_history_written_anew_with_the_genuine_key,
    Code.REMOVAL_DIFFERS: test_erasure.test_what_came_back_after_an_erasure_is_found,
    Code.ROLLED_BACK: test_verify_tree_kept.test_yesterdays_copy_in_place_of_the_database,
    Code.STREAM_UNKNOWN: test_tampering.test_a_stream_without_its_row_is_found,
}


def test_every_code_is_found_somewhere() -> None:
    by_cases = {code for _, codes in (CASES | TREE_CASES).values() for code in codes}

    assert by_cases | ELSEWHERE.keys() == set(Code)


def test_no_two_cases_have_the_same_name() -> None:
    assert len(CASES | ENROLLMENT_CASES | TREE_CASES) == len(CASES) + len(ENROLLMENT_CASES) + len(TREE_CASES)


@pytest.mark.parametrize("code", Code)
def test_a_finding_decides_how_a_verification_ends(code: Code) -> None:
    """Alone, and beside what cannot be decided."""
    alone = Verification(1, 1, 1, (), {code: 1})
    beside = Verification(1, 1, 1, (), {code: 1, **dict.fromkeys(UNDECIDABLE, 1)})

    assert EXIT[alone.verdict] == (2 if code in UNDECIDABLE else 1)
    assert EXIT[beside.verdict] == EXIT[alone.verdict]


def test_a_verification_that_found_nothing_ends_with_zero() -> None:
    assert EXIT[Verification(1, 1, 1, (), {}).verdict] == 0
    assert set(EXIT) == set(Verdict)
