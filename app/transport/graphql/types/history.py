"""Points of the past, and what proves them."""

from datetime import datetime
from typing import Self

from app.services.history import Point
from app.transport.graphql.described import attribute, object_type
from app.transport.graphql.scalars import SafeInt
from app.transport.graphql.types.evidence import AuditCheckpoint


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
