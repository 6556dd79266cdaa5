"""How a command runs: on an open installation, with errors as sentences, and results for people or for programs."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from typer._click.exceptions import UsageError  # the framework has no public name for it
from typer.core import TyperCommand

from app import settings
from app.errors import InvalidInput, NotFound, Refusal
from app.ids import is_id
from app.installation import Installation, opened
from app.services.witnesses import named_witnesses
from app.settings import BadSetting, Settings
from app.store import reads
from app.store.connection import CannotOpen
from app.store.database import Role
from app.store.schema import SchemaMismatch, pending

T = TypeVar("T")
Shown = Mapping[str, str | int | bool | None]

WIDEST = 1_000
REFUSED = 1
UNUSABLE = 2
USAGE = 64

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]
AccountId = Annotated[str, typer.Option("--account", metavar="ID", help="The account's id.")]

say = Console(stderr=True, highlight=False, soft_wrap=True)
"""For people: standard error, so that standard output holds the result and nothing else."""


class AnsweringCommand(TyperCommand):
    """Ends with 64 for words that it does not know: smaller numbers are answers."""

    usage_status: ClassVar[int] = USAGE

    def make_context(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # the framework's own signature
        """See the framework."""
        try:
            return super().make_context(*args, **kwargs)
        except UsageError as error:
            error.exit_code = self.usage_status
            raise


def load_settings() -> Settings:
    """The settings, or the end of the command with a sentence that names the bad one."""
    try:
        loaded = settings.load()
        named_witnesses(loaded)
    except BadSetting as bad:
        stop(str(bad), UNUSABLE)
    return loaded


def run(action: Callable[[Installation], Awaitable[T]]) -> T:
    """Run an action on the installation of the settings, beside a server where there is one."""
    current = load_settings()

    async def whole() -> T:
        async with opened(current, role=Role.BESIDE) as installation:
            behind = await pending(installation.database)
            if behind:
                raise CannotOpen("The database is not at this program's version: run `anchorage migrate` first.")
            return await action(installation)

    return guarded(whole())


def guarded(work: Awaitable[T]) -> T:
    """The outcome of some work; a refusal ends the command with its code, its sentence and status 1.

    What cannot be opened, or does not fit this program, ends it with status 2.
    """

    async def awaited() -> T:
        return await work

    try:
        return asyncio.run(awaited())
    except (CannotOpen, SchemaMismatch, OSError) as error:
        stop(str(error), UNUSABLE)
    except Refusal as refusal:
        stop(f"{refusal.code}: {refusal.message}", REFUSED)


def stop(message: str, status: int) -> NoReturn:
    """End the command with a sentence for people and a status for programs."""
    say.print(message, style="red", markup=False)
    raise typer.Exit(status)


def answer(result: Shown, *, as_json: bool, plain: str) -> None:
    """One object: as JSON, or the one word of it that a script wants, alone on its line."""
    sys.stdout.write(f"{json.dumps(result, ensure_ascii=False) if as_json else plain}\n")


def answer_list(results: Sequence[Shown], *, as_json: bool, columns: Sequence[str]) -> None:
    """Several objects: as a JSON array, or as a table."""
    if as_json:
        sys.stdout.write(f"{json.dumps(results, ensure_ascii=False, indent=2)}\n")
        return
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " ").upper())
    for result in results:
        table.add_row(*(_cell(result[column]) for column in columns))
    # As wide as its content: an id that is cut off, for a narrow terminal or a pipe, is no id.
    Console(highlight=False, soft_wrap=True, width=WIDEST).print(table)


async def known_account(installation: Installation, text: str) -> str:
    """The id of an account that there is. Raises InvalidInput and NotFound."""
    account_id = object_id(text)
    if await reads.account(installation.database.reads, account_id) is None:
        raise NotFound("There is no account of this id.")
    return account_id


def object_id(text: str, *, told_by: str = "account list") -> str:
    """An id as the commands print it, `told_by` among them; the API's spelling (`acc_…`, `key_…`) is taken as well.

    Raises InvalidInput.
    """
    bare = text.partition("_")[2] if "_" in text else text
    if not is_id(bare):
        raise InvalidInput(f"{text!r} is no id: an id has 32 hexadecimal digits, as `anchorage {told_by}` shows.")
    return bare


def instant(text: str) -> datetime:
    """An instant from ISO 8601 text; a date alone is its first instant, and no zone means UTC.

    Raises InvalidInput.
    """
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(f"{text!r} is no instant: write 2027-01-31 or 2027-01-31T12:00:00Z.") from None


def _cell(value: str | int | bool | None) -> str:  # noqa: FBT001  # a cell is shown, not obeyed
    if value is None:
        return "-"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
