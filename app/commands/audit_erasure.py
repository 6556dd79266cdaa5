"""`anchorage audit erase`: what the log discloses of a subject goes, with the entry that says so."""

from dataclasses import dataclass, field, replace
from typing import Annotated

import typer

from app.actor import Actor, command_line
from app.commands.running import AsJson, answer, object_id, run, stop
from app.installation import Installation
from app.passwords import fresh_password, hash_password
from app.services.erasure import EraseSubject
from app.store import leftovers, removals

LEFT_BEHIND = 3
"""The status of a removal that is done and recorded, while copies are left in the database's files."""

ROUNDS = 3
COMMAND_LINE = command_line(None, None).id

Reason = Annotated[str | None, typer.Option(help="Why; it stands in the log, so it names nobody.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@dataclass(slots=True)
class _Removed:
    """What a command removed so far, and the entries that say so."""

    rows: int = 0
    disclosures: int = 0
    entries: list[str] = field(default_factory=list)
    left: str | None = None


def erase(
    subject: Annotated[
        str, typer.Option(metavar="ID", help="Whose: the id of a person, of a revoked key, or command-line.")
    ],
    *,
    account: Annotated[
        str | None, typer.Option(metavar="ID", help="In this account alone; in all when absent.")
    ] = None,
    reason: Reason = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Erase the names, addresses and agents that the log discloses of a subject. Ends with 3 where copies are left."""
    if not yes:
        typer.confirm(f"Erase what the log discloses of {subject}, for good?", abort=True, err=True)
    password_hash = hash_password(fresh_password())

    async def action(installation: Installation) -> _Removed:
        subject_id = subject if subject == COMMAND_LINE else object_id(subject)
        erasing = EraseSubject(subject_id, password_hash, reason)
        return await _erase(installation, erasing, None if account is None else object_id(account))

    removed = run(action)
    answer(
        {
            "subject": subject,
            "entries": removed.rows,
            "disclosures": removed.disclosures,
            "recorded_by": ", ".join(removed.entries),
            "cleared": removed.left is None,
        },
        as_json=as_json,
        plain=f"erased {removed.disclosures} disclosures of {removed.rows} entries",
    )
    require_cleared(removed.left)


async def _erase(installation: Installation, erasing: EraseSubject, account_id: str | None) -> _Removed:
    removed = _Removed()
    found = await _disclosing(installation, erasing.subject_id, account_id)
    if not found and not await removals.is_erased(installation.database.reads, erasing.subject_id):
        # Refused, and recorded as such.
        found = [account_id]
    for _ in range(ROUNDS):
        for one in found:
            await _erase_from(installation, one, erasing, removed)
        removed.left = await leftovers.clear(installation.settings.store_url)
        # A request that had begun before may have named the subject once more.
        found = await _disclosing(installation, erasing.subject_id, account_id)
        if not found:
            return removed
    removed.left = "The subject is still at work, and every act of theirs is disclosed anew."
    return removed


async def _disclosing(installation: Installation, subject_id: str, account_id: str | None) -> list[str | None]:
    async with installation.database.snapshot() as connection:
        found = await removals.accounts_of_subject(connection, subject_id)
    return [one for one in found if account_id in (None, one)]


async def _erase_from(
    installation: Installation, account_id: str | None, erasing: EraseSubject, removed: _Removed
) -> None:
    operator = _unnamed(installation.operator(account_id), erasing.subject_id)
    more = True
    while more:
        recorded = await installation.door.perform(operator, erasing, installation.origin("anchorage audit erase"))
        removed.rows += recorded.value.entries
        removed.disclosures += recorded.value.disclosures
        removed.entries.append(recorded.entry_id)
        more = recorded.value.more


def _unnamed(operator: Actor, subject_id: str) -> Actor:
    """Whoever erases their own name: the entry that says so would disclose it once more."""
    return replace(operator, name=None) if operator.id == subject_id else operator


def require_cleared(left: str | None) -> None:
    """End the command with status 3 where copies are left, and say why and what to do."""
    if left is not None:
        stop(
            f"Removed and recorded, but copies are left in the database's files. {left} Then run it again.", LEFT_BEHIND
        )
