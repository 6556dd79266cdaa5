"""What was used last: known by all, knows nobody."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """The values that were kept or found last, by their keys: as many as weigh `limit` together.

    A value weighs 1, or what its keeper says, as bytes are bounded. Any thread may ask.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._weight = 0
        self._changing = Lock()
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def weight(self) -> int:
        """What all weigh together."""
        return self._weight

    def find(self, key: K) -> V | None:
        """The value; None where there is none, or no longer."""
        found = self._kept.get(key)
        if found is None:
            return None
        try:
            self._kept.move_to_end(key)
        except KeyError:
            # Another thread has let it go since.
            return found[0]
        return found[0]

    def keep(self, key: K, value: V, weight: int = 1) -> None:
        """Keep a value, in the place of what had its key; those that were used longest ago give way.

        What weighs more than the limit by itself is not kept.
        """
        with self._changing:
            self._drop(key)
            if weight > self._limit:
                return
            self._kept[key] = (value, weight)
            self._weight += weight
            while self._weight > self._limit:
                _, (_, freed) = self._kept.popitem(last=False)
                self._weight -= freed

    def drop(self, key: K) -> None:
        """Forget a value, if there is one."""
        with self._changing:
            self._drop(key)

    def clear(self) -> None:
        """Forget all."""
        with self._changing:
            self._kept.clear()
            self._weight = 0

    def _drop(self, key: K) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self._weight -= found[1]
