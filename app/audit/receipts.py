"""Proofs from the tree as it is stored: of a leaf's place, of the tree's growth, and receipts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from app.audit.checkpoint import VerifierKey
from app.audit.entry import leaf
from app.audit.merkle import EMPTY_ROOT, HASH_BYTES, Node, complete_nodes, consistency_nodes, fold, inclusion_nodes
from app.audit.proof import Receipt
from app.audit.stored_tree import number_of
from app.audit.tiles import WIDTH, NotATile, Tile, TilePath, bundle, hash_in, path_of, tile_of, width_of
from app.store import cosignatures
from app.store import tree as trees
from app.store.connection import Connection
from app.store.tree import SignedTree, Tree


class TreeDamaged(Exception):
    """What is stored of the tree does not hold what it must; the message says what."""


class BeyondPublished(Exception):
    """A tile, or a part of one, that no published checkpoint covers; the message says what there is of it."""


@dataclass(frozen=True, slots=True)
class Published:
    """The newest checkpoint that may be served. `note` has the log's signature and those of witnesses."""

    signed: SignedTree
    origin: str
    vkey: VerifierKey
    note: str

    @property
    def generation(self) -> int:
        """Of the tree that it is about."""
        return self.signed.generation

    @property
    def number(self) -> int:
        """See `app.audit.stored_tree.number_of`."""
        return number_of(self.generation, self.origin)

    @property
    def size(self) -> int:
        """How many leaves it covers."""
        return self.signed.size


async def published(connection: Connection) -> Published | None:
    """The newest checkpoint that may be served; None before the first one.

    Raises TreeDamaged where the tree's row names one that is not there.
    """
    tree = await trees.newest(connection)
    if tree is None or not tree.published:
        return None
    signed = await trees.checkpoint_at(connection, tree.generation, tree.published)
    if signed is None:
        raise TreeDamaged(f"The checkpoint of {tree.published} leaves is gone.")
    return Published(signed, tree.origin, VerifierKey.parse(tree.vkey), await cosigned_note(connection, signed))


async def published_tree(connection: Connection, number: int) -> Tree | None:
    """The tree of the origin with this number, once there is a checkpoint of it that may be served."""
    tree = await trees.numbered(connection, number)
    return None if tree is None or not tree.published else tree


async def tile_bytes(connection: Connection, generation: int, size: int, path: TilePath) -> bytes:
    """A tile of hashes, or a bundle of entries, as a tree of `size` leaves has it: full, or as far as it is asked for.

    The hashes of a partial tile are the first of those that it has now, so those of earlier sizes stay to be had.
    Raises BeyondPublished, and TreeDamaged.
    """
    width = width_of(path.level or 0, path.number, size)
    if width < path.width:
        raise BeyondPublished(_what_there_is(path, width, size))
    if path.level is None:
        start = path.number * WIDTH
        entries = await trees.leaf_entries(connection, generation, start, start + path.width)
        if len(entries) != path.width:
            raise TreeDamaged(f"Of the entries of tile/{path_of(path)} only {len(entries)} are there.")
        return bundle(leaf(entry) for entry in entries)
    tile = Tile(path.level, path.number)
    hashes = (await trees.tiles(connection, generation, [tile])).get(tile, b"")[: path.width * HASH_BYTES]
    if len(hashes) != path.width * HASH_BYTES:
        raise TreeDamaged(f"Of tile/{path_of(path)} only {len(hashes)} bytes are there.")
    return hashes


def _what_there_is(path: TilePath, width: int, size: int) -> str:
    if not width:
        return f"The published tree of {size} leaves does not reach tile/{path_of(path)}."
    there = path_of(path._replace(width=width))
    return f"The published tree of {size} leaves has {width} of {path.width} here: tile/{there}."


async def cosigned_note(connection: Connection, signed: SignedTree) -> str:
    """A checkpoint's note with what witnesses added to it."""
    return signed.note + "".join(await cosignatures.lines(connection, signed.generation, signed.size))


async def root_at(connection: Connection, generation: int, size: int) -> bytes:
    """The root that the tree had at a size that it has passed. Raises TreeDamaged."""
    if not size:
        return EMPTY_ROOT
    (root,) = await _hashes(connection, generation, [complete_nodes(0, size)])
    return root


async def inclusion(connection: Connection, generation: int, index: int, size: int) -> list[bytes]:
    """The proof that a leaf stands at its place in the tree of this size.

    Raises ValueError for a leaf beyond the size, TreeDamaged.
    """
    return await _hashes(connection, generation, inclusion_nodes(index, size))


async def consistency(connection: Connection, generation: int, old_size: int, new_size: int) -> list[bytes]:
    """The proof that the tree of one size begins with the tree of another.

    Raises ValueError for sizes that do not grow, TreeDamaged.
    """
    return await _hashes(connection, generation, consistency_nodes(old_size, new_size))


async def receipts(connection: Connection, upto: Published, entries: Mapping[int, bytes]) -> dict[int, Receipt]:
    """The receipts of entries to this checkpoint, by their `seq`; what it does not cover is absent.

    `entries` gives each entry's hash. Raises TreeDamaged.
    """
    places = await trees.leaf_indexes(connection, upto.generation, list(entries))
    covered = {seq: index for seq, index in places.items() if index < upto.size}
    plans = [inclusion_nodes(index, upto.size) for index in covered.values()]
    hashes = iter(await _hashes(connection, upto.generation, [part for plan in plans for part in plan]))
    return {
        seq: Receipt(index, tuple(islice(hashes, len(plan))), upto.note, leaf(entries[seq]))
        for (seq, index), plan in zip(covered.items(), plans, strict=True)
    }


async def _hashes(connection: Connection, generation: int, proof: Sequence[Iterable[Node]]) -> list[bytes]:
    nodes = {node for part in proof for node in part}
    tiles = await trees.tiles(connection, generation, {tile_of(node) for node in nodes})
    try:
        found = {node: hash_in(node, tiles.get(tile_of(node), b"")) for node in nodes}
    except NotATile as missing:
        raise TreeDamaged(str(missing)) from missing
    return [fold([found[node] for node in part]) for part in proof]
