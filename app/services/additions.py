"""How a record is added to an account, whoever made its certificate: named, counted against the quota, stored."""

from dataclasses import dataclass

from app.errors import NameTaken, NotFound
from app.rules import quota
from app.rules.certificate import ParsedCertificate
from app.rules.chain import Chain
from app.services.command import Tx
from app.services.submission import authority
from app.store.rows import AccountRow, CertificateRow
from app.terms import Possession, Service, Status, Usage


@dataclass(frozen=True, slots=True)
class Quota:
    """What an account may hold, and does."""

    limit: int
    used: int

    @classmethod
    def of(cls, account: AccountRow) -> "Quota":
        """The account's."""
        return cls(limit=account.certificate_limit, used=account.certificate_used)

    @property
    def remaining(self) -> int:
        """How many more it may add; never below zero, also where a limit was lowered under what is used."""
        return max(0, self.limit - self.used)


async def require_free_name(tx: Tx, name: str) -> None:
    """Raises NameTaken."""
    if await tx.certificates.with_name(name) is not None:
        raise NameTaken(f"The account already has a certificate named “{name}”: names are unique.", path=("name",))


async def require_place(tx: Tx, name: str) -> AccountRow:
    """The account, where it has neither a record of this name nor as many as it may. Raises NameTaken, QuotaExceeded.

    The count is exact until the transaction ends: it holds the account's stream.
    """
    await require_free_name(tx, name)
    account = await tx.accounts.with_id(tx.account_id)
    if account is None:
        raise NotFound("There is no such account.")
    quota.require_room(used=account.certificate_used, limit=account.certificate_limit)
    return account


async def add(
    tx: Tx,
    *,
    certificate_id: str,
    name: str,
    description: str | None,
    chain: Chain,
    service: Service,
    usage: Usage,
    possession: Possession,
    is_developer: bool = False,
) -> CertificateRow:
    """A new record of this chain, stored. `require_place` was asked before."""
    record = CertificateRow(
        id=certificate_id,
        account_id=tx.account_id,
        version=1,
        name=name,
        description=description,
        status=Status.ACTIVE,
        service=service,
        usage=usage,
        possession=possession,
        fingerprint=chain.trusted_ca.fingerprint,
        subject_key_sha256=authority(chain.trusted_ca),
        chain=tuple(certificate.fingerprint for certificate in chain.certificates),
        search_text=search_text(name, description, chain.trusted_ca),
        expires_at=chain.trusted_ca.not_after,
        created_at=tx.now,
        updated_at=tx.now,
        created_by_type=tx.actor.type.value,
        created_by_id=tx.actor.id,
        created_audit_id=tx.entry_id,
        is_developer=is_developer,
    )
    await tx.certificates.insert(record, [certificate.der for certificate in chain.certificates])
    return record


def search_text(name: str, description: str | None, trusted_ca: ParsedCertificate) -> str:
    """What a search for a text looks through, its case folded."""
    return "\n".join((name, description or "", trusted_ca.subject_text)).casefold()
