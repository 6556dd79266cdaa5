"""Developer certificates: made by the service with their private keys, for the test devices of an account."""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from app.actor import Scope
from app.audit.events import DeveloperCertificateCreated
from app.audit.states import Json, Target
from app.errors import NotFound, SecretsUnavailable
from app.ids import new_id
from app.rules import chain as chains
from app.rules import developer_certificate, text
from app.rules.credentials_file import Servers, c_source
from app.services import state_fields, states
from app.services.additions import add, require_place
from app.services.door import Done, Tx
from app.services.secrets_key import SETTING, SecretsKey, UnusableSecretsKey, secrets_key
from app.store import developer_keys
from app.store.connection import Connection
from app.store.rows import CertificateRow
from app.terms import Possession, Service, Usage

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeveloperKey:
    """A private key as PKCS #8 in DER."""

    der: bytes = field(repr=False)

    @property
    def pem(self) -> str:
        """The same as PEM."""
        key = load_der_private_key(self.der, password=None)
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")


@dataclass(frozen=True, slots=True)
class NewDeveloperCertificate:
    """A record, and what its device needs, which is shown this once: None when the request was a repetition."""

    row: CertificateRow
    credentials: "Credentials | None"

    def credentials_file(self, servers: Servers) -> str | None:
        """The C source with which a device's program presents the certificate to these servers."""
        if self.credentials is None:
            return None
        return c_source(
            account_id=self.row.account_id,
            certificate_id=self.row.id,
            certificate=self.credentials.certificate,
            key=self.credentials.key.der,
            servers=servers,
        )


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a device presents: its certificate in DER, and the key that belongs to it."""

    certificate: bytes
    key: DeveloperKey


@dataclass(frozen=True, slots=True)
class CreateDeveloperCertificate:
    """Make a certificate and its key, and trust the certificate for bootstrap.

    The key is stored encrypted under the key in `secrets_file`, which is made where nothing is encrypted yet.
    """

    action: ClassVar[str] = DeveloperCertificateCreated.kind
    scope: ClassVar[Scope] = Scope.CERTIFICATES_WRITE
    name: str
    description: str | None
    secrets_file: Path
    reason: None = None

    @property
    def target(self) -> Target:
        """A record that is not there yet."""
        return Target("certificate", None, text.quotable_name(self.name))

    @property
    def identity(self) -> Json:
        """The request; the certificate is ours and not part of it."""
        return {"name": self.name, "description": self.description}

    async def __call__(self, tx: Tx) -> Done[NewDeveloperCertificate]:
        """Refuse as an upload does: the words, what is there, the room. The service holds the key: that is proven."""
        name = text.require_name(self.name)
        description = text.require_description(self.description)
        await require_place(tx, name)
        secrets = await _secrets_key(tx.transaction, self.secrets_file)
        certificate_id = new_id(tx.now)
        made = _made(tx, certificate_id)
        record = await add(
            tx,
            certificate_id=certificate_id,
            name=name,
            description=description,
            chain=chains.stored((made.certificate,)),
            service=Service.BOOTSTRAP,
            usage=Usage.CREDENTIALS,
            possession=Possession.PROVEN,
            is_developer=True,
        )
        await tx.developer_keys.insert(record.id, secrets.seal(made.key.der, _owner(tx.account_id, record.id)))
        event = DeveloperCertificateCreated(states.certificate_state(record))
        return Done(NewDeveloperCertificate(record, made), event)

    def recall(self, change: Json, account_id: str) -> NewDeveloperCertificate:
        """The record as it was made; its key was shown once."""
        return NewDeveloperCertificate(states.certificate_row(state_fields.after(change), account_id), None)


async def developer_key(
    connection: Connection, secrets_file: Path, account_id: str, certificate_id: str
) -> DeveloperKey:
    """The private key of the account's developer certificate.

    Raises NotFound where the account has no such certificate, and SecretsUnavailable.
    """
    sealed = await developer_keys.developer_key(connection, account_id, certificate_id)
    if sealed is None:
        raise NotFound("The account has no developer certificate of this id.", path=("id",))
    secrets = await _secrets_key(connection, secrets_file)
    try:
        return DeveloperKey(secrets.open(sealed, _owner(account_id, certificate_id)))
    except UnusableSecretsKey as unusable:
        raise _unavailable(unusable) from unusable


def _made(tx: Tx, certificate_id: str) -> Credentials:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = developer_certificate.self_signed(
        key,
        account_id=tx.account_id,
        certificate_id=certificate_id,
        serial=x509.random_serial_number(),
        at=tx.now,
    )
    return Credentials(certificate, DeveloperKey(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())))


def _owner(account_id: str, certificate_id: str) -> bytes:
    """Whose key it is: authenticated with the ciphertext. Ids are of one length, and so cannot run together."""
    return f"developer key\n{account_id}\n{certificate_id}".encode("ascii")


async def _secrets_key(connection: Connection, path: Path) -> SecretsKey:
    try:
        return await secrets_key(connection, path)
    except UnusableSecretsKey as unusable:
        raise _unavailable(unusable) from unusable


def _unavailable(unusable: UnusableSecretsKey) -> SecretsUnavailable:
    # A customer has no business with the operator's paths: the operator finds them here.
    _log.error("private keys can be neither kept nor shown: %s", unusable)
    return SecretsUnavailable(
        "The service can neither keep nor show private keys now: its operator finds the reason in the server's log,"
        f" and has to see to the file of {SETTING}."
    )
