"""Points of the past, and what proves them."""

from datetime import datetime
from typing import Self

from app.clock import from_micros
from app.services.history import Point
from app.store.tree import SignedTree
from app.transport.graphql.described import attribute, object_type
from app.transport.graphql.scalars import SafeInt, Sha256


@object_type
class AuditCheckpoint:
    """The log at one size, signed: keep one, and nothing that it covers can change unseen."""

    tree_size: SafeInt = attribute("How many entries it covers.")
    root_hash: Sha256 = attribute("The Merkle root over them (RFC 9162 2.1).")
    signed_at: datetime = attribute("When it was signed.")
    note: str = attribute(
        "The signed note, byte for byte: origin, size, root, and the signatures of the log and of witnesses."
    )

    @classmethod
    def of(cls, signed: SignedTree) -> Self:
        """As the schema shows it."""
        return cls(
            tree_size=SafeInt(signed.size),
            root_hash=Sha256(signed.root),
            signed_at=from_micros(signed.signed_at),
            note=signed.note,
        )


@object_type
class HistoryPoint:
    """A point of the log: what is shown was rebuilt from the entries up to there, and from nothing else."""

    time: datetime = attribute(
        "Its instant. Of a point by its tree size, when the checkpoint was signed, or the last entry was made if that"
        " is later."
    )
    tree_size: SafeInt | None = attribute(
        "How many entries of the tree reach up to it; null while the last of them waits for its place in the tree, and"
        " where there was no account yet."
    )
    checkpoint: AuditCheckpoint | None = attribute(
        "The first checkpoint that covers it; null until that is signed, and where there was no account yet."
    )

    @classmethod
    def of(cls, point: Point) -> Self:
        """As the schema shows it."""
        return cls(
            time=point.time,
            tree_size=None if point.tree_size is None else SafeInt(point.tree_size),
            checkpoint=None if point.checkpoint is None else AuditCheckpoint.of(point.checkpoint),
        )
