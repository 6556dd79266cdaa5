"""Relations in batches: one statement per relation and operation, however long the list."""

from datetime import datetime

from app.store.connection import Connection


class Loaders:
    """The loaders of one operation, in one account, as of one instant."""

    def __init__(self, reads: Connection, account_id: str, now: datetime) -> None:
        self._reads = reads
        self._account_id = account_id
        self._now = now
