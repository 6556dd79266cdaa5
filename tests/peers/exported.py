"""Exported files, made by the paper alone, and easy to spoil."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.peers.by_the_paper import (
    ORIGIN,
    SEED,
    base64,
    base64url,
    canonical,
    checkpoint,
    compact,
    path,
    proof,
    sha256,
    vkey,
)

ACCOUNT = "0190a0000000700080000000000000aa"
CERTIFICATE = "0190a0000000700080000000000000cc"
STREAM = f"{ACCOUNT}/0"

Json = dict[str, Any]
Edit = Callable[[Json], None]
"""Spoils one thing of a header or a footer."""


@dataclass(frozen=True)
class Entry:
    """An entry with its place in its stream; `disclosures` are by subject."""

    stream: str
    aseq: int
    prev: bytes
    body: bytes
    disclosures: dict[str, list[str]] = field(default_factory=dict)

    @property
    def hash(self) -> bytes:
        lines = ("anchorage-audit/1", self.stream, str(self.aseq), self.prev.hex(), sha256(self.body).hex())
        return sha256("".join(f"{line}\n" for line in lines).encode())

    @property
    def leaf(self) -> bytes:
        return b'{"entry":"sha256:%b","v":1}' % self.hash.hex().encode()

    @property
    def beside(self) -> Json:
        return {"stream": self.stream, "aseq": self.aseq, "prev": self.prev.hex(), "hash": self.hash.hex()}

    def line(self, *, personal: bool = True) -> bytes:
        """The entry with its body."""
        before = compact(self.beside | {"disclosures": self.disclosures if personal else {}})
        return b'%b,"body":%b}' % (before[:-1], self.body)

    def withheld(self, why: str) -> bytes:
        """The entry without its body."""
        return compact(self.beside | {"body_sha256": sha256(self.body).hex(), "withheld": why})


def disclosure(number: int, name: str, value: str) -> str:
    return base64url(compact([base64url(number.to_bytes(16, "big")), name, value]))


def certificate(version: int, status: str = "ACTIVE") -> Json:
    return {"id": CERTIFICATE, "version": version, "name": "Root — Нордвинд\u2028", "status": status}


def change(before: Json | None, after: Json | None, action: str) -> Json:
    """What a body says of a change of the certificate."""
    seen = after or before or certificate(2)
    return {
        "action": action,
        "target": {"id": CERTIFICATE, "name": seen["name"], "type": "certificate", "version": seen["version"]},
        "change": {"before": before, "after": after},
    }


class Stream:
    """Chains entries of one stream."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.entries: list[Entry] = []

    def append(self, said: Json, *names: str, **more: Any) -> Entry:
        """One entry more; each name is disclosed as the actor's."""
        aseq = len(self.entries) + 1
        subject = "0190a0000000700080000000000000f1"
        made = [disclosure(aseq * 10 + at, "actor.name", name) for at, name in enumerate(names)]
        body = {
            "v": 1,
            "id": f"0190a00000007000800000000000{aseq:04}",
            "time": f"2026-06-{aseq:02}T12:00:00.000000Z",
            "account": None if self.name.startswith("sys/") else self.name.partition("/")[0],
            "actor": {"type": "user", "id": subject},
            "outcome": {"result": "success", "code": None},
            "change": None,
            "reason": None,
            "salt": f"{aseq:032}",
            "_sd": sorted(base64url(sha256(one.encode())) for one in made),
        }
        prev = self.entries[-1].hash if self.entries else bytes(32)
        entry = Entry(self.name, aseq, prev, canonical(body | said | more), {subject: made} if made else {})
        self.entries.append(entry)
        return entry


def read(view: str = "auditEvents") -> Json:
    """What a body says of a look into the log."""
    return {"action": "audit.read", "target": {"id": ACCOUNT, "name": view, "type": "audit_log", "version": None}}


@dataclass
class Log:
    """Entries of several streams, in the order of their leaves."""

    streams: dict[str, Stream] = field(default_factory=dict)
    leaves: list[bytes] = field(default_factory=list)
    places: dict[tuple[str, int], int] = field(default_factory=dict)

    def append(self, stream: str, said: Json, *names: str, **more: Any) -> Entry:
        entry = self.streams.setdefault(stream, Stream(stream)).append(said, *names, **more)
        self.places[stream, entry.aseq] = len(self.leaves)
        self.leaves.append(entry.leaf)
        return entry

    def entries(self, first: int = 1, last: int | None = None, stream: str = STREAM) -> list[Entry]:
        return self.streams[stream].entries[first - 1 : last]

    def receipt(self, entry: Entry, size: int, note: str, *, extra: bool = False) -> str:
        """The receipt (tlog-proof@v1) of an entry in the tree of a size."""
        index = self.places[entry.stream, entry.aseq]
        lines = ["c2sp.org/tlog-proof@v1", *([f"extra {base64(entry.leaf)}"] if extra else []), f"index {index}"]
        lines += [base64(one) for one in path(index, self.leaves[:size])]
        return "\n".join([*lines, "", note])


def lived() -> Log:
    """A log of 23 entries: an account's, with the life of a certificate among them, and two of the installation's."""
    log = Log()
    for number in range(3):
        log.append("sys/4", read(), outcome={"result": "refused", "code": "UNAUTHENTICATED"}, reason=str(number))
        log.append("sys/11", read(), reason=str(number))
        log.append(STREAM, read(), "Zoë Müller")
    log.append(STREAM, change(None, certificate(1), "certificate.upload"), "Zoë Müller", "Ada")
    log.append(STREAM, read())
    log.append("sys/4", read())
    log.append(STREAM, change(certificate(1), certificate(2, "INACTIVE"), "certificate.set_status"), "Ada")
    unchanged = change(certificate(2, "INACTIVE"), certificate(2, "INACTIVE"), "certificate.set_status")
    log.append(STREAM, unchanged, "Ada")
    refused = change(None, None, "certificate.delete") | {"change": None}
    log.append(STREAM, refused, "Ada", outcome={"result": "refused", "code": "CERTIFICATE_ACTIVE"})
    log.append(STREAM, change(certificate(2, "INACTIVE"), certificate(3), "certificate.set_status"), "Ada")
    log.append(STREAM, change(certificate(3), None, "certificate.delete"), "Ada")
    log.append("sys/4", read())
    log.append(STREAM, read("export"), "Ada")
    for number in range(4):
        log.append("sys/11", read(), reason=str(number))
    return log


HEADER: Json = {
    "format": "anchorage-audit-export/1",
    "account": ACCOUNT,
    "account_name": "Northwind \u2014 \u00d8st",
    "made_at": "2026-07-01T00:00:00.000000Z",
    "software": "anchorage/1.0",
    "selection": {"kind": "account"},
    "personal_data": True,
    "streams": [],
    "checkpoint": None,
    "vkey": None,
    "consistency": [],
    "not_audited": ["Ordinary reads"],
}


@dataclass
class File:
    """An exported file in its parts, each of which can be spoilt."""

    header: Json
    lines: list[bytes]
    footer: Json

    @property
    def content(self) -> bytes:
        return b"".join(line + b"\n" for line in (compact(self.header), *self.lines, compact({"end": self.footer})))

    def replace(self, aseq: int, old: bytes, new: bytes) -> None:
        """Write something else into the line of an entry, by its number in a file that begins with 1."""
        assert self.lines[aseq - 1].count(old) == 1
        self.lines[aseq - 1] = self.lines[aseq - 1].replace(old, new)


def export(
    log: Log,
    *,
    first: int = 1,
    size: int | None = None,
    consistency: Sequence[int] = (5, 8, 16),
    withhold: Callable[[Entry], str | None] = lambda _: None,
    extra: bool = False,
    origin: str = ORIGIN,
    seed: bytes = SEED,
    **header: Any,
) -> File:
    """The account's entries from one on, or up to `last`, under a checkpoint of a size.

    `withhold` says why an entry has no body; `selection` and `personal_data` are the header's.
    """
    leaves = log.leaves[:size]
    note = checkpoint(leaves, origin, seed)
    entries = log.entries(first, header.pop("last", None))
    reasons = [withhold(entry) for entry in entries]
    made = HEADER | {
        "streams": [{"stream": STREAM, "first": entries[0].aseq, "last": entries[-1].aseq}],
        "checkpoint": note,
        "vkey": vkey(origin, seed),
        "consistency": [
            {"size": old, "hashes": [base64(one) for one in proof(old, leaves)]}
            for old in consistency
            if old < len(leaves)
        ],
    }
    receipt = log.receipt(entries[-1], len(leaves), note, extra=extra)
    footer = {
        "entries": len(entries),
        "withheld": sum(why is not None for why in reasons),
        "receipts": [{"stream": STREAM, "aseq": entries[-1].aseq, "receipt": receipt}],
    }
    lines = [
        entry.line(personal=header.get("personal_data", True)) if why is None else entry.withheld(why)
        for entry, why in zip(entries, reasons, strict=True)
    ]
    return File(made | header, lines, footer)


def of_certificate(entry: Entry) -> str | None:
    """Withholds what is not about the certificate."""
    return None if CERTIFICATE.encode() in entry.body else "not_selected"


def rewritten(log: Log, aseq: int, old: bytes, new: bytes, genesis: bytes = bytes(32)) -> Log:
    """A log whose owner changed an entry and wrote everything after it anew: chain, tree and all."""
    forged = Log(places=log.places, leaves=list(log.leaves))
    stream = forged.streams[STREAM] = Stream(STREAM)
    for entry in log.entries():
        prev = stream.entries[-1].hash if stream.entries else genesis
        body = entry.body.replace(old, new) if entry.aseq == aseq else entry.body
        stream.entries.append(replace(entry, prev=prev, body=body))
        forged.leaves[log.places[STREAM, entry.aseq]] = stream.entries[-1].leaf
    return forged
