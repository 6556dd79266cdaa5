"""`anchorage device …`: whether a chain would be let in, and what may be done to devices."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from app.clock import to_text
from app.commands.running import (
    REFUSED,
    AccountId,
    AnsweringCommand,
    AsJson,
    Shown,
    answer,
    answer_list,
    instant,
    known_account,
    object_id,
    run,
)
from app.errors import InvalidInput
from app.installation import Installation
from app.rules import explanation
from app.rules.der import begins_with_two_sequences
from app.services import decisions, history
from app.services.audit_log import ReadAuditLog
from app.services.command import Command
from app.services.decisions import Decided, Presented
from app.services.devices import ResumeDevice, SuspendDevice
from app.services.submission import authority_of
from app.services.trust_states import load
from app.store import device_reads
from app.store.device_reads import DeviceFilter
from app.store.device_rows import DeviceRow
from app.store.paging import Window
from app.terms import ServiceName

commands = typer.Typer(help="Devices, and whether they get in.", no_args_is_help=True)

NOT_ALLOWED = 2
"""As `openssl verify` ends where a chain is not valid."""
_FILE_LIMIT = 1 << 20
_AT_ONCE = 1_000

DeviceId = Annotated[str, typer.Argument(metavar="ID", help="The device's id.")]


class VerifyingCommand(AnsweringCommand):
    """Ends with 1 for words that it does not know, as for everything else by which nothing was decided."""

    usage_status = REFUSED


@commands.command("verify", cls=VerifyingCommand)
def verify(
    file: Annotated[
        str, typer.Argument(help="The chain as PEM, the device's certificate first; `-` is standard input.")
    ],
    account: AccountId,
    service: Annotated[ServiceName, typer.Option(help="At which server.")],
    *,
    at: Annotated[str | None, typer.Option(metavar="INSTANT", help="Decide as of then; now when absent.")] = None,
    endpoint_name: Annotated[str | None, typer.Option(help="The name it connects with.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say whether a device that presents this chain gets in, and why. Ends with 0 if it does, and with 2 if not.

    With 1 where that cannot be said, also for words that are not understood. Nothing is recorded against the device. As
    of then: by the certificates that the account trusted, as its log tells, and by its claims; intermediates that
    devices brought are not in it, and no suspension counts. Looking there is recorded.
    """

    async def action(installation: Installation) -> Decided:
        presented = Presented(_read(file), service.service, endpoint_name)
        account_id, reads = object_id(account), installation.database.reads
        if at is None:
            state = await load(reads, account_id)
            return await decisions.present(reads, state, presented, installation.clock())
        then, looking = instant(at), ReadAuditLog("anchorage device verify --at")
        operator = installation.operator(account_id)
        await installation.door.perform(operator, looking, installation.origin("anchorage device verify"))
        point = await history.point_in_time(reads, account_id, then, now=installation.clock())
        return await decisions.past(reads, point, presented)

    try:
        decided = run(action)
    except typer.Exit:
        # Whatever it was, 2 would say that a device is not let in.
        raise typer.Exit(REFUSED) from None
    told = json.dumps(_as_json(decided), ensure_ascii=False, indent=2) if as_json else "\n".join(_lines(decided))
    sys.stdout.write(f"{told}\n")
    if not decided.decision.is_allowed:
        raise typer.Exit(NOT_ALLOWED)


@commands.command("suspend")
def suspend(
    account: AccountId,
    device: DeviceId,
    category: Annotated[str, typer.Option(help="A word for why, for example `lost`.")],
    *,
    description: Annotated[str | None, typer.Option(help="More about why.")] = None,
    as_json: AsJson = False,
) -> None:
    """Refuse a device until somebody resumes it."""
    after = _changed(account, device, lambda it: SuspendDevice(it, category, description), "anchorage device suspend")
    answer(_shown(after), as_json=as_json, plain=f"suspended {after.id}")


@commands.command("resume")
def resume(
    account: AccountId,
    device: DeviceId,
    *,
    reason: Annotated[str | None, typer.Option(help="Why; it goes into the audit log.")] = None,
    as_json: AsJson = False,
) -> None:
    """Let a suspended device in again, whether it was suspended by itself or with its certificate."""
    after = _changed(account, device, lambda it: ResumeDevice(it, reason), "anchorage device resume")
    answer(_shown(after), as_json=as_json, plain=f"resumed {after.id}")


@commands.command("list")
def list_devices(
    account: AccountId,
    *,
    endpoint_name: Annotated[str | None, typer.Option(help="Only the one of exactly this name.")] = None,
    certificate: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Only those that last came with this certificate, PEM or DER, or with another of its subject and key;"
            " `-` is standard input.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """An account's devices, by endpoint name."""

    async def action(installation: Installation) -> list[DeviceRow]:
        account_id, connection = await known_account(installation, account), installation.database.reads
        key_sha256 = None if certificate is None else authority_of(_read(certificate))
        wanted = DeviceFilter(endpoint_name=endpoint_name, key_sha256=key_sha256)
        found: list[DeviceRow] = []
        window, is_more = Window(_AT_ONCE), True
        while is_more:
            page = await device_reads.devices_page(connection, account_id, wanted, window)
            found += page.rows
            is_more = page.has_next
            window = Window(_AT_ONCE, after=(found[-1].endpoint_name, found[-1].id) if found else None)
        return found

    shown = [_shown(device) for device in run(action)]
    answer_list(shown, as_json=as_json, columns=("id", "endpoint_name", "status", "last_seen_at", "suspended"))


def _changed(account: str, device: str, change: Callable[[str], Command[str]], operation: str) -> DeviceRow:
    """The device as it is after a change."""

    async def action(installation: Installation) -> DeviceRow:
        command, account_id = change(object_id(device, told_by="device list")), object_id(account)
        origin = installation.origin(operation)
        device_id = (await installation.door.perform(installation.operator(account_id), command, origin)).value
        return (await device_reads.devices(installation.database.reads, account_id, [device_id]))[device_id]

    return run(action)


def _read(file: str) -> str | bytes:
    try:
        with sys.stdin.buffer if file == "-" else Path(file).open("rb") as source:
            data = source.read(_FILE_LIMIT)
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}.") from None
    return data if begins_with_two_sequences(data) else data.decode("utf-8", "replace")


def _lines(decided: Decided) -> Iterator[str]:
    decision = decided.decision
    yield f"{'ALLOWED' if decision.is_allowed else 'DENIED'} {decision.reason.value}: {decision.explanation}"
    for path in explanation.paths(decision, decided.store):
        yield f"  {'valid' if path.is_valid else 'broken'} path"
        for step in path.steps:
            yield f"    {step.place.value.lower():12} {step.certificate.subject_text}"
            for check in step.checks:
                if not check.passed:
                    yield f"    {'':12} {check.kind.value}: {check.detail}"


def _as_json(decided: Decided) -> dict[str, object]:
    decision = decided.decision
    return {
        "outcome": "ALLOWED" if decision.is_allowed else "DENIED",
        "reason": decision.reason.value,
        "explanation": decision.explanation,
        "evaluated_at": to_text(decision.question.at),
        "certificates": [{"id": record.id, "name": record.name} for record in decision.records],
        "paths": [
            {
                "valid": path.is_valid,
                "steps": [
                    {
                        "role": step.place.value,
                        "subject": step.certificate.subject_text,
                        "fingerprint": step.certificate.fingerprint.hex(),
                        "checks": [
                            {
                                "kind": check.kind.value,
                                "passed": check.passed,
                                "detail": check.detail,
                                "reference": check.reference,
                            }
                            for check in step.checks
                        ],
                    }
                    for step in path.steps
                ],
            }
            for path in explanation.paths(decision, decided.store)
        ],
    }


def _shown(device: DeviceRow) -> Shown:
    return {
        "id": device.id,
        "endpoint_name": device.endpoint_name,
        "status": device.status.value,
        "last_seen_at": None if device.last_seen_at is None else to_text(device.last_seen_at),
        "suspended": device.suspended_category if device.record_suspended_at is None else "with its certificate",
    }
