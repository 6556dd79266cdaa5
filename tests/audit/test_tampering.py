"""T13: what the owner of a database changes behind the log is found, by its name, also with the guards back in place.

Seen to fail with `prev` not compared with the hash of the entry before.
"""

from collections import Counter

import pytest

from app.actor import Role
from app.audit.stored import UNDECIDABLE, Code, Verdict
from app.audit.verify import verify
from app.audit.verify_tree import trusted_from
from app.commands.audit_log import EXIT
from app.services.certificates import UpdateCertificate
from app.services.users import CreateUser, SetUserPassword
from app.services.verification import Evidence, verify_url
from app.services.verification_answer import as_json
from app.store.database import open_database
from tests.audit.conftest import Lived
from tests.audit.forger import sign_anew
from tests.audit.history import World
from tests.audit.owner import owning
from tests.audit.tampers import CASES, ROOTS, rewrite
from tests.audit.tampers_enrollment import ENROLLMENT_CASES
from tests.audit.tampers_tree import TREE_CASES

OF_STREAMS = CASES | ENROLLMENT_CASES
ALL = OF_STREAMS | TREE_CASES


async def found(lived: Lived, *kept: str) -> set[Code]:
    """The codes of what a verification finds and reports, once the guards are back; its exit code goes with them.

    The log must continue the notes that are `kept`.
    """
    await lived.owner.put_guards_back()
    trusted = [trusted_from(note, f"FILE {number}") for number, note in enumerate(kept)]
    verification = await verify(Evidence(lived.owner), trusted=trusted)
    reported = as_json(verification)["counts"]
    assert isinstance(reported, dict)
    codes = {Code(code) for code in reported}
    assert EXIT[verification.verdict] == (1 if codes - UNDECIDABLE else 2 if codes else 0)
    return codes


async def test_the_past_that_is_tampered_with_was_sound(lived: Lived) -> None:
    assert await found(lived) == set()


@pytest.mark.parametrize("case", ALL)
async def test_tampering_is_found_by_its_name(lived: Lived, case: str) -> None:
    tamper, codes = ALL[case]

    await tamper(lived)

    assert await found(lived) == codes


@pytest.mark.parametrize("case", OF_STREAMS)
async def test_the_same_is_found_wherever_a_stream_is_cut(lived: Lived, case: str) -> None:
    tamper, codes = OF_STREAMS[case]
    await tamper(lived)
    await lived.owner.put_guards_back()
    uncut = await verify(Evidence(lived.owner))

    for stretch in (1, 2, 5):
        cut = await verify(Evidence(lived.owner, stretch))
        assert Counter(cut.findings) == Counter(uncut.findings)
        assert {finding.code for finding in cut.findings} == codes
        assert (cut.entries, cut.streams, cut.objects) == (uncut.entries, uncut.streams, uncut.objects)


async def test_a_stream_without_its_row_is_found(lived: Lived) -> None:
    await lived.owner.execute("DELETE FROM audit_stream WHERE stream = $1", lived.stream)

    assert Code.STREAM_UNKNOWN in await found(lived)


async def test_an_account_opened_behind_the_log_is_found(lived: Lived) -> None:
    columns = (
        "version, tier, limit_override, certificate_limit, certificate_used, certificate_kept, require_possession,"
        " created_at, updated_at, audit_id"
    )
    query = f"INSERT INTO account (id, name, {columns}) SELECT $1, 'Shadow', {columns} FROM account"
    await lived.owner.execute(query, "e" * 32)

    assert Code.STATE_UNRECORDED in await found(lived)


async def test_a_change_that_a_recorded_one_has_covered_is_found(migrated_url: str) -> None:
    database = open_database(migrated_url)
    await database.start()
    world = await World.open(database)
    record = await world.upload("Plant A")
    async with owning(migrated_url) as owner:
        await owner.take_guards_away()
        await owner.execute("UPDATE certificate SET status = 'INACTIVE'")
        await owner.put_guards_back()
    await world.act(UpdateCertificate(record.id, name="Plant A, line 1"))
    await database.close()

    verification = await verify_url(migrated_url)

    assert [finding.code for finding in verification.findings] == [Code.CHANGE_UNRECORDED]
    assert "status" in verification.findings[0].message


async def test_a_name_that_a_recorded_change_has_covered_is_found(migrated_url: str) -> None:
    database = open_database(migrated_url)
    await database.start()
    world = await World.open(database)
    await world.act(CreateUser("ada", Role.ADMIN, "hash"), world.operator)
    async with owning(migrated_url) as owner:
        await owner.take_guards_away()
        await owner.execute("UPDATE portal_user SET name = 'eve'")
        await owner.put_guards_back()
    await world.act(SetUserPassword("eve", "hash"), world.operator)
    await database.close()

    verification = await verify_url(migrated_url)

    assert [finding.code for finding in verification.findings] == [Code.CHANGE_UNRECORDED]
    assert "eve" not in verification.findings[0].message


async def test_guards_that_are_gone_are_found(migrated_url: str) -> None:
    async with owning(migrated_url) as owner:
        await owner.take_guards_away()

    verification = await verify_url(migrated_url)

    assert [finding.code for finding in verification.findings] == [Code.GUARD_MISSING]


async def test_a_refusal_rewritten_to_the_end_is_not_what_was_signed(lived: Lived) -> None:
    await rewrite(lived, (await lived.body()).replace(b'"node":"test"', b'"node":"tost"'), lived.refusal)

    assert await found(lived) == ROOTS


async def test_a_later_format_is_neither_verified_nor_tampered_with(lived: Lived) -> None:
    await rewrite(lived, (await lived.body()).replace(b'"v":1', b'"v":2'), lived.refusal)
    await sign_anew(lived.owner)

    await lived.owner.put_guards_back()
    verification = await verify(Evidence(lived.owner))

    assert {finding.code for finding in verification.findings} == {Code.BODY_FORMAT_UNKNOWN}
    assert verification.verdict is Verdict.UNDECIDABLE


async def test_findings_past_a_thousand_are_counted(lived: Lived) -> None:
    await lived.owner.execute("DELETE FROM audit_body")

    verification = await verify(Evidence(lived.owner))

    assert verification.counts[Code.BODY_MISSING] == verification.entries
    assert len(verification.findings) <= 1_000
