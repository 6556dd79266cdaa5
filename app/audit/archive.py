"""An archive file: the entries of a month, each a line of evidence, as an export writes them (`app.audit.export`)."""

import hashlib

import orjson

from app.audit.entry import entry_hash
from app.audit.stored import StoredEntry

_BODY = b',"body":'


class ArchiveInvalid(Exception):
    """A line of the file is not the entry that it says it is."""


def entry_of(line: bytes) -> bytes:
    """The hash of the entry on a line, computed from its body's bytes and its place.

    Raises ArchiveInvalid where the line's own hash is another.
    """
    beside, _, body = line.removesuffix(b"\n").partition(_BODY)
    try:
        told = orjson.loads(beside + b"}")
        place = str(told["stream"]), int(told["aseq"]), bytes.fromhex(told["prev"])
        told_hash = bytes.fromhex(told["hash"])
    except (ValueError, KeyError, TypeError) as error:
        raise ArchiveInvalid("A line of the archive cannot be read.") from error
    computed = entry_hash(*place, hashlib.sha256(body.removesuffix(b"}")).digest())
    if computed != told_hash:
        raise ArchiveInvalid(f"Entry {place[1]} of {place[0]} does not stand in the archive as it was hashed.")
    return computed


def line_of(entry: StoredEntry) -> bytes:
    """An entry as primary evidence, on a line of its own, as in an export.

    The body's exact bytes come last, so that they can be cut out as they are: all between the first `"body":` and the
    line's last brace. Lines are split at the byte 0A alone: canonical JSON leaves U+2028 and the like in texts.
    """
    beside = orjson.dumps(
        {
            "stream": entry.stream,
            "aseq": entry.aseq,
            "prev": entry.prev.hex(),
            "hash": entry.hash.hex(),
            "disclosures": {subject: joined.split("~") for subject, joined in sorted(entry.disclosures.items())},
        }
    )
    return b'%s,"body":%s}\n' % (beside[:-1], entry.body or b"null")
