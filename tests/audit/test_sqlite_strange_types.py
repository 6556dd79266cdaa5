"""SQLite stores whatever it is given: a value of another type is found as tampering, and stops no verification."""

import pytest

from app.audit.stored import Code
from app.audit.verify import verify
from app.services.verification import Evidence
from tests.audit.conftest import Lived

TREE = frozenset({Code.TILE_DIFFERS, Code.TREE_DIFFERS, Code.CHECKPOINT_DIFFERS})
"""What a tree is found to be whose leaf is another."""


@pytest.mark.parametrize(
    ("assignment", "codes"),
    [
        ("time = 'yesterday'", {Code.BODY_FIELDS_DIFFER}),
        ("time = 1.5", {Code.BODY_FIELDS_DIFFER}),
        ("aseq = 'last'", {Code.ASEQ_GAP, Code.ENTRY_HASH_MISMATCH, Code.HEAD_MISMATCH, Code.LEAF_ORDER}),
        ("action = x'00ff'", {Code.BODY_FIELDS_DIFFER}),
        ("target_id = 7", {Code.BODY_FIELDS_DIFFER}),
        (f"hash = '{'a' * 32}'", {Code.ENTRY_HASH_MISMATCH, Code.PREV_MISMATCH, *TREE}),
        (f"prev = '{'a' * 32}'", {Code.ENTRY_HASH_MISMATCH, Code.PREV_MISMATCH}),
    ],
)
@pytest.mark.parametrize("stretch", [1, 10_000])
async def test_a_column_of_another_type_is_found(lived: Lived, assignment: str, codes: set[Code], stretch: int) -> None:
    await lived.entry(f"UPDATE audit_entry SET {assignment} WHERE")
    await lived.owner.put_guards_back()

    assert {one.code for one in (await verify(Evidence(lived.owner, stretch))).findings} == codes


@pytest.mark.parametrize(
    ("statement", "codes"),
    [
        ("UPDATE audit_body SET body = 'no body at all' WHERE", {Code.BODY_HASH_MISMATCH}),
        (
            "UPDATE audit_disclosure SET disclosures = CAST(disclosures AS BLOB) WHERE",
            {Code.DISCLOSURE_UNKNOWN, Code.DISCLOSURE_MISSING},
        ),
        ("UPDATE audit_disclosure SET disclosures = 5 WHERE", {Code.DISCLOSURE_UNKNOWN, Code.DISCLOSURE_MISSING}),
        ("UPDATE audit_disclosure SET disclosures = 'NQ' WHERE", {Code.DISCLOSURE_UNKNOWN, Code.DISCLOSURE_MISSING}),
    ],
)
async def test_what_lies_beside_an_entry_in_another_type_is_found(
    lived: Lived, statement: str, codes: set[Code]
) -> None:
    await lived.owner.execute(f"{statement} {lived.seq_of()}")
    await lived.owner.put_guards_back()

    assert {one.code for one in (await verify(Evidence(lived.owner))).findings} == codes


async def test_a_head_whose_number_is_none_is_found(lived: Lived) -> None:
    await lived.owner.execute("UPDATE audit_stream SET aseq = 'last' WHERE stream = $1", lived.stream)
    await lived.owner.put_guards_back()

    assert {one.code for one in (await verify(Evidence(lived.owner))).findings} == {Code.HEAD_MISMATCH}
