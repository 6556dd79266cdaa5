"""`anchorage account …`: what the seed calls "contact us"."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated

import typer

from app.clock import to_text
from app.commands.running import AsJson, Shown, answer, answer_list, known_account, object_id, run
from app.installation import Installation
from app.rules.quota import HIGHEST_LIMIT
from app.services.accounts import CreateAccount, Feature, SetAccountFeature, SetAccountLimit, SetAccountTier
from app.services.command import Command
from app.store import reads, standing, trust_reads
from app.store.rows import AccountRow
from app.store.standing import FindingRow
from app.terms import Tier

commands = typer.Typer(help="Accounts, their tiers and limits.", no_args_is_help=True)

MOST_DIGITS = 9
"""Of a limit; Python reads no number of thousands of them."""

AccountArgument = Annotated[str, typer.Argument(metavar="ID", help="The account's id.")]
Reason = Annotated[str | None, typer.Option(help="Why; it goes into the audit log.")]


class TierName(StrEnum):
    """A tier as the command line spells it."""

    DEVELOPER = "developer"
    COMMERCIAL = "commercial"

    @property
    def tier(self) -> Tier:
        """The tier itself."""
        return Tier[self.name]


class Switch(StrEnum):
    """A feature's state as the command line spells it."""

    ON = "on"
    OFF = "off"


@commands.command("create")
def create(
    name: Annotated[str, typer.Argument(help="1 to 100 characters, unique.")],
    tier: Annotated[TierName, typer.Option(help="developer: 10 certificates; commercial: 50.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Open an account. Prints its id and nothing else."""

    async def action(installation: Installation) -> AccountRow:
        origin = installation.origin("anchorage account create")
        made = CreateAccount(name, tier.tier)
        return (await installation.door.perform(installation.operator(None), made, origin)).value

    account = run(action)
    answer(_shown(account), as_json=as_json, plain=account.id)


@commands.command("set-tier")
def set_tier(
    account: AccountArgument,
    tier: Annotated[TierName, typer.Argument(help="developer or commercial.")],
    *,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Change what an account pays for. What it holds over a lower limit stays; more is refused."""
    _change("anchorage account set-tier", account, as_json, lambda it: SetAccountTier(it, tier.tier, reason))


@commands.command("set-limit")
def set_limit(
    account: AccountArgument,
    limit: Annotated[str, typer.Argument(help=f"0 to {HIGHEST_LIMIT}, or `default` for the tier's own.")],
    *,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Give an account a limit of its own, or its tier's again."""
    if limit != "default" and not (limit.isdecimal() and len(limit) <= MOST_DIGITS):
        raise typer.BadParameter(f"Neither a number up to {HIGHEST_LIMIT} nor `default`.", param_hint="LIMIT")
    figure = None if limit == "default" else int(limit)
    _change("anchorage account set-limit", account, as_json, lambda it: SetAccountLimit(it, figure, reason))


@commands.command("set-feature")
def set_feature(
    account: AccountArgument,
    feature: Annotated[Feature, typer.Argument(help="Which.")],
    switch: Annotated[Switch, typer.Argument(help="on or off.")],
    *,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Switch a feature of an account on or off."""
    enabled = switch is Switch.ON
    _change(
        "anchorage account set-feature", account, as_json, lambda it: SetAccountFeature(it, feature, enabled, reason)
    )


@commands.command("list")
def list_accounts(*, as_json: AsJson = False) -> None:
    """Every account, oldest first."""

    async def action(installation: Installation) -> list[AccountRow]:
        return await reads.accounts(installation.database.reads)

    shown = [_shown(account) for account in run(action)]
    answer_list(shown, as_json=as_json, columns=("id", "name", "tier", "limit", "used", "remaining"))


@commands.command("findings")
def findings(account: AccountArgument, *, as_json: AsJson = False) -> None:
    """What is worth knowing about an account's certificates, newest first, as of the last look."""

    async def action(installation: Installation) -> list[Shown]:
        account_id, connection = await known_account(installation, account), installation.database.reads
        found = await standing.of_account(connection, account_id)
        records = await trust_reads.records(connection, account_id)
        names = {record.id: record.name for record in records}
        return [_finding(row, names) for row in found]

    answer_list(run(action), as_json=as_json, columns=("since", "severity", "code", "certificate", "message"))


def _finding(row: FindingRow, names: Mapping[str, str]) -> Shown:
    finding, related_id = row.standing.finding, row.standing.related_id or None
    return {
        "since": to_text(row.appeared_at),
        "severity": finding.severity.value,
        "code": finding.code.value,
        "certificate": names.get(row.certificate_id),
        "certificate_id": row.certificate_id,
        "message": finding.message,
        "related_certificate_id": related_id,
        "chain_index": finding.index,
        "reference": finding.reference,
    }


def _change(words: str, account: str, as_json: bool, make: Callable[[str], Command[AccountRow]]) -> None:  # noqa: FBT001  # passed on as given
    async def action(installation: Installation) -> AccountRow:
        account_id = object_id(account)
        operator = installation.operator(account_id)
        return (await installation.door.perform(operator, make(account_id), installation.origin(words))).value

    changed = run(action)
    answer(_shown(changed), as_json=as_json, plain=f"{changed.tier.value.lower()} {changed.certificate_limit}")


def _shown(account: AccountRow) -> Shown:
    return {
        "id": account.id,
        "name": account.name,
        "tier": account.tier.value,
        "limit": account.certificate_limit,
        "used": account.certificate_used,
        "remaining": max(0, account.certificate_limit - account.certificate_used),
        "require_possession": account.require_possession,
        "suspend_devices": account.suspend_devices,
        "audit_all_decisions": account.audit_all_decisions,
        "created_at": to_text(account.created_at),
    }
