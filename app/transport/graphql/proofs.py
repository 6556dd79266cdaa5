"""Checkpoints and proofs, as the API's fields ask for them."""

from app.audit import receipts
from app.audit.entry import leaf
from app.audit.merkle import leaf_hash
from app.audit.receipts import Published
from app.store import tree as trees
from app.store.rows import EntryRow
from app.transport.graphql.context import Context
from app.transport.graphql.ids import Kind, decode
from app.transport.graphql.scalars import SafeInt, Sha256
from app.transport.graphql.types.evidence import AuditCheckpoint, AuditConsistencyProof, AuditInclusionProof
from app.transport.graphql.wrong_input import BadUserInput


async def checkpoint(context: Context) -> AuditCheckpoint | None:
    """The newest checkpoint; None before the first."""
    newest = await receipts.published(context.connection)
    return None if newest is None else AuditCheckpoint.of(newest)


async def inclusion_proof_by_id(
    context: Context, event_id: str, tree_size: SafeInt | None
) -> AuditInclusionProof | None:
    """The proof of one of the account's entries; None where there is no such entry. Raises BadUserInput."""
    entry = await context.loaders.entries.load(decode(Kind.EVENT, event_id))
    return None if entry is None else await inclusion_proof(context, entry, tree_size)


async def inclusion_proof(context: Context, entry: EntryRow, tree_size: SafeInt | None) -> AuditInclusionProof | None:
    """The proof of an entry; None while no checkpoint covers it. Raises BadUserInput for a size that does not."""
    newest = await receipts.published(context.connection)
    if newest is None:
        return None
    size = _signed_size(newest, tree_size, "treeSize")
    index = (await trees.leaf_indexes(context.connection, newest.generation, [entry.seq])).get(entry.seq)
    if index is None or index >= newest.size:
        return None
    if index >= size:
        raise BadUserInput(f"The entry is leaf {index}: a tree of {size} leaves does not hold it.")
    return AuditInclusionProof(
        leaf_index=SafeInt(index),
        leaf_hash=Sha256(leaf_hash(leaf(entry.hash))),
        tree_size=SafeInt(size),
        root_hash=Sha256(await receipts.root_at(context.connection, newest.generation, size)),
        hashes=[Sha256(one) for one in await receipts.inclusion(context.connection, newest.generation, index, size)],
    )


async def consistency_proof(
    context: Context, from_tree_size: SafeInt, to_tree_size: SafeInt | None
) -> AuditConsistencyProof | None:
    """That the log only grew between two sizes; None before the first checkpoint. Raises BadUserInput."""
    newest = await receipts.published(context.connection)
    if newest is None:
        return None
    smaller = _signed_size(newest, from_tree_size, "fromTreeSize")
    larger = _signed_size(newest, to_tree_size, "toTreeSize")
    if smaller > larger:
        raise BadUserInput(f"The log grows: fromTreeSize is {smaller}, and toTreeSize is {larger}.")
    connection, generation = context.connection, newest.generation
    return AuditConsistencyProof(
        from_tree_size=SafeInt(smaller),
        to_tree_size=SafeInt(larger),
        from_root_hash=Sha256(await receipts.root_at(connection, generation, smaller)),
        to_root_hash=Sha256(await receipts.root_at(connection, generation, larger)),
        hashes=[Sha256(one) for one in await receipts.consistency(connection, generation, smaller, larger)],
    )


def _signed_size(newest: Published, size: SafeInt | None, name: str) -> int:
    if size is None:
        return newest.size
    if not 0 <= size <= newest.size:
        raise BadUserInput(f"{name} is {size}: the newest checkpoint covers {newest.size} entries, so 0 to that many.")
    return size
