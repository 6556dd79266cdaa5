"""The file of an export, format `anchorage-audit-export/1`: a header, a line for every entry of a run, and a footer.

Lines end at the byte 0A and nowhere else: canonical JSON leaves U+2028 and the like in texts. The lines of entries are
put together by `app.store.export_lines`. A file without its footer is incomplete.
"""

from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, Self

import orjson

from app.audit.checkpoint import Checkpoint, Note, NoteInvalid
from app.audit.coverage import NOT_AUDITED, UNSIGNED, Gap
from app.audit.states import Json, JsonValue
from app.clock import from_text, to_text

FORMAT = "anchorage-audit-export/1"
HEADER_LIMIT_BYTES = 4_194_304
LINE_LIMIT_BYTES = 1_048_576
"""Longer than any line of an entry, whose body has at most 16 KiB."""

_OPENING = f'{{"format":"{FORMAT}",'.encode()
_WITHHELD = (b'"withheld":"not_selected"}', b'"withheld":"archived"}')
"""How a line without a body ends. A line with one ends with two braces."""


class NotAnExport(ValueError):
    """A file that is no export, or none that can be continued; the message says why."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What is exported: the whole stream, what happened within a half-open interval, or one certificate's entries."""

    start: datetime | None = None
    end: datetime | None = None
    certificate_id: str | None = None

    def as_json(self) -> Json:
        """As it stands in a header."""
        if self.certificate_id is not None:
            return {"kind": "certificate", "id": self.certificate_id}
        if self.start is None and self.end is None:
            return {"kind": "account"}
        return {"kind": "time", "start": _text(self.start), "end": _text(self.end)}

    @classmethod
    def of(cls, told: Json) -> Self:
        """As a header tells it. Raises NotAnExport."""
        match told:
            case {"kind": "account"}:
                return cls()
            case {"kind": "certificate", "id": str(certificate_id)}:
                return cls(certificate_id=certificate_id)
            case {"kind": "time", "start": str() | None as start, "end": str() | None as end}:
                return cls(_instant(start), _instant(end))
            case _:
                raise NotAnExport("Its header names no selection that is known here.")


@dataclass(frozen=True, slots=True)
class Run:
    """Entries of one stream that follow one another, both ends included."""

    stream: str
    first: int
    last: int

    @property
    def entries(self) -> int:
        """How many they are."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Grown:
    """The proof that the tree of the header's checkpoint begins with the smaller tree of `size` leaves."""

    size: int
    hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """What shows that the entries stand in a signed tree. `vkey` is the text of the key that signed `note`."""

    note: str
    vkey: str
    consistency: tuple[Grown, ...] = ()

    @property
    def checkpoint(self) -> Checkpoint:
        """The tree. Raises NoteInvalid."""
        return Checkpoint.parse(Note.parse(self.note).text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The first line of an export, and what every other form of one names beside its rows.

    `proof` is None where nothing was signed yet; the list of what is not audited then says so.
    """

    account_id: str
    account_name: str
    made_at: datetime
    software: str
    selection: Selection
    personal_data: bool
    runs: tuple[Run, ...]
    proof: Proof | None

    @property
    def entries(self) -> int:
        """How many entries the runs hold."""
        return sum(run.entries for run in self.runs)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What the file cannot say."""
        return NOT_AUDITED if self.proof is not None else (*NOT_AUDITED, UNSIGNED)

    def as_json(self) -> Json:
        """The header's fields, in their order."""
        proof = self.proof
        return {
            "format": FORMAT,
            "account": self.account_id,
            "account_name": self.account_name,
            "made_at": to_text(self.made_at),
            "software": self.software,
            "selection": self.selection.as_json(),
            "personal_data": self.personal_data,
            "streams": [{"stream": run.stream, "first": run.first, "last": run.last} for run in self.runs],
            "checkpoint": None if proof is None else proof.note,
            "vkey": None if proof is None else proof.vkey,
            "consistency": [_grown(one) for one in (() if proof is None else proof.consistency)],
            "not_audited": [{"what": gap.what, "why": gap.why} for gap in self.gaps],
        }

    @property
    def line(self) -> bytes:
        """As it stands in the file."""
        return orjson.dumps(self.as_json(), option=orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def parse(cls, line: bytes) -> Self:
        """A header from its line. Raises NotAnExport."""
        told = _object(line, "Its first line is no header")
        if told.get("format") != FORMAT:
            raise NotAnExport(f"Its first line does not name the format {FORMAT}.")
        try:
            return cls(
                account_id=_str(told["account"]),
                account_name=_str(told["account_name"]),
                made_at=from_text(_str(told["made_at"])),
                software=_str(told["software"]),
                selection=Selection.of(told["selection"]),
                personal_data=bool(told["personal_data"]),
                runs=tuple(Run(_str(one["stream"]), _int(one["first"]), _int(one["last"])) for one in told["streams"]),
                proof=_proof(told),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise NotAnExport(f"Its header is not as it must be: {error}") from error


@dataclass(frozen=True, slots=True)
class EntryReceipt:
    """The receipt of one entry, as the text of a `tlog-proof`."""

    stream: str
    aseq: int
    receipt: str


def footer(entries: int, withheld: int, receipts: Iterable[EntryReceipt]) -> bytes:
    """The last line: how many entries there were, how many of them without their body, and each run's last receipt."""
    listed = [{"stream": one.stream, "aseq": one.aseq, "receipt": one.receipt} for one in receipts]
    end = {"entries": entries, "withheld": withheld, "receipts": listed}
    return orjson.dumps({"end": end}, option=orjson.OPT_APPEND_NEWLINE)


@dataclass(slots=True)
class Begun:
    """A file that was begun and not finished: its header, and how far it got. `length` is that of its whole lines."""

    header: Header
    length: int
    entries: int = 0
    withheld: int = 0
    is_ended: bool = False
    last_line: bytes = b""
    _ends: dict[str, int] = field(default_factory=dict)

    def rest(self) -> Iterator[Run]:
        """The entries that are still to come."""
        done = self.entries
        for run in self.header.runs:
            if done < run.entries:
                yield Run(run.stream, run.first + done, run.last)
            done = max(0, done - run.entries)

    def last(self) -> tuple[str, int, bytes] | None:
        """The stream, the number and the hash of the last entry that is there; None before the first.

        Raises NotAnExport.
        """
        if not self.last_line:
            return None
        told = _object(self.last_line, "Its last line is no entry")
        try:
            return _str(told["stream"]), _int(told["aseq"]), bytes.fromhex(_str(told["hash"]))
        except (KeyError, TypeError, ValueError) as error:
            raise NotAnExport(f"Its last line is no entry: {error}") from error


def read_begun(file: BinaryIO) -> Begun | None:
    """What there is of an export, read from the beginning in constant memory. Half a line at its end is left out.

    None where not even the header is whole. Raises NotAnExport.
    """
    first = file.readline(HEADER_LIMIT_BYTES)
    if not first.endswith(b"\n"):
        if first[: len(_OPENING)] != _OPENING[: len(first)]:
            raise NotAnExport(f"It does not begin as the format {FORMAT} does.")
        return None
    begun = Begun(Header.parse(first), len(first))
    while (line := file.readline(LINE_LIMIT_BYTES)).endswith(b"\n"):
        begun.length += len(line)
        if line.startswith(b'{"end":'):
            begun.is_ended = True
            break
        begun.entries += 1
        begun.withheld += line[:-1].endswith(_WITHHELD)
        begun.last_line = line
    if begun.entries > begun.header.entries:
        raise NotAnExport("It holds more entries than its header names.")
    _require_place(begun)
    return begun


def _require_place(begun: Begun) -> None:
    last = begun.last()
    done = begun.entries
    for run in begun.header.runs:
        if last is not None and 0 < done <= run.entries and last[:2] != (run.stream, run.first + done - 1):
            raise NotAnExport("Its lines do not follow one another as its header says.")
        done -= run.entries


def _grown(one: Grown) -> Json:
    return {"size": one.size, "hashes": [b64encode(each).decode() for each in one.hashes]}


def _proof(told: Any) -> Proof | None:  # noqa: ANN401  # what was parsed, before it is looked at
    note, vkey = told["checkpoint"], told["vkey"]
    if note is None and vkey is None:
        return None
    proof = Proof(_str(note), _str(vkey), tuple(Grown(_int(one["size"]), ()) for one in told["consistency"]))
    try:
        proof.checkpoint  # noqa: B018  # whether there is one
    except NoteInvalid as error:
        raise NotAnExport(f"Its checkpoint is none: {error}") from error
    return proof


def _object(line: bytes, otherwise: str) -> Any:  # noqa: ANN401  # as above
    try:
        told: JsonValue = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise NotAnExport(f"{otherwise}: {error}.") from error
    if not isinstance(told, dict):
        raise NotAnExport(f"{otherwise}: it is no object.")
    return told


def _str(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _int(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no whole number")
    return value


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else to_text(instant)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else from_text(text)
