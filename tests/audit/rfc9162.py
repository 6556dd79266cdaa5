"""The definitions of RFC 9162 2.1, word for word and slow, to hold the product's quick ways to.

A tree's leaves are named by their indices. `MTH`, `PATH` and `PROOF` are spelled as there; a list of leaves is the
range of its indices.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

FILLER = b"filler"


@dataclass
class Leaves:
    """Leaves without end: those that are given, and between them equal ones.

    A run that holds none of the given leaves is hashed once for each length, so that trees of any size are quick.
    """

    given: Mapping[int, bytes] = field(default_factory=dict)
    _known: dict[tuple[int, tuple[tuple[int, bytes], ...]], bytes] = field(default_factory=dict)

    def of_run(self, start: int, end: int) -> tuple[int, tuple[tuple[int, bytes], ...]]:
        """What there is to know of a run of leaves: how many, and which of them stand where."""
        within = tuple((at - start, leaf) for at, leaf in sorted(self.given.items()) if start <= at < end)
        return end - start, within

    def mth(self, start: int, end: int) -> bytes:
        """MTH(D[start:end]), the Merkle Tree Hash (2.1.1)."""
        run = self.of_run(start, end)
        if run not in self._known:
            self._known[run] = self._mth(start, end)
        return self._known[run]

    def _mth(self, start: int, end: int) -> bytes:
        n = end - start
        if n == 0:
            return hashlib.sha256().digest()
        if n == 1:
            return hashlib.sha256(b"\x00" + self.given.get(start, FILLER)).digest()
        k = split(n)
        return hashlib.sha256(b"\x01" + self.mth(start, start + k) + self.mth(start + k, end)).digest()

    def path(self, m: int, start: int, end: int) -> list[bytes]:
        """PATH(m, D[start:end]), the inclusion proof (2.1.3.1); `m` counts from `start`."""
        n = end - start
        if n == 1:
            return []
        k = split(n)
        if m < k:
            return [*self.path(m, start, start + k), self.mth(start + k, end)]
        return [*self.path(m - k, start + k, end), self.mth(start, start + k)]

    def proof(self, m: int, n: int) -> list[bytes]:
        """PROOF(m, D[0:n]), the consistency proof (2.1.4.1)."""
        return self._subproof(m, 0, n, b=True)

    def _subproof(self, m: int, start: int, end: int, *, b: bool) -> list[bytes]:
        n = end - start
        if m == n:
            return [] if b else [self.mth(start, end)]
        k = split(n)
        if m <= k:
            return [*self._subproof(m, start, start + k, b=b), self.mth(start + k, end)]
        return [*self._subproof(m - k, start + k, end, b=False), self.mth(start, start + k)]


@dataclass
class Numbered(Leaves):
    """Leaves that all differ: each is its index in digits. For trees that are small."""

    _runs: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def mth(self, start: int, end: int) -> bytes:
        """MTH(D[start:end])."""
        if (start, end) not in self._runs:
            self._runs[start, end] = self._mth(start, end)
        return self._runs[start, end]

    def _mth(self, start: int, end: int) -> bytes:
        if end - start == 1:
            return hashlib.sha256(b"\x00" + numbered(start)).digest()
        return super()._mth(start, end)


def numbered(index: int) -> bytes:
    """The leaf of an index in a tree of numbered ones."""
    return str(index).encode()


def split(n: int) -> int:
    """The largest power of two smaller than `n`: k < n <= 2k."""
    k = 1
    while 2 * k < n:
        k *= 2
    return k
