"""Ways to tamper with the tree over a log and with what was signed for it, and what a verification calls each."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.audit.checkpoint import Checkpoint, Signer
from app.audit.merkle import EMPTY_ROOT
from app.audit.stored import Code
from tests.audit.conftest import Lived
from tests.audit.notaries import KEY, ORIGIN
from tests.audit.signing import WITNESS, cosigned_line, line, private_key
from tests.audit.tampers import ROOTS, Tamper, zeros

OTHER_KEY = private_key(77)
LAST = "(SELECT max(size) FROM audit_checkpoint)"
FIRST = "(SELECT min(size) FROM audit_checkpoint)"
WAITING = "(SELECT seq FROM audit_entry WHERE stream = 'sys/4' AND aseq = 1)"


def written(*statements: str) -> Tamper:
    """Statements as they are."""

    async def tamper(lived: Lived) -> None:
        for statement in statements:
            await lived.owner.execute(statement)

    return tamper


def flipped(table: str, column: str, where: str, at: int = 0) -> Tamper:
    """One bit of what stands in a column of bytes."""

    async def tamper(lived: Lived) -> None:
        (row,) = await lived.owner.fetch(f"SELECT {column} AS spoilt FROM {table} WHERE {where}")
        spoilt = bytearray(row["spoilt"])
        spoilt[at] ^= 1
        await lived.owner.execute(f"UPDATE {table} SET {column} = $1 WHERE {where}", bytes(spoilt))

    return tamper


def resized(where: str, by: int) -> Tamper:
    """A tile that is so many hashes longer or shorter."""

    async def tamper(lived: Lived) -> None:
        (row,) = await lived.owner.fetch(f"SELECT hashes FROM audit_tile WHERE {where}")
        hashes = bytes(row["hashes"])
        made = hashes + zeros(32 * by) if by > 0 else hashes[: 32 * by]
        await lived.owner.execute(f"UPDATE audit_tile SET hashes = $1 WHERE {where}", made)

    return tamper


def swapped(one: int, other: int) -> Tamper:
    """Two leaves."""
    moves = ((one, -7), (other, one), (-7, other))
    return written(*(f"UPDATE audit_leaf SET leaf_index = {to} WHERE leaf_index = {at}" for at, to in moves))


def renoted(
    *, origin: str = ORIGIN, larger: int = 0, name: str = ORIGIN, key: Ed25519PrivateKey = KEY, more: str = ""
) -> Tamper:
    """The newest checkpoint with another note: another origin, a larger size, another signer, or something below."""

    async def tamper(lived: Lived) -> None:
        (row,) = await lived.owner.fetch(f"SELECT size, root FROM audit_checkpoint WHERE size = {LAST}")
        text = Checkpoint(origin, row["size"] + larger, bytes(row["root"])).text
        note = f"{Signer(name, key).sign(text)}{more}"
        await lived.owner.execute(f"UPDATE audit_checkpoint SET note = $1 WHERE size = {LAST}", note)

    return tamper


def signed(size: str, root: bytes | None = None) -> Tamper:
    """A checkpoint more, signed with the genuine key. Its size is given as SQL; without a root it has the tree's."""

    async def tamper(lived: Lived) -> None:
        (row,) = await lived.owner.fetch(f"SELECT {size} AS size, root FROM audit_tree")
        said = root or bytes(row["root"])
        note = str(Signer(ORIGIN, KEY).sign(Checkpoint(ORIGIN, row["size"], said).text))
        insert = "INSERT INTO audit_checkpoint (generation, size, root, note, signed_at) VALUES (1, $1, $2, $3, 1)"
        await lived.owner.execute(insert, row["size"], said, note)

    return tamper


async def size_and_published_lowered(lived: Lived) -> None:
    await lived.owner.execute("UPDATE audit_tree SET size = size - 1, published = size - 1")


async def key_exchanged(lived: Lived) -> None:
    await lived.owner.execute("UPDATE audit_tree SET vkey = $1", str(Signer(ORIGIN, OTHER_KEY).vkey))


async def key_of_another_name(lived: Lived) -> None:
    await lived.owner.execute("UPDATE audit_tree SET vkey = $1", str(Signer("other.example", KEY).vkey))


async def neighbours_of_two_streams_swapped(lived: Lived) -> None:
    rows = await lived.owner.fetch(
        "SELECT l.leaf_index, e.stream FROM audit_leaf AS l JOIN audit_entry AS e ON e.seq = l.seq ORDER BY 1"
    )
    border = next(at for at in range(20, len(rows)) if rows[at - 1]["stream"] != rows[at]["stream"])
    await swapped(border - 1, border)(lived)


def cosigned(line: str, size: str = FIRST) -> Tamper:
    """What a witness is said to have added."""

    async def tamper(lived: Lived) -> None:
        await lived.owner.execute(f"INSERT INTO audit_cosignature VALUES (1, {size}, $1, $2)", WITNESS, line)

    return tamper


COSIGNATURE = cosigned_line("x\n1\nx\n")
CHECKPOINT = "UPDATE audit_checkpoint SET"
LEAF = "INSERT INTO audit_leaf (generation, leaf_index, seq)"
TILE = "INSERT INTO audit_tile (generation, level, number, hashes)"

LEAVES: dict[str, tuple[Tamper, set[Code]]] = {
    "leaf dropped": (
        written("DELETE FROM audit_leaf WHERE leaf_index = 10"),
        {Code.LEAF_MISSING, Code.LEAF_ORDER, *ROOTS},
    ),
    "first leaf dropped": (
        written("DELETE FROM audit_leaf WHERE leaf_index = 0"),
        {Code.LEAF_MISSING, *ROOTS},
    ),
    "last leaf dropped": (written(f"DELETE FROM audit_leaf WHERE leaf_index = {LAST} - 1"), ROOTS),
    "all leaves dropped": (written("DELETE FROM audit_leaf"), {Code.TILE_STRAY, *ROOTS} - {Code.TILE_DIFFERS}),
    "leaf of a missing entry": (
        written("UPDATE audit_leaf SET seq = 99999 WHERE leaf_index = 10"),
        {Code.LEAF_UNKNOWN, Code.LEAF_ORDER, *ROOTS},
    ),
    "leaf of another entry": (
        written(f"UPDATE audit_leaf SET seq = {WAITING} WHERE leaf_index = 10"),
        {Code.LEAF_ORDER, *ROOTS},
    ),
    "leaves of a stream swapped": (swapped(10, 11), {Code.LEAF_ORDER, *ROOTS}),
    "leaves of two streams swapped": (neighbours_of_two_streams_swapped, ROOTS),
    "leaf inserted at the end": (
        written(f"{LEAF} SELECT 1, {LAST}, {WAITING}"),
        {Code.TILE_DIFFERS, Code.TREE_DIFFERS, Code.CHECKPOINT_MISSING},
    ),
    "leaf inserted beyond the end": (
        written(f"{LEAF} SELECT 1, {LAST} + 3, {WAITING}"),
        {Code.LEAF_MISSING, Code.TILE_DIFFERS, Code.TREE_DIFFERS, Code.CHECKPOINT_MISSING},
    ),
    "leaf inserted before the first": (
        written(f"{LEAF} SELECT 1, -1, {WAITING}"),
        {Code.LEAF_MISSING, Code.CHECKPOINT_MISSING, *ROOTS},
    ),
    "leaf of a generation that is not there": (
        written(f"{LEAF} SELECT 2, 0, {WAITING}"),
        {Code.TREE_DIFFERS},
    ),
}
TILES: dict[str, tuple[Tamper, set[Code]]] = {
    "full tile flipped": (flipped("audit_tile", "hashes", "level = 0 AND number = 0", 8191), {Code.TILE_DIFFERS}),
    "partial tile flipped": (flipped("audit_tile", "hashes", "level = 0 AND number = 1"), {Code.TILE_DIFFERS}),
    "tile above flipped": (flipped("audit_tile", "hashes", "level = 1 AND number = 0"), {Code.TILE_DIFFERS}),
    "full tile truncated": (resized("level = 0 AND number = 0", -1), {Code.TILE_DIFFERS}),
    "partial tile truncated": (resized("level = 0 AND number = 1", -1), {Code.TILE_DIFFERS}),
    "partial tile lengthened": (resized("level = 0 AND number = 1", 1), {Code.TILE_DIFFERS}),
    "full tile dropped": (written("DELETE FROM audit_tile WHERE level = 0 AND number = 0"), {Code.TILE_MISSING}),
    "tile above dropped": (written("DELETE FROM audit_tile WHERE level = 1"), {Code.TILE_MISSING}),
    "tile moved": (
        written("UPDATE audit_tile SET number = 9 WHERE level = 0 AND number = 1"),
        {Code.TILE_MISSING, Code.TILE_STRAY},
    ),
    "stray tile": (written(f"{TILE} SELECT 1, 0, 2, root FROM audit_tree"), {Code.TILE_STRAY}),
    "stray tile above": (written(f"{TILE} SELECT 1, 2, 0, root FROM audit_tree"), {Code.TILE_STRAY}),
    "stray tile below": (written(f"{TILE} SELECT 1, -1, -1, root FROM audit_tree"), {Code.TILE_STRAY}),
}
ROWS: dict[str, tuple[Tamper, set[Code]]] = {
    "tree's size raised": (written("UPDATE audit_tree SET size = size + 1"), {Code.TREE_DIFFERS}),
    "tree's size lowered": (size_and_published_lowered, {Code.TREE_DIFFERS, Code.CHECKPOINT_MISSING}),
    "tree's root edited": (flipped("audit_tree", "root", "generation = 1", 31), {Code.TREE_DIFFERS}),
    "nothing published": (written("UPDATE audit_tree SET published = 0"), {Code.TREE_DIFFERS}),
    "an old checkpoint published": (written(f"UPDATE audit_tree SET published = {FIRST}"), {Code.TREE_DIFFERS}),
    "no checkpoint published": (written("UPDATE audit_tree SET published = 2"), {Code.CHECKPOINT_MISSING}),
    "tree's origin edited": (
        written("UPDATE audit_tree SET origin = 'other.example'"),
        {Code.TREE_DIFFERS, Code.CHECKPOINT_DIFFERS},
    ),
    "key exchanged": (key_exchanged, {Code.CHECKPOINT_UNSIGNED}),
    "key of another name": (key_of_another_name, {Code.TREE_DIFFERS, Code.CHECKPOINT_UNSIGNED}),
    "key spoilt": (written("UPDATE audit_tree SET vkey = 'x'"), {Code.TREE_DIFFERS, Code.CHECKPOINT_UNSIGNED}),
    "beginning invented": (
        written("UPDATE audit_tree SET first_entry_id = (SELECT id FROM audit_entry WHERE seq = 1)"),
        {Code.TREE_DIFFERS},
    ),
    "tree's row dropped": (written("DELETE FROM audit_tree"), {Code.TREE_DIFFERS}),
    "tree's row renumbered": (
        written("UPDATE audit_tree SET generation = 2"),
        {Code.TREE_DIFFERS, Code.CHECKPOINT_MISSING},
    ),
    "stream's end in the tree raised": (
        written("UPDATE audit_sequenced SET aseq = aseq + 1 WHERE stream = 'sys/2'"),
        {Code.TREE_DIFFERS},
    ),
    "stream's end in the tree lowered": (
        written("UPDATE audit_sequenced SET aseq = aseq - 1 WHERE stream = 'sys/2'"),
        {Code.TREE_DIFFERS},
    ),
    "hash of a stream's end in the tree edited": (
        flipped("audit_sequenced", "hash", "stream = 'sys/2'"),
        {Code.TREE_DIFFERS},
    ),
    "stream's row in the tree dropped": (
        written("DELETE FROM audit_sequenced WHERE stream = 'sys/2'"),
        {Code.TREE_DIFFERS},
    ),
    "stream's row in the tree renamed": (
        written("UPDATE audit_sequenced SET stream = 'sys/4' WHERE stream = 'sys/2'"),
        {Code.TREE_DIFFERS},
    ),
    "stream's row in the tree made up": (
        written("INSERT INTO audit_sequenced SELECT 1, stream, aseq, hash FROM audit_stream WHERE stream = 'sys/4'"),
        {Code.TREE_DIFFERS},
    ),
}
CHECKPOINTS: dict[str, tuple[Tamper, set[Code]]] = {
    "checkpoint's root edited": (
        flipped("audit_checkpoint", "root", f"size = {FIRST}"),
        {Code.CHECKPOINT_DIFFERS},
    ),
    "checkpoint's size edited": (
        written(f"{CHECKPOINT} size = size - 1 WHERE size = {FIRST}"),
        {Code.CHECKPOINT_DIFFERS},
    ),
    "checkpoint's size negated": (
        written(f"{CHECKPOINT} size = -size WHERE size = {FIRST}"),
        {Code.CHECKPOINT_DIFFERS},
    ),
    "checkpoint's note replaced by an older one": (
        written(f"{CHECKPOINT} note = (SELECT note FROM audit_checkpoint WHERE size = {FIRST}) WHERE size = {LAST}"),
        {Code.CHECKPOINT_DIFFERS},
    ),
    "checkpoint's note spoilt": (written(f"{CHECKPOINT} note = 'x'"), {Code.CHECKPOINT_UNSIGNED}),
    "checkpoint's signature renamed": (
        written(f"{CHECKPOINT} note = replace(note, 'anchorage', 'Anchorage')"),
        {Code.CHECKPOINT_UNSIGNED},
    ),
    "checkpoint signed by another key": (renoted(key=OTHER_KEY), {Code.CHECKPOINT_UNSIGNED}),
    "checkpoint signed under another name": (renoted(name="other.example"), {Code.CHECKPOINT_UNSIGNED}),
    "checkpoint of another origin": (renoted(origin="other.example"), {Code.CHECKPOINT_DIFFERS}),
    "checkpoint of another size in its note": (renoted(larger=1), {Code.CHECKPOINT_DIFFERS}),
    "checkpoint with a signature more": (renoted(more=COSIGNATURE), {Code.CHECKPOINT_DIFFERS}),
    "newest checkpoint dropped": (
        written(f"DELETE FROM audit_checkpoint WHERE size = {LAST}"),
        {Code.CHECKPOINT_MISSING},
    ),
    "newest checkpoint dropped and the older one published": (
        written(
            f"DELETE FROM audit_checkpoint WHERE size = {LAST}",
            f"UPDATE audit_tree SET published = {LAST}",
        ),
        {Code.CHECKPOINT_MISSING},
    ),
    "all checkpoints dropped": (
        written("DELETE FROM audit_checkpoint"),
        {Code.CHECKPOINT_MISSING, Code.COSIGNATURE_INVALID},
    ),
    "checkpoint larger than the tree": (signed(f"{LAST} + 5"), {Code.CHECKPOINT_DIFFERS}),
    "checkpoint of a root that never was": (signed(f"{LAST} - 1"), {Code.CHECKPOINT_DIFFERS}),
    "checkpoint of nothing": (signed("0"), {Code.CHECKPOINT_DIFFERS}),
    "checkpoint of less than nothing": (signed("-5", EMPTY_ROOT), {Code.CHECKPOINT_DIFFERS}),
    "cosignature that is none": (cosigned("x"), {Code.COSIGNATURE_INVALID}),
    "cosignature of another name": (cosigned(COSIGNATURE.replace(WITNESS, "other")), {Code.COSIGNATURE_INVALID}),
    "two cosignatures in one": (cosigned(COSIGNATURE * 2), {Code.COSIGNATURE_INVALID}),
    "cosignature without its line's end": (cosigned(COSIGNATURE[:-1]), {Code.COSIGNATURE_INVALID}),
    "signature in place of a cosignature": (
        cosigned(line(WITNESS, b"1234", bytes(64))),
        {Code.COSIGNATURE_INVALID},
    ),
    "cosignature of no checkpoint": (cosigned(COSIGNATURE, "77"), {Code.COSIGNATURE_INVALID}),
}
TREE_CASES = LEAVES | TILES | ROWS | CHECKPOINTS
