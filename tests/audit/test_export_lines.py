"""The lines that the database puts together are those of the format, whatever stands in the entries."""

from contextlib import aclosing
from dataclasses import replace

import orjson
import pytest

from app.actor import Role
from app.audit.entry import account_stream
from app.audit.stored import StoredEntry, Stretch
from app.errors import Refusal
from app.rules.credential import Credential
from app.services.certificates import DeleteCertificate, SetCertificateStatus, UpdateCertificate
from app.services.keys import CreateApiKey
from app.services.users import CreateUser
from app.services.verification import Evidence
from app.store import evidence, export_lines
from app.store.database import Database, open_database
from app.store.export_lines import EntriesMissing, Wanted
from app.terms import Status
from tests.audit.history import World
from tests.audit.owner import owning

HOSTILE = (
    "=cmd|' /C calc'!A0",
    "</script><script>alert(1)</script>",
    'quote" back\\slash ~ tilde \U0001f512',
    '{"body":{}}","withheld":"archived"}',
    "Zählwerk 計器",
)
UNSEEN = "line\u2028separator\u2029paragraph\u0000\u007f"
"""Refused as a name, and recorded as it was given."""


def literal(entry: StoredEntry, *, about: str | None = None) -> bytes:
    """A line as the format describes it, word for word."""
    line = b'{"stream":"%s","aseq":%d,"prev":"%s","hash":"%s",' % (
        entry.stream.encode(),
        entry.aseq,
        entry.prev.hex().encode(),
        entry.hash.hex().encode(),
    )
    if about is not None and (entry.target_type, entry.target_id) != ("certificate", about):
        return line + b'"body_sha256":"%s","withheld":"not_selected"}\n' % entry.body_sha256.hex().encode()
    if entry.body is None:
        return line + b'"body_sha256":"%s","withheld":"archived"}\n' % entry.body_sha256.hex().encode()
    told = {subject: made.split("~") for subject, made in sorted(entry.disclosures.items())}
    return line + b'"disclosures":%s,"body":%s}\n' % (orjson.dumps(told), entry.body)


async def written(database: Database, wanted: Wanted) -> tuple[int, int, list[bytes]]:
    """How many entries and withheld ones the lines count, and the lines."""
    text, entries, withheld = b"", 0, 0
    async with database.snapshot() as connection, aclosing(export_lines.lines(connection, wanted)) as found:
        async for some in found:
            text, entries, withheld = text + some.text, entries + some.entries, withheld + some.withheld
    lines = [line + b"\n" for line in text.split(b"\n")]
    assert lines.pop() == b"\n"
    return entries, withheld, lines


async def expected(database: Database, wanted: Wanted) -> list[bytes]:
    """The same, from the rows."""
    async with database.snapshot() as connection:
        found = Evidence(connection).entries(Stretch(wanted.stream, wanted.first - 1, wanted.last))
        entries = [entry async for some in found for entry in some]
    shown = entries if wanted.personal_data else [entry._replace(disclosures={}) for entry in entries]
    return [literal(entry, about=wanted.certificate_id) for entry in shown]


@pytest.fixture
async def world(database: Database) -> World:
    """An account whose people give everything hostile names."""
    world = await World.open(database, name=HOSTILE[1])
    for name in HOSTILE:
        certificate = await world.upload(name)
        await world.act(UpdateCertificate(certificate.id, description=name))
        await world.act(SetCertificateStatus(certificate.id, Status.INACTIVE, name))
        named = replace(world.admin, name=f"{name}{UNSEEN}", id=f'{name[:3]}"~')
        with pytest.raises(Refusal):
            await world.act(DeleteCertificate(f"\u2028{name}"), named)
    with pytest.raises(Refusal):
        await world.upload(UNSEEN)
    await world.act(CreateApiKey(HOSTILE[0], Role.VIEWER, Credential("b" * 32, bytes(32))))
    return world


@pytest.fixture(autouse=True)
def _short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_lines, "PAGE", 7)


async def test_lines_are_those_of_the_format_to_the_byte(database: Database, world: World) -> None:
    stream = account_stream(world.account.id)
    last = (await database.reads.fetch("SELECT aseq FROM audit_stream WHERE stream = $1", stream))[0]["aseq"]
    (one,) = await database.reads.fetch("SELECT id FROM certificate WHERE name = $1", HOSTILE[2])
    for wanted in (
        Wanted(stream=stream, first=1, last=last),
        Wanted(stream=stream, first=5, last=5),
        Wanted(stream=stream, first=8, last=last - 1, personal_data=False),
        Wanted(stream=stream, first=1, last=last, certificate_id=one["id"]),
        Wanted(stream=stream, first=1, last=last, certificate_id="f" * 32),
        Wanted(stream=stream, first=3, last=2),
    ):
        lines = await expected(database, wanted)
        withheld = sum(b'"withheld":' in line and line.endswith(b'"}\n') for line in lines)

        assert await written(database, wanted) == (len(lines), withheld, lines)
        assert len(lines) == max(0, wanted.last - wanted.first + 1)
        assert all(orjson.loads(line) for line in lines)


async def test_every_kind_of_entry_stands_in_a_line(lived_database: Database) -> None:
    heads = await evidence.heads(lived_database.reads)
    for head in heads:
        wanted = Wanted(stream=head["stream"], first=1, last=head["aseq"])

        assert (await written(lived_database, wanted))[2] == await expected(lived_database, wanted)


async def test_a_body_that_is_gone_is_told_by_its_hash_and_an_entry_that_is_gone_is_not_passed_over(
    migrated_url: str,
) -> None:
    database = open_database(migrated_url)
    await database.start()
    world = await World.open(database)
    for name in ("Plant A", "Plant B", "Plant C"):
        await world.upload(name)
    wanted = Wanted(stream=account_stream(world.account.id), first=1, last=3)
    async with owning(migrated_url) as owner:
        await owner.take_guards_away()
        await owner.execute(
            "DELETE FROM audit_body WHERE seq = (SELECT seq FROM audit_entry WHERE aseq = 2 AND stream = $1)",
            wanted.stream,
        )

        entries, withheld, lines = await written(database, wanted)
        assert (entries, withheld, lines) == (3, 1, await expected(database, wanted))
        assert lines[1].endswith(b'"withheld":"archived"}\n')

        # Behind the log, the time of the last one is moved to a month in which its body does not lie.
        await owner.execute("UPDATE audit_entry SET time = 0 WHERE aseq = 3 AND stream = $1", wanted.stream)
        assert (await written(database, wanted))[2][2] == lines[2]

        await owner.execute("DELETE FROM audit_entry WHERE aseq = 2 AND stream = $1", wanted.stream)
        with pytest.raises(EntriesMissing, match="2 entries from number 1 to 3"):
            await written(database, wanted)
    await database.close()


async def test_an_entry_that_is_gone_is_missed_also_beside_one_about_two_people(migrated_url: str) -> None:
    database = open_database(migrated_url)
    await database.start()
    world = await World.open(database)
    await world.act(CreateUser("ada", Role.ADMIN, "hash"), world.operator)
    await world.upload("Plant A")
    await world.upload("Plant B")
    wanted = Wanted(stream=account_stream(world.account.id), first=1, last=3)
    entries, _, lines = await written(database, wanted)
    assert (entries, lines) == (3, await expected(database, wanted))
    assert len(orjson.loads(lines[0])["disclosures"]) == 2
    async with owning(migrated_url) as owner:
        await owner.take_guards_away()
        await owner.execute("DELETE FROM audit_entry WHERE aseq = 2 AND stream = $1", wanted.stream)

    with pytest.raises(EntriesMissing):
        await written(database, wanted)
    await database.close()
