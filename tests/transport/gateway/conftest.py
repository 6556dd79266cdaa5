"""A real server with an account that trusts the fleet's CA, and gateways of every form."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from app.actor import Actor, Role, command_line
from app.clock import system_clock
from app.ids import new_id
from app.rules.credential import Credential
from app.services.certificates import SetCertificateStatus, UploadCertificate
from app.services.command import Command, T
from app.services.keys import CreateApiKey
from app.services.submission import Submission
from app.store.rows import CertificateRow
from app.terms import ClientCertForm, Service, Status, Usage
from tests.checks import check_log
from tests.fleet import Device, fleet, handed_on
from tests.transport.http.running import Running, make_account, serving, settings_for


@dataclass(frozen=True, slots=True)
class Site:
    """An account with its gateways, at a server that listens."""

    server: Running
    account_id: str
    keys: dict[ClientCertForm, str]

    @property
    def operator(self) -> Actor:
        """Who does what is asked of the account."""
        return command_line(self.account_id, None)

    async def perform(self, command: Command[T]) -> T:
        """Do something in the account."""
        installation = self.server.installation
        return (await installation.door.perform(self.operator, command, installation.origin("test"))).value

    async def upload(
        self, source: str, *, service: Service = Service.BOOTSTRAP, usage: Usage = Usage.THIRD_PARTY_CA, name: str = "I"
    ) -> CertificateRow:
        """A record that admits at once."""
        usage = Usage.ENROLLMENT if service is Service.BOOTSTRAP and usage is Usage.THIRD_PARTY_CA else usage
        submission = Submission.of(source, at=system_clock())
        return await self.perform(UploadCertificate(name, None, submission, usage, service))

    async def set_status(self, record: CertificateRow, status: Status) -> None:
        """Blacklist or enable a record."""
        await self.perform(SetCertificateStatus(record.id, status))

    async def key(self, form: ClientCertForm = ClientCertForm.RFC9440, role: Role = Role.GATEWAY) -> str:
        """A key of the account."""
        made = Credential(key_id=new_id(system_clock()), secret=secrets.token_bytes(32))
        form_of = form if role is Role.GATEWAY else None
        await self.perform(CreateApiKey(f"{role.value} {form.value} {made.key_id}", role, made, client_cert=form_of))
        return made.text

    async def ask(
        self,
        device: Device | None,
        *,
        form: ClientCertForm = ClientCertForm.RFC9440,
        service: str = "lwm2m",
        key: str | None = None,
        **headers: str,
    ) -> httpx.Response:
        """What the server answers a gateway about a device; None stands for no certificate."""
        sent = {"authorization": f"Bearer {key or self.keys[form]}"}
        sent |= {} if device is None else handed_on(form, device.chain)
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.server.client.get("/gateway/authorize", params={"service": service}, headers=sent)

    async def fetch(self, form: str = "pem", **headers: str) -> httpx.Response:
        """The answer to who asks for the bundle of LwM2M."""
        sent = self._own() | {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.server.client.get(
            "/gateway/bundle", params={"service": "lwm2m", "format": form}, headers=sent
        )

    async def applied(self, version: int) -> httpx.Response:
        """The answer to who says that a version of it is applied."""
        return await self.server.client.post(
            "/gateway/applied", params={"service": "lwm2m", "version": str(version)}, headers=self._own()
        )

    def _own(self) -> dict[str, str]:
        return {"authorization": f"Bearer {next(iter(self.keys.values()))}"}


@pytest.fixture
async def server(migrated_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    """A server whose log tells its state at the end."""
    async with serving(settings_for(migrated_url, tmp_path)) as running:
        yield running
        await running.parts.gateways.flush(everything=True)
        await check_log(running.installation.database)


@pytest.fixture
async def site(server: Running) -> Site:
    """The account of the fleet, which trusts nothing yet."""
    site = Site(server, await make_account(server.installation, "fleet"), {})
    for form in ClientCertForm:
        site.keys[form] = await site.key(form)
    return site


@pytest.fixture
async def trusting(site: Site) -> Site:
    """The same, with I trusted for LwM2M."""
    await site.upload(fleet().upload, service=Service.LWM2M)
    return site
