"""`anchorage audit …` for the log as a whole, from outside: a mirror of it, a check of it, and a watch over it."""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer

from app.audit.checkpoint import NoteInvalid, VerifierKey
from app.audit.receipts import TreeDamaged
from app.audit.stored import Findings, Verdict, verdict_of
from app.audit.verify_public import (
    Broken,
    Fetch,
    PublicLog,
    Unanswered,
    read_key,
    read_log,
    require_continues,
    verify_public,
)
from app.audit.verify_tree import Trusted, trusted_from
from app.commands.log_files import log_files
from app.commands.output import Bar
from app.commands.running import REFUSED, AsJson, run, say, stop
from app.commands.watched import UnusableState, Watched
from app.http_client import BadAddress
from app.installation import Installation
from app.services.log_mirror import Mirrored, MirrorLog, MirrorRefused, write_mirror

TAMPERED, UNDECIDABLE, USAGE = 1, 2, 64
EXIT = {Verdict.VERIFIED: 0, Verdict.TAMPERED: TAMPERED, Verdict.UNDECIDABLE: UNDECIDABLE}

T = TypeVar("T")
Shown = Mapping[str, object]

LogAddress = Annotated[str, typer.Option("--url", metavar="URL", help="The log: https://host, or a directory.")]
PublicAddress = Annotated[
    str | None,
    typer.Option("--url", metavar="URL", help="Check a log as anyone can: https://host, or a mirror."),
]
Kept = Annotated[
    list[Path] | None,
    typer.Option("--trusted-checkpoint", metavar="FILE", help="A checkpoint that was kept, which it must continue."),
]
Key = Annotated[str | None, typer.Option(metavar="VKEY", help="The key that must have signed, as /log/vkey shows it.")]


def export_static(directory: Path, *, in_json: bool) -> None:
    """Bring a directory to the newest checkpoint, as files that any file server serves. Recorded before it begins."""

    async def action(installation: Installation) -> Mirrored:
        origin = installation.origin("anchorage audit export --static")
        await installation.door.perform(installation.operator(None), MirrorLog(), origin)
        async with installation.database.snapshot() as connection:
            with closing(Bar("Copying")) as bar:
                return await write_mirror(connection, directory, bar.show)

    try:
        mirrored = run(action)
    except (MirrorRefused, TreeDamaged) as refused:
        stop(str(refused), REFUSED)
    shown = {
        "origin": mirrored.origin,
        "size": mirrored.size,
        "sizeBefore": mirrored.size_before,
        "files": mirrored.files,
    }
    if in_json:
        _print(shown)
        return
    say.print(
        f"{directory} holds {mirrored.size} entries of {mirrored.origin} ({mirrored.size_before} before).", markup=False
    )


def trusted_checkpoint(path: Path) -> Trusted:
    """A checkpoint that was kept in a file, or the end of the command."""
    try:
        return trusted_from(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError, NoteInvalid) as error:
        stop(f"--trusted-checkpoint {path}: {error}", USAGE)


def verify_public_log(url: str, kept: Sequence[Trusted], vkey: str | None, *, in_json: bool) -> NoReturn:
    """Check a log as anyone can. Ends with 0 verified, 1 tampering, 2 undecidable, 64 usage."""
    given = _given_key(vkey)
    findings = Findings()

    async def checked(fetch: Fetch) -> PublicLog:
        log = await read_log(fetch, given or await read_key(fetch))
        with closing(Bar("Verifying")) as bar:
            await verify_public(fetch, log, kept, findings, bar.show)
        return log

    try:
        log = _with_files(url, checked)
    except Broken as broken:
        _end(TAMPERED, str(broken), {"code": broken.code.value}, in_json=in_json)
    except Unanswered as unanswered:
        _end(UNDECIDABLE, f"The log cannot be verified: {unanswered}", {}, in_json=in_json)
    verdict = verdict_of(findings.counts)
    if in_json:
        _print(_as_json(log, findings))
    else:
        for finding in findings.kept:
            say.print(f"{finding.code}  {finding.message}", style="red", markup=False)
        if given is None:
            say.print(f"The key is the one that the log itself names; insist on it with --vkey '{log.key}'.")
        sys.stdout.write(f"{verdict.value}: {log.checkpoint.size} entries of {log.checkpoint.origin}\n")
    raise typer.Exit(EXIT[verdict])


def watch(
    url: LogAddress,
    state: Annotated[Path, typer.Option(metavar="FILE", help="What was seen last; made at the first look.")],
    *,
    vkey: Key = None,
    in_json: AsJson = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say so where all is well, too.")] = False,
) -> None:
    """See whether a log only grew since the last look. Ends with 0 it did, 1 it did not, 2 cannot tell, 64 usage."""
    try:
        before, log = _looked(url, Watched(state), _given_key(vkey))
    except Broken as broken:
        _end(TAMPERED, str(broken), {"code": broken.code.value}, in_json=in_json)
    except (Unanswered, UnusableState) as unanswered:
        _end(UNDECIDABLE, str(unanswered), {}, in_json=in_json)
    newest, size_before = log.checkpoint, None if before is None else before.checkpoint.size
    if in_json:
        seen = {"origin": newest.origin, "size": newest.size, "root": newest.root.hex(), "sizeBefore": size_before}
        _print({"verdict": Verdict.VERIFIED.value, **seen})
    elif verbose:
        then = f"the first look, which trusts the key {log.key}" if before is None else f"it had {size_before}"
        sys.stdout.write(f"{newest.size} entries of {newest.origin}; {then}.\n")


def _looked(url: str, place: Watched, given: VerifierKey | None) -> tuple[PublicLog | None, PublicLog]:
    """The log as it was at the last look, and as it is, which continues that; the end for words that contradict."""
    before = place.read()
    if before is not None and given not in (None, before.key):
        stop(f"{place.path} is about the key {before.key}; --vkey names another.", USAGE)

    async def look(fetch: Fetch) -> PublicLog:
        if before is None:
            return await read_log(fetch, given or await read_key(fetch))
        log = await read_log(fetch, before.key)
        try:
            await require_continues(fetch, before.checkpoint, log.checkpoint)
        except Broken as broken:
            raise Broken(broken.code, f"{broken} {place.keep_evidence(log)}") from broken
        return log

    log = _with_files(url, look)
    if before is None or log.checkpoint != before.checkpoint:
        place.write(log)
    return before, log


def _as_json(log: PublicLog, findings: Findings) -> Shown:
    return {
        "verdict": verdict_of(findings.counts).value,
        "origin": log.checkpoint.origin,
        "size": log.checkpoint.size,
        "root": log.checkpoint.root.hex(),
        "vkey": str(log.key),
        "counts": {code.value: count for code, count in sorted(findings.counts.items())},
        "findings": [{"code": finding.code.value, "message": finding.message} for finding in findings.kept],
    }


def _with_files(url: str, work: Callable[[Fetch], Coroutine[None, None, T]]) -> T:
    async def whole() -> T:
        async with log_files(url) as fetch:
            return await work(fetch)

    try:
        return asyncio.run(whole())
    except BadAddress as bad:
        stop(str(bad), USAGE)


def _given_key(vkey: str | None) -> VerifierKey | None:
    try:
        return None if vkey is None else VerifierKey.parse(vkey)
    except NoteInvalid as invalid:
        stop(f"--vkey: {invalid}", USAGE)


def _end(status: int, sentence: str, more: Shown, *, in_json: bool) -> NoReturn:
    if not in_json:
        stop(sentence, status)
    verdict = next(verdict for verdict, number in EXIT.items() if number == status)
    _print({"verdict": verdict.value, **more, "message": sentence})
    raise typer.Exit(status)


def _print(shown: Shown) -> None:
    sys.stdout.write(f"{json.dumps(shown, ensure_ascii=False)}\n")
