"""What can be said about a record, or about an upload that was not made yet, without changing anything."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.errors import CertificateRejected
from app.findings import Finding, Severity
from app.rules.chain import Chain
from app.rules.lifecycle import initial_possession
from app.rules.standing import NOBODY, OF_THE_ACCOUNT, same_key_as
from app.rules.upload import require_service, standing_findings
from app.services.additions import Quota
from app.services.submission import Submission, authority
from app.store import reads
from app.store.connection import Connection
from app.store.rows import AccountRow, CertificateRow
from app.store.standing import FindingRow
from app.terms import Possession, Service, Usage


@dataclass(frozen=True, slots=True)
class Noticed:
    """A finding, the other record that it is about, if it is about one, and since when it is known to stand."""

    finding: Finding
    related: CertificateRow | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What an upload would do. `chain` is None where the certificates make none."""

    is_acceptable: bool
    chain: Chain | None
    noticed: tuple[Noticed, ...]
    duplicate_of: CertificateRow | None
    possession: Possession
    quota: Quota


def standing(chain: Chain, relatives: Iterable[CertificateRow], *, at: datetime) -> tuple[Noticed, ...]:
    """What is to be noticed at `at` about a record of this chain, errors first.

    `relatives` are the account's records of the same CA; the record itself may be among them.
    """
    found = [Noticed(finding) for finding in standing_findings(chain, at=at)]
    return (*found, *_same_key(chain, relatives))


def recorded(
    noticed: Iterable[Noticed], stored: Sequence[FindingRow], related: Mapping[str, CertificateRow]
) -> tuple[Noticed, ...]:
    """What is noticed about a record, each finding with since when it stands, and what only a look can find.

    `related` holds the other records that this is about, by their ids.
    """
    since = {row.standing.key: row.appeared_at for row in stored}
    known = (
        replace(each, since=since.get((each.finding.code, NOBODY if each.related is None else each.related.id)))
        for each in noticed
    )
    looked_for = (
        Noticed(row.standing.finding, related.get(row.standing.related_id), row.appeared_at)
        for row in stored
        if row.standing.finding.code in OF_THE_ACCOUNT
    )
    return (*known, *looked_for)


async def preview(
    connection: Connection, account: AccountRow, submission: Submission, usage: Usage, service: Service | None
) -> Preview:
    """What an upload into this account would do now. Without a service, it is the one that the usage implies."""
    chain = submission.examination.chain
    service = service or usual_service(usage)
    relatives: Sequence[CertificateRow] = ()
    if chain is not None:
        relatives = await reads.certificates_of_authority(connection, account.id, [authority(chain.trusted_ca)])
    duplicate = _duplicate(chain, relatives, service)
    quota = Quota.of(account)
    findings = [*submission.examination.findings, *_service_findings(usage, service)]
    noticed = [Noticed(finding) for finding in findings]
    noticed.sort(key=lambda each: each.finding.severity is Severity.WARNING)
    has_errors = any(finding.severity is Severity.ERROR for finding in findings)
    return Preview(
        is_acceptable=chain is not None and not has_errors and duplicate is None and quota.remaining > 0,
        chain=chain,
        noticed=(*noticed, *_same_key(chain, relatives)),
        duplicate_of=duplicate,
        possession=initial_possession(usage, require_possession=account.require_possession),
        quota=quota,
    )


def usual_service(usage: Usage) -> Service:
    """The service that a usage implies: a third party's CA issues LwM2M certificates, the others serve bootstrap."""
    return Service.LWM2M if usage is Usage.THIRD_PARTY_CA else Service.BOOTSTRAP


def _service_findings(usage: Usage, service: Service) -> tuple[Finding, ...]:
    try:
        require_service(usage, service)
    except CertificateRejected as rejected:
        return rejected.findings
    return ()


def _duplicate(chain: Chain | None, relatives: Iterable[CertificateRow], service: Service) -> CertificateRow | None:
    for record in relatives:
        if chain is not None and record.fingerprint == chain.trusted_ca.fingerprint and record.service is service:
            return record
    return None


def _same_key(chain: Chain | None, relatives: Iterable[CertificateRow]) -> Iterable[Noticed]:
    for record in relatives:
        if chain is not None and record.fingerprint != chain.trusted_ca.fingerprint:
            yield Noticed(same_key_as(record.name), record)
