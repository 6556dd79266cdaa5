"""`anchorage gateway remember` beside a server, for terminators that hand on the device's certificate alone."""

import os
from pathlib import Path

from app.rules import pem
from app.settings import PREFIX
from app.terms import ClientCertForm
from tests.commands.running import Said, anchorage
from tests.fleet import Device, fleet
from tests.rules.authority import Made
from tests.transport.gateway.conftest import Site

ALONE = Device(fleet().d2.made)
"""D2 without S, which its issuer I has signed."""


async def remember(site: Site, folder: Path, made: Made) -> Said:
    (folder / "intermediates.pem").write_text(pem.encode([made.der]))
    settings = site.server.installation.settings
    values = {f"{PREFIX}DATABASE_URL": settings.store_url, f"{PREFIX}DATA_DIR": str(settings.data_dir)}
    words = ["gateway", "remember", str(folder / "intermediates.pem"), "--account", site.account_id]
    return await anchorage(os.environ | values, *words)


async def asked(site: Site) -> tuple[int, str]:
    answer = await site.ask(ALONE, form=ClientCertForm.PEM)
    return answer.status_code, answer.headers["x-trust-reason"]


async def test_a_device_that_is_presented_alone_comes_in_from_then_on(trusting: Site, tmp_path: Path) -> None:
    assert await asked(trusting) == (403, "NO_TRUST_PATH")

    said = await remember(trusting, tmp_path, fleet().sub)

    assert said.word == fleet().sub.parsed.fingerprint.hex()
    assert await asked(trusting) == (200, "TRUSTED")


async def test_a_ca_that_no_trusted_one_stands_above_is_refused_and_admits_nobody(
    trusting: Site, tmp_path: Path
) -> None:
    assert (await remember(trusting, tmp_path, fleet().sibling)).refused == "CERTIFICATE_REJECTED"

    answer = await trusting.ask(Device(fleet().dj.made), form=ClientCertForm.PEM)
    assert (answer.status_code, answer.headers["x-trust-reason"]) == (403, "NO_TRUST_PATH")
