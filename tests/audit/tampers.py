"""Ways to tamper with a log and with what it accounts for, and what a verification calls each."""

import hashlib
from collections.abc import Awaitable, Callable

from app.audit.entry import entry_hash
from app.audit.stored import Code
from tests.audit.conftest import Lived

Tamper = Callable[["Lived"], Awaitable[None]]


def zeros(count: int = 32) -> bytes:
    return bytes(count)


async def drop(lived: Lived, aseq: int) -> None:
    for table in ("audit_body", "audit_disclosure"):
        await lived.owner.execute(f"DELETE FROM {table} WHERE {lived.seq_of(aseq)}")
    await lived.entry("DELETE FROM audit_entry WHERE", aseq=aseq)


async def rewrite(lived: Lived, body: bytes, aseq: int) -> None:
    """Exchange a body and compute every hash again up to the stream's end, as whoever owns the database can."""
    await lived.owner.execute(f"UPDATE audit_body SET body = $1 WHERE {lived.seq_of(aseq)}", body)
    rows = await lived.owner.fetch(
        "SELECT e.aseq, e.prev, b.body FROM audit_entry AS e JOIN audit_body AS b ON b.seq = e.seq"
        f" WHERE e.stream = '{lived.stream}' AND e.aseq >= {aseq} ORDER BY e.aseq"
    )
    prev = bytes(rows[0]["prev"])
    for row in rows:
        sha256 = hashlib.sha256(bytes(row["body"])).digest()
        made = entry_hash(lived.stream, row["aseq"], prev, sha256)
        changes = "UPDATE audit_entry SET prev = $1, body_sha256 = $2, hash = $3 WHERE"
        await lived.entry(changes, prev, sha256, made, aseq=row["aseq"])
        prev = made
    await lived.owner.execute("UPDATE audit_stream SET hash = $1 WHERE stream = $2", prev, lived.stream)


async def entry_edited(lived: Lived) -> None:
    await lived.entry("UPDATE audit_entry SET hash = $1 WHERE", zeros())


async def first_prev_edited(lived: Lived) -> None:
    await lived.entry("UPDATE audit_entry SET prev = $1 WHERE", b"\x01" * 32, aseq=1)


async def refusal_dropped(lived: Lived) -> None:
    await drop(lived, lived.refusal)


async def change_dropped(lived: Lived) -> None:
    await drop(lived, lived.change)


async def append(lived: Lived, body: bytes, *, last: bytes | None = None) -> None:
    """Write an entry at the end of the account's stream with the columns of the change and this body.

    `last` is the hash that it names, if not that of the entry before it.
    """
    (head,) = await lived.owner.fetch("SELECT aseq, hash FROM audit_stream WHERE stream = $1", lived.stream)
    aseq, prev, sha256 = head["aseq"] + 1, last or bytes(head["hash"]), hashlib.sha256(body).digest()
    same = "account_id, stream, time, actor_type, actor_id, action, result, code, target_type, target_id"
    entry_id, made = "e" * 32, entry_hash(lived.stream, aseq, prev, sha256)
    await lived.entry(
        f"INSERT INTO audit_entry (id, aseq, prev, body_sha256, hash, {same})"
        f" SELECT $1, {aseq}, $2, $3, $4, {same} FROM audit_entry WHERE",
        *(entry_id, prev, sha256, made),
        aseq=lived.change,
    )
    of_change = lived.seq_of(lived.change)
    await lived.owner.execute(
        "INSERT INTO audit_body (seq, month, body) SELECT (SELECT max(seq) FROM audit_entry), month, $1 FROM audit_body"
        f" WHERE {of_change}",
        body,
    )
    await lived.owner.execute(
        "UPDATE audit_stream SET aseq = $1, hash = $2 WHERE stream = $3", aseq, made, lived.stream
    )


async def forged(lived: Lived) -> bytes:
    """What would say that the change was made once more."""
    (row,) = await lived.owner.fetch(f"SELECT id FROM audit_entry WHERE {lived.seq_of(lived.change)}")
    body = (await lived.body(lived.change)).replace(row["id"].encode(), b"e" * 32)
    start, end = body.index(b'"_sd":['), body.index(b"]")
    return body[:start] + b'"_sd":[' + body[end:]


async def entry_appended(lived: Lived) -> None:
    await append(lived, await forged(lived))


async def entry_of_another_change_appended(lived: Lived) -> None:
    body = await forged(lived)
    await append(lived, body.replace(b'"require_possession":false', b'"require_possession":true'))


async def entry_appended_to_no_entry(lived: Lived) -> None:
    await append(lived, await forged(lived), last=zeros())


async def entry_appended_without_the_head(lived: Lived) -> None:
    await append(lived, await forged(lived))
    await lived.owner.execute("UPDATE audit_stream SET aseq = aseq - 1 WHERE stream = $1", lived.stream)


async def entries_swapped(lived: Lived) -> None:
    one = lived.refusal
    for before, after in ((one, 10_000), (one - 1, one), (10_000, one - 1)):
        await lived.entry(f"UPDATE audit_entry SET aseq = {after} WHERE", aseq=before)


async def body_edited(lived: Lived) -> None:
    body = (await lived.body()).replace(b'"refused"', b'"success"')
    await lived.owner.execute(f"UPDATE audit_body SET body = $1 WHERE {lived.seq_of()}", body)


async def body_and_its_hash_edited(lived: Lived) -> None:
    body = (await lived.body()).replace(b'"node":"test"', b'"node":"tost"')
    await lived.owner.execute(f"UPDATE audit_body SET body = $1 WHERE {lived.seq_of()}", body)
    await lived.entry("UPDATE audit_entry SET body_sha256 = $1 WHERE", hashlib.sha256(body).digest())


async def body_dropped(lived: Lived) -> None:
    await lived.owner.execute(f"DELETE FROM audit_body WHERE {lived.seq_of()}")


async def row_dropped_alone(lived: Lived) -> None:
    await lived.owner.execute(f"DELETE FROM audit_entry WHERE {lived.seq_of()}")


async def body_reformatted(lived: Lived) -> None:
    await rewrite(lived, (await lived.body()).replace(b'","', b'", "'), lived.refusal)


async def change_rewritten_to_the_end(lived: Lived) -> None:
    body = (await lived.body(lived.change)).replace(b'"require_possession":false', b'"require_possession":true')
    await rewrite(lived, body, lived.change)


async def entry_given_to_nobody(lived: Lived) -> None:
    await rewrite(
        lived,
        (await lived.body()).replace(lived.account_id.encode(), b"null").replace(b'"null"', b"null"),
        lived.refusal,
    )
    await lived.entry("UPDATE audit_entry SET account_id = NULL WHERE")


async def disclosure_edited(lived: Lived) -> None:
    await lived.owner.execute(f"UPDATE audit_disclosure SET disclosures = 'WyJhIiwiYiIsImMiXQ' WHERE {lived.seq_of()}")


async def disclosure_made_unreadable(lived: Lived) -> None:
    await lived.owner.execute(f"UPDATE audit_disclosure SET disclosures = 'é~{{' WHERE {lived.seq_of()}")


async def disclosure_dropped(lived: Lived) -> None:
    await lived.owner.execute(f"DELETE FROM audit_disclosure WHERE {lived.seq_of()}")


async def disclosure_moved(lived: Lived) -> None:
    await lived.owner.execute(f"UPDATE audit_disclosure SET subject_id = 'x' WHERE {lived.seq_of()}")


async def head_rewound(lived: Lived) -> None:
    await lived.owner.execute("UPDATE audit_stream SET aseq = aseq - 1 WHERE stream = $1", lived.stream)


async def head_given_away(lived: Lived) -> None:
    await lived.owner.execute("UPDATE audit_stream SET account_id = NULL WHERE stream = $1", lived.stream)


async def record_deleted(lived: Lived) -> None:
    await lived.owner.execute("DELETE FROM certificate WHERE name = 'Plant A'")


async def record_made_up(lived: Lived) -> None:
    columns = (
        "account_id, version, description, status, service, usage, possession, subject_key_sha256, chain, search_text,"
        " expires_at, created_at, updated_at, created_by_type, created_by_id, created_audit_id, audit_id"
    )
    await lived.owner.execute(
        f"INSERT INTO certificate (id, name, fingerprint, {columns})"
        f" SELECT $1, 'Plant X', $2, {columns} FROM certificate WHERE name = 'Plant A'",
        "e" * 32,
        zeros(),
    )


async def person_made_up(lived: Lived) -> None:
    columns = "account_id, version, role, password_hash, created_at, updated_at, audit_id"
    query = f"INSERT INTO portal_user (id, name, {columns}) SELECT $1, 'eve', {columns} FROM portal_user"
    await lived.owner.execute(query, "e" * 32)


async def key_made_up(lived: Lived) -> None:
    columns = "version, name, role, client_cert, hint, secret_sha256, created_at, expires_at, revoked_at, audit_id"
    query = f"INSERT INTO api_key (id, account_id, {columns}) SELECT $1, account_id, {columns} FROM api_key"
    await lived.owner.execute(query, "e" * 32)


def written(statement: str) -> Tamper:
    """A statement as it is."""

    async def tamper(lived: Lived) -> None:
        await lived.owner.execute(statement)

    return tamper


def column(assignment: str) -> Tamper:
    """A column of the refusal."""

    async def tamper(lived: Lived) -> None:
        await lived.entry(f"UPDATE audit_entry SET {assignment} WHERE")

    return tamper


ROOTS = {Code.TILE_DIFFERS, Code.TREE_DIFFERS, Code.CHECKPOINT_DIFFERS}
"""What becomes of a tree whose leaves are not what was signed."""
GONE = {Code.LEAF_UNKNOWN, Code.LEAF_ORDER, *ROOTS}
"""What becomes of a tree when an entry is gone that it holds."""
BODY = "INSERT INTO audit_body (seq, month, body) SELECT {}, month, body FROM audit_body LIMIT 1"
A_MONTH = 40 * 86_400 * 1_000_000
CASES: dict[str, tuple[Tamper, set[Code]]] = {
    "entry edited": (entry_edited, {Code.ENTRY_HASH_MISMATCH, Code.PREV_MISMATCH, *ROOTS}),
    "beginning edited": (first_prev_edited, {Code.ENTRY_HASH_MISMATCH, Code.PREV_MISMATCH}),
    "refusal dropped": (refusal_dropped, {Code.ASEQ_GAP, *GONE}),
    "change dropped": (change_dropped, {Code.ASEQ_GAP, Code.STATE_DIFFERS, Code.STATE_ENTRY_DIFFERS, *GONE}),
    "entry appended": (entry_appended, {Code.CHANGE_UNRECORDED}),
    "entry of another change appended": (
        entry_of_another_change_appended,
        {Code.CHANGE_UNRECORDED, Code.STATE_DIFFERS, Code.STATE_ENTRY_DIFFERS},
    ),
    "entry appended to no entry": (
        entry_appended_to_no_entry,
        {Code.PREV_MISMATCH, Code.CHANGE_UNRECORDED},
    ),
    "entry appended without the head": (
        entry_appended_without_the_head,
        {Code.HEAD_MISMATCH, Code.CHANGE_UNRECORDED},
    ),
    "entries swapped": (entries_swapped, {Code.ENTRY_HASH_MISMATCH, Code.PREV_MISMATCH, Code.LEAF_ORDER}),
    "body edited": (body_edited, {Code.BODY_HASH_MISMATCH}),
    "body and its hash edited": (body_and_its_hash_edited, {Code.ENTRY_HASH_MISMATCH}),
    "body dropped": (body_dropped, {Code.BODY_MISSING}),
    "body made up": (written(BODY.format(9999)), {Code.BODY_STRAY}),
    "body made up at the beginning": (written(BODY.format(-1)), {Code.BODY_STRAY}),
    "row dropped alone": (row_dropped_alone, {Code.ASEQ_GAP, Code.BODY_STRAY, Code.DISCLOSURE_STRAY, *GONE}),
    "body reformatted": (body_reformatted, {Code.BODY_NOT_CANONICAL, *ROOTS}),
    "change rewritten to the end": (change_rewritten_to_the_end, {Code.STATE_DIFFERS, *ROOTS}),
    "id edited": (column("id = 'ffffffffffffffffffffffffffffffff'"), {Code.BODY_FIELDS_DIFFER}),
    "account edited": (column("account_id = NULL"), {Code.BODY_FIELDS_DIFFER}),
    "time edited": (column("time = time + 1"), {Code.BODY_FIELDS_DIFFER}),
    "month edited": (column(f"time = time + {A_MONTH}"), {Code.BODY_FIELDS_DIFFER}),
    "every month edited": (written(f"UPDATE audit_entry SET time = time + {A_MONTH}"), {Code.BODY_FIELDS_DIFFER}),
    "entry given to nobody": (entry_given_to_nobody, {Code.BODY_FIELDS_DIFFER, *ROOTS}),
    "time beyond the calendar": (column("time = 9000000000000000000"), {Code.BODY_FIELDS_DIFFER}),
    "actor's type edited": (column("actor_type = 'system'"), {Code.BODY_FIELDS_DIFFER}),
    "actor edited": (column("actor_id = 'x'"), {Code.BODY_FIELDS_DIFFER}),
    "action edited": (column("action = 'x'"), {Code.BODY_FIELDS_DIFFER}),
    "result edited": (column("result = 'success'"), {Code.BODY_FIELDS_DIFFER}),
    "code edited": (column("code = 'NOT_FOUND'"), {Code.BODY_FIELDS_DIFFER}),
    "target's type edited": (column("target_type = 'account'"), {Code.BODY_FIELDS_DIFFER}),
    "target edited": (column("target_id = 'x'"), {Code.BODY_FIELDS_DIFFER}),
    "disclosure edited": (disclosure_edited, {Code.DISCLOSURE_UNKNOWN, Code.DISCLOSURE_MISSING}),
    "disclosure made unreadable": (disclosure_made_unreadable, {Code.DISCLOSURE_UNKNOWN, Code.DISCLOSURE_MISSING}),
    "disclosure dropped": (disclosure_dropped, {Code.DISCLOSURE_MISSING}),
    "disclosure moved": (disclosure_moved, {Code.DISCLOSURE_SUBJECT_DIFFERS}),
    "disclosure made up": (
        written("INSERT INTO audit_disclosure VALUES (9999, NULL, 'x', 'y')"),
        {Code.DISCLOSURE_STRAY},
    ),
    "head rewound": (head_rewound, {Code.HEAD_MISMATCH}),
    "head given away": (head_given_away, {Code.HEAD_MISMATCH}),
    "record enabled": (written("UPDATE certificate SET status = 'ACTIVE'"), {Code.STATE_DIFFERS}),
    "record renamed": (written("UPDATE certificate SET name = 'x' WHERE name = 'Plant A'"), {Code.STATE_DIFFERS}),
    "record proven": (written("UPDATE certificate SET possession = 'PROVEN'"), {Code.STATE_DIFFERS}),
    "record given away": (written("UPDATE certificate SET created_by_id = 'x'"), {Code.STATE_DIFFERS}),
    "entry of a record edited": (written("UPDATE certificate SET audit_id = 'x'"), {Code.STATE_ENTRY_DIFFERS}),
    "record made a developer's": (written("UPDATE certificate SET is_developer = true"), {Code.STATE_DIFFERS}),
    "record deleted": (record_deleted, {Code.STATE_MISSING}),
    "record made up": (record_made_up, {Code.STATE_UNRECORDED}),
    "limit raised": (written("UPDATE account SET certificate_limit = 99"), {Code.STATE_DIFFERS}),
    "feature switched": (written("UPDATE account SET require_possession = true"), {Code.STATE_DIFFERS}),
    "key's role raised": (written("UPDATE api_key SET role = 'admin'"), {Code.STATE_DIFFERS}),
    "key revived": (written("UPDATE api_key SET revoked_at = NULL"), {Code.STATE_DIFFERS}),
    "key made up": (key_made_up, {Code.STATE_UNRECORDED}),
    "person renamed": (written("UPDATE portal_user SET name = 'eve'"), {Code.STATE_DIFFERS}),
    "person's role raised": (written("UPDATE portal_user SET role = 'viewer'"), {Code.STATE_DIFFERS}),
    "person made up": (person_made_up, {Code.STATE_UNRECORDED}),
    "person deleted": (written("DELETE FROM portal_user"), {Code.STATE_MISSING}),
    "counter lowered": (written("UPDATE account SET certificate_used = 0"), {Code.QUOTA_COUNT_DIFFERS}),
    "allowance raised": (written("UPDATE account SET certificate_kept = 50"), {Code.QUOTA_COUNT_DIFFERS}),
    "certificate's bytes edited": (written("UPDATE x509_certificate SET der = sha256"), {Code.CHAIN_BYTES_DIFFER}),
    "certificate's bytes dropped": (written("DELETE FROM x509_certificate"), {Code.CHAIN_BYTES_MISSING}),
}
