"""The Merkle tree of RFC 6962: hashes, which nodes a proof consists of, and the checking of proofs.

Nothing here knows where nodes are kept. A proof is planned as lists of complete nodes; whoever keeps them looks them
up, and `fold` makes one hash of each list.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

HASH_BYTES = 32

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of a tree without leaves (RFC 6962 2.1)."""


class ProofInvalid(Exception):
    """A proof that does not prove what it was given for; the message says why."""


class Node(NamedTuple):
    """A complete node: the root over leaves `number * 2**level` up to `(number + 1) * 2**level`."""

    level: int
    number: int


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf's bytes (RFC 6962 2.1)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over its two halves (RFC 6962 2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """The hash over neighbouring nodes of falling size, as `complete_nodes` lists them.

    The last two are joined first: only the right edge of a tree is not complete.
    """
    folded = hashes[-1]
    for left in reversed(hashes[:-1]):
        folded = node_hash(left, folded)
    return folded


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """The hash over the hashes of one level, as many as a power of two."""
    level = list(hashes)
    while len(level) > 1:
        level = [node_hash(level[at], level[at + 1]) for at in range(0, len(level), 2)]
    return level[0]


def complete_nodes(start: int, end: int) -> list[Node]:
    """The fewest complete nodes over the leaves from `start` up to `end`, for an aligned start.

    `start` must be a multiple of the largest power of two below `end - start`, which every subtree of RFC 6962 is.
    """
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append(Node(level, start >> level))
        start += 1 << level
    return nodes


def inclusion_nodes(index: int, size: int) -> list[list[Node]]:
    """What the inclusion proof of a leaf in a tree of `size` consists of (RFC 6962 2.1.1), from the leaf up.

    Raises ValueError for a leaf that the tree does not hold.
    """
    if not 0 <= index < size:
        raise ValueError(f"A tree of {size} leaves has no leaf {index}.")
    proof: list[list[Node]] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(complete_nodes(middle, end))
            end = middle
        else:
            proof.append(complete_nodes(start, middle))
            start = middle
    return proof[::-1]


def consistency_nodes(old_size: int, new_size: int) -> list[list[Node]]:
    """What the consistency proof between two sizes consists of (RFC 6962 2.1.2).

    It is empty where the sizes are equal or the old one is 0: there is nothing to prove then.

    Raises ValueError for sizes that do not grow.
    """
    if not 0 <= old_size <= new_size:
        raise ValueError(f"A tree of {new_size} leaves does not continue one of {old_size}.")
    proof: list[list[Node]] = []
    if old_size in {0, new_size}:
        return proof
    start, end = 0, new_size
    while end != old_size:
        middle = start + _split(end - start)
        if old_size <= middle:
            proof.append(complete_nodes(middle, end))
            end = middle
        else:
            proof.append(complete_nodes(start, middle))
            start = middle
    # A subtree that begins at the first leaf is the old tree itself, whose root the verifier has.
    if start:
        proof.append(complete_nodes(start, end))
    return proof[::-1]


def require_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check an inclusion proof (RFC 9162 2.1.3.2). `leaf` is the leaf's hash.

    Raises ProofInvalid.
    """
    if not 0 <= index < size:
        raise ProofInvalid(f"A tree of {size} leaves has no leaf {index}.")
    _require_hashes(leaf, root, *proof)
    at, last, computed = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofInvalid("The inclusion proof is too long.")
        if at & 1 or at == last:
            computed = node_hash(sibling, computed)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            computed = node_hash(computed, sibling)
        at, last = at >> 1, last >> 1
    if last:
        raise ProofInvalid("The inclusion proof is too short.")
    if computed != root:
        raise ProofInvalid(
            f"The inclusion proof of leaf {index} leads to another root: it is for another leaf or tree."
        )


def require_consistent(old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check a consistency proof (RFC 9162 2.1.4.2): that the new tree only adds to the old one.

    Raises ProofInvalid.
    """
    if not 0 <= old_size <= new_size:
        raise ProofInvalid(f"A tree of {new_size} leaves does not continue one of {old_size}.")
    _require_hashes(old_root, new_root, *proof)
    if old_size in {0, new_size}:
        if proof:
            raise ProofInvalid("The consistency proof is too long.")
        if old_size == new_size and old_root != new_root:
            raise ProofInvalid(f"Two different roots for the size {old_size}.")
        if old_size == 0 and old_root != EMPTY_ROOT:
            raise ProofInvalid("A tree without leaves has another root.")
        return
    hashes = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    if not hashes:
        raise ProofInvalid("The consistency proof is too short.")
    old_computed, new_computed, last = _followed(old_size, new_size, hashes)
    if last:
        raise ProofInvalid("The consistency proof is too short.")
    if old_computed != old_root:
        raise ProofInvalid(f"The consistency proof leads to another root for the size {old_size}.")
    if new_computed != new_root:
        raise ProofInvalid(f"The consistency proof leads to another root for the size {new_size}.")


def _followed(old_size: int, new_size: int, hashes: Sequence[bytes]) -> tuple[bytes, bytes, int]:
    """Both roots that a consistency proof leads to, and what is left of the path."""
    at, last = old_size - 1, new_size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old_computed = new_computed = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise ProofInvalid("The consistency proof is too long.")
        if at & 1 or at == last:
            old_computed, new_computed = node_hash(sibling, old_computed), node_hash(sibling, new_computed)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new_computed = node_hash(new_computed, sibling)
        at, last = at >> 1, last >> 1
    return old_computed, new_computed, last


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def _require_hashes(*hashes: bytes) -> None:
    if any(len(one) != HASH_BYTES for one in hashes):
        raise ProofInvalid(f"A hash of the proof does not have {HASH_BYTES} bytes.")
