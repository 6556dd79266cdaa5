"""What the rows of a batch give, for a verification."""

from dataclasses import dataclass

from app.audit.states import Json


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """All claims whose rows name one entry as the batch that made or ended them: what they give, in its words."""

    action: str
    entry_id: str
    public: Json
