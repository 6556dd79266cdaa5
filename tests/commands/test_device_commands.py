"""`anchorage device …`: verifying chains as `openssl verify` does, and what is done to devices.

The chains are valid now: the command line looks at the real clock.
"""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from app.clock import system_clock
from app.rules import pem
from app.services.certificates import UploadCertificate
from app.services.submission import Submission
from app.store.database import Role, open_database
from app.terms import Service, Tier, Usage
from tests.checks import check_log
from tests.commands.running import Said, anchorage
from tests.connecting import Gateway, device
from tests.fleet import fleet
from tests.house import House, actor_of
from tests.rules.authority import make

# What differs between the engines lies below, and is tested there on both.
pytestmark = pytest.mark.once


@dataclass
class Operator:
    """Whoever has a shell, with an account that trusts the fleet's CA, and a device of it."""

    environment: dict[str, str]
    url: str
    account: str
    device: str
    folder: Path

    async def __call__(self, *words: str, typed: str = "") -> Said:
        """Run `anchorage device` with these words, on the account."""
        word, *more = words
        return await anchorage(self.environment, "device", word, "--account", self.account, *more, typed=typed)

    def file(self, *ders: bytes, text: str = "") -> str:
        """A file of this chain."""
        path = self.folder / "chain.pem"
        path.write_text(pem_of(*ders) + text, encoding="utf-8")
        return str(path)

    async def last_entries(self, count: int) -> list[tuple[str, str]]:
        """The newest entries of the account, oldest first; the log is checked on the way."""
        database = open_database(self.url, role=Role.BESIDE)
        await database.start()
        try:
            await check_log(database)
            log = await House(database).log_of(self.account)
        finally:
            await database.close()
        return [(entry.action, entry.result) for entry in log[-count:]]


def pem_of(*ders: bytes) -> str:
    """A chain as text."""
    return pem.encode(ders)


@pytest.fixture
async def operator(migrated_url: str, tmp_path: Path) -> Operator:
    """An operator of an installation with a device in it, which nobody serves now."""
    database = open_database(migrated_url)
    await database.start()
    house = House(database)
    house.clock.now = system_clock()
    account = await house.account(Tier.COMMERCIAL, "fleet")
    submission = Submission.of(fleet().upload, at=house.clock())
    upload = UploadCertificate("I", None, submission, Usage.ENROLLMENT, Service.BOOTSTRAP)
    await house.perform(actor_of(account), upload)
    gateway = Gateway(house, account.id)
    came_in = await gateway.let_in(fleet().d1.made, name="urn:d1")
    await gateway.claim(fleet().d2.made)
    await database.close()
    given = {name: value for name, value in os.environ.items() if not name.startswith("ANCHORAGE_")}
    environment = given | {"ANCHORAGE_DATABASE_URL": migrated_url, "ANCHORAGE_DATA_DIR": str(tmp_path / "data")}
    return Operator(environment, migrated_url, account.id, came_in.id, tmp_path)


BOOTSTRAP = ("--service", "bootstrap")


async def test_a_chain_that_gets_in_ends_with_0_and_shows_its_path(operator: Operator) -> None:
    said = await operator("verify", operator.file(*fleet().d2.chain), *BOOTSTRAP)

    assert (said.status, said.err) == (0, "")
    assert said.out.splitlines() == [
        "ALLOWED TRUSTED: A valid path leads to “I”, which the account trusts for BOOTSTRAP.",
        "  valid path",
        "    device       CN=d2",
        "    intermediate CN=Workshop CA S",
        "    anchor       CN=Fleet CA I",
    ]


async def test_a_chain_that_does_not_ends_with_2_and_says_why(operator: Operator) -> None:
    expired = await operator("verify", operator.file(*fleet().expired.chain), *BOOTSTRAP)
    assert (expired.status, expired.err) == (2, "")
    assert expired.out.startswith("DENIED CERT_EXPIRED: ")
    assert "VALIDITY: The certificate expired at" in expired.out

    told = await operator("verify", operator.file(*fleet().d1.chain), "--service", "lwm2m", "--json")
    assert told.status == 2
    shown = orjson.loads(told.out)
    assert (shown["outcome"], shown["reason"]) == ("DENIED", "WRONG_SERVICE")
    assert [each["name"] for each in shown["certificates"]] == ["I"]
    assert shown["paths"][0]["steps"][-1]["checks"][-1]["kind"] == "ANCHOR_POLICY"


async def test_standard_input_and_der_are_read_too(operator: Operator) -> None:
    piped = await operator("verify", "-", *BOOTSTRAP, typed=pem_of(*fleet().d1.chain))
    assert piped.out.startswith("ALLOWED TRUSTED")
    der = operator.folder / "d1.der"
    der.write_bytes(fleet().d1.made.der)
    assert (await operator("verify", str(der), *BOOTSTRAP)).status == 0


async def test_what_is_no_chain_is_denied_and_a_private_key_not_repeated(operator: Operator) -> None:
    secret = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg"
    key = f"-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----\n"
    said = await operator("verify", operator.file(fleet().d1.made.der, text=key), *BOOTSTRAP)
    assert (said.status, said.out.split(":")[0]) == (2, "DENIED PRIVATE_KEY_PRESENT")
    assert secret not in said.out + said.err

    empty = await operator("verify", "-", *BOOTSTRAP)
    assert (empty.status, empty.out.split(":")[0]) == (2, "DENIED INPUT_EMPTY")


async def test_what_cannot_be_decided_ends_with_1(operator: Operator) -> None:
    assert (await operator("verify", "/nowhere/at all", *BOOTSTRAP)).refused == "INVALID_INPUT"
    chain = operator.file(*fleet().d1.chain)
    assert (await operator("verify", chain, *BOOTSTRAP, "--at", "2099-01-01")).refused == "HISTORY_UNAVAILABLE"
    assert (await operator("verify", chain, *BOOTSTRAP, "--at", "tomorrow")).refused == "INVALID_INPUT"
    for words in ((chain,), (chain, "--service", "lwm2n"), BOOTSTRAP, (chain, *BOOTSTRAP, "--certain")):
        said = await operator("verify", *words)
        assert (said.status, said.out) == (1, ""), words
        assert "Usage" in said.err
    operator.account = "f" * 32
    assert (await operator("verify", chain, *BOOTSTRAP)).refused == "NOT_FOUND"
    assert (await operator("list")).refused == "NOT_FOUND"
    operator.environment["ANCHORAGE_DATABASE_URL"] = f"sqlite://{operator.folder}/none.db"
    assert (await operator("verify", chain, *BOOTSTRAP)).status == 1


async def test_a_name_that_the_output_cannot_show_is_spelled_out(operator: Operator) -> None:
    chain = operator.file(device("Gerät \U0001f512", make("Fremde")).der)
    operator.environment |= {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}

    said = await operator("verify", chain, *BOOTSTRAP)
    assert (said.status, said.err) == (2, "")
    assert "device       CN=Ger\\u00e4t \\ud83d\\udd12\n" in said.out
    shown = orjson.loads((await operator("verify", chain, *BOOTSTRAP, "--json")).out)
    assert shown["paths"][0]["steps"][0]["subject"] == "CN=Gerät \U0001f512"


async def test_a_past_instant_is_decided_from_the_log_and_looking_is_recorded(operator: Operator) -> None:
    chain = operator.file(*fleet().d1.chain)

    before = await operator("verify", chain, *BOOTSTRAP, "--at", "2020-01-01")
    assert before.out.startswith("DENIED CERT_NOT_YET_VALID")
    now = await operator("verify", chain, *BOOTSTRAP, "--at", datetime.now(UTC).isoformat())
    assert now.out.startswith("ALLOWED TRUSTED")

    assert await operator.last_entries(2) == [("audit.read", "success")] * 2


async def test_a_device_is_suspended_resumed_and_listed(operator: Operator) -> None:
    suspended = await operator("suspend", operator.device, "--category", "lost", "--description", "On its way.")
    assert suspended.out == f"suspended {operator.device}\n"
    refused = await operator("verify", operator.file(*fleet().d1.chain), *BOOTSTRAP)
    assert (refused.status, refused.out.split(":")[0]) == (2, "DENIED DEVICE_SUSPENDED")
    (listed,) = (await operator("list", "--json")).json
    assert (listed["id"], listed["endpoint_name"], listed["status"], listed["suspended"]) == (
        operator.device,
        "urn:d1",
        "SUSPENDED",
        "lost",
    )

    resumed = await operator("resume", f"dev_{operator.device}", "--reason", "Found.")
    assert resumed.out == f"resumed {operator.device}\n"
    assert (await operator("resume", operator.device)).refused == "INVALID_STATE"
    again = (await operator("suspend", operator.device, "--category", "stolen", "--json")).json
    assert (again["id"], again["status"], again["suspended"]) == (operator.device, "SUSPENDED", "stolen")
    resumed = (await operator("resume", operator.device, "--json")).json
    assert (resumed["id"], resumed["status"], resumed["suspended"]) == (operator.device, "BOOTSTRAPPED", None)
    assert (await operator("suspend", "f" * 32, "--category", "lost")).refused == "NOT_FOUND"
    misspelt = await operator("suspend", "dev_zz", "--category", "lost")
    assert misspelt.refused == "INVALID_INPUT"
    assert "as `anchorage device list` shows" in misspelt.err
    table = (await operator("list")).out.splitlines()
    assert [line.split()[0] for line in table] == ["ID", operator.device]
    assert await operator.last_entries(6) == [
        ("device.suspend", "success"),
        ("device.resume", "success"),
        ("device.resume", "refused"),
        ("device.suspend", "success"),
        ("device.resume", "success"),
        ("device.suspend", "refused"),
    ]


async def test_devices_are_found_by_their_certificate_and_their_name(operator: Operator) -> None:
    for made, count in ((fleet().d1.made, 1), (fleet().d2.made, 0)):
        found = await operator("list", "--json", "--certificate", "-", typed=pem_of(made.der))
        assert len(found.json) == count
    for name, count in (("urn:d1", 1), ("urn:d", 0)):
        assert len((await operator("list", "--json", "--endpoint-name", name)).json) == count
    assert (await operator("list", "--certificate", "-")).refused == "CERTIFICATE_REJECTED"


async def test_the_features_of_an_account_are_switched_by_name(operator: Operator) -> None:
    for feature in ("suspend-devices", "audit-all-decisions"):
        words = ("account", "set-feature", operator.account, feature)
        shown = (await anchorage(operator.environment, *words, "on", "--json")).json
        assert shown[feature.replace("-", "_")] is True
        shown = (await anchorage(operator.environment, *words, "off", "--json")).json
        assert shown[feature.replace("-", "_")] is False
    assert await operator.last_entries(4) == [("account.set_feature", "success")] * 4
