"""Every administrative command, for people and with `--json`: what a script reads stands alone on standard output.

Each is recorded, done or refused, beside a server and without one; and no password is ever repeated.

Seen to fail with a table that was cut to 80 columns, ids and all, with an account that does not exist told by a
traceback (both found so), with refusals on standard output, with a migration told there, and with refusals of status 0.
"""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app import __version__
from app.audit.entry import account_stream
from app.ids import is_id
from app.rules import credential
from app.services.door import OPERATOR_STREAM
from app.store import log_reads
from app.store.database import Role, open_database
from tests.checks import check_log
from tests.commands.running import Said, anchorage
from tests.house import Said as Entry
from tests.serving import serving

# What differs between the engines lies below the commands; `test_beside_a_server` has both.
pytestmark = pytest.mark.once

PASSWORD = "correct horse battery staple"


@dataclass
class Operator:
    """Whoever has a shell, and what all commands said so far."""

    environment: dict[str, str]
    url: str
    heard: list[Said] = field(default_factory=list)

    async def __call__(self, *words: str, typed: str = "") -> Said:
        """Run a command."""
        said = await anchorage(self.environment, *words, typed=typed)
        self.heard.append(said)
        return said

    async def entries(self, stream: str) -> list[tuple[str, str, str | None]]:
        """Action, result and code of every entry of a stream, oldest first; the log is checked on the way."""
        database = open_database(self.url, role=Role.BESIDE)
        await database.start()
        try:
            await check_log(database)
            found = [Entry.of(entry) async for entry in log_reads.walk(database.reads, stream)]
        finally:
            await database.close()
        return [(entry.action, entry.result, entry.code) for entry in found]


@pytest.fixture(params=["beside a server", "without one"])
async def operator(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> AsyncIterator[Operator]:
    """An operator of an installation that was started once."""
    async with serving(database_url, tmp_path / "data") as served:
        if request.param == "without one":
            await served.stop()
        yield Operator(served.environment, database_url)


async def test_accounts(operator: Operator) -> None:
    account = (await operator("account", "create", "Northwind", "--tier", "developer")).word
    assert is_id(account)
    other = (await operator("account", "create", "Contoso", "--tier", "commercial", "--json")).json
    assert (other["name"], other["tier"], other["limit"], other["used"]) == ("Contoso", "COMMERCIAL", 50, 0)

    assert (await operator("account", "set-tier", account, "commercial")).out == "commercial 50\n"
    assert (await operator("account", "set-limit", account, "500", "--reason", "They grow.")).out == "commercial 500\n"
    assert (await operator("account", "set-limit", account, "default", "--json")).json["limit"] == 50
    assert (await operator("account", "set-feature", account, "require-possession", "on")).out == "commercial 50\n"
    shown = (await operator("account", "set-feature", account, "require-possession", "off", "--json")).json
    assert shown["require_possession"] is False

    listed = (await operator("account", "list", "--json")).json
    assert [each["name"] for each in listed] == ["default", "Northwind", "Contoso"]
    table = await operator("account", "list")
    assert (table.status, table.err) == (0, "")
    assert [line.split()[0] for line in table.out.splitlines()] == ["ID", *(each["id"] for each in listed)]

    assert (await operator("account", "create", "Contoso", "--tier", "developer")).refused == "NAME_TAKEN"
    assert (await operator("account", "set-limit", account, "99999999")).refused == "INVALID_INPUT"
    assert (await operator("account", "set-limit", "f" * 32, "5")).refused == "NOT_FOUND"
    assert (await operator("account", "set-tier", "nobody", "developer")).refused == "INVALID_INPUT"
    for wrong in (("create", "Fabrikam", "--tier", "free"), ("set-limit", account, "many"), ("close", account)):
        misused = await operator("account", *wrong)
        assert (misused.status, misused.out) == (2, ""), misused
        assert "Traceback" not in misused.err

    assert (await operator.entries(account_stream(account)))[-6:] == [
        ("account.set_tier", "success", None),
        ("account.set_limit", "success", None),
        ("account.set_limit", "success", None),
        ("account.set_feature", "success", None),
        ("account.set_feature", "success", None),
        ("account.set_limit", "refused", "INVALID_INPUT"),
    ]
    assert ("account.create", "refused", "NAME_TAKEN") in await operator.entries(OPERATOR_STREAM)


async def test_keys(operator: Operator) -> None:
    account = (await operator("account", "create", "Northwind", "--tier", "developer")).word
    chosen = ("--account", account)
    secret = (await operator("key", "create", *chosen, "--role", "auditor")).word
    spelled = credential.read(secret)
    assert spelled is not None
    words = ("--role", "gateway", "--name", "door 7", "--expires", "2099-01-31", "--client-cert", "xfcc")
    gateway = (await operator("key", "create", *chosen, *words, "--json")).json
    assert credential.read(gateway["secret"]) is not None
    assert (gateway["name"], gateway["client_cert"]) == ("door 7", "xfcc")
    assert gateway["expires_at"].startswith("2099-01-31T00:00:00")

    revoked = await operator("key", "revoke", *chosen, spelled.key_id, "--reason", "Lost.")
    assert revoked.out == f"revoked {spelled.key_id}\n"
    assert (await operator("key", "revoke", *chosen, gateway["id"], "--json")).json["revoked_at"] is not None
    listing = await operator("key", "list", *chosen, "--json")
    assert [each["id"] for each in listing.json] == [gateway["id"], spelled.key_id]
    table = await operator("key", "list", *chosen)
    assert [line.split()[0] for line in table.out.splitlines()] == ["ID", gateway["id"], spelled.key_id]
    for said in operator.heard[3:]:
        assert not any(each in said.out + said.err for each in (secret, gateway["secret"]))

    for refused, code in (
        (("revoke", *chosen, "f" * 32), "NOT_FOUND"),
        (("create", *chosen, "--role", "viewer", "--client-cert", "pem"), "INVALID_INPUT"),
        (("create", *chosen, "--role", "viewer", "--expires", "2001-01-01"), "INVALID_INPUT"),
        (("create", *chosen, "--role", "viewer", "--expires", "tomorrow"), "INVALID_INPUT"),
        (("create", "--account", "f" * 32, "--role", "viewer"), "NOT_FOUND"),
    ):
        assert (await operator("key", *refused)).refused == code, refused

    assert await operator.entries(account_stream(account)) == [
        ("api_key.create", "success", None),
        ("api_key.create", "success", None),
        ("api_key.revoke", "success", None),
        ("api_key.revoke", "success", None),
        ("api_key.revoke", "refused", "NOT_FOUND"),
        ("api_key.create", "refused", "INVALID_INPUT"),
        ("api_key.create", "refused", "INVALID_INPUT"),
    ]


async def test_people(operator: Operator) -> None:
    account = (await operator("account", "create", "Northwind", "--tier", "developer")).word
    chosen = ("--account", account, "--password-stdin")
    user = (await operator("user", "create", "ann", "--role", "operator", *chosen, typed=f"{PASSWORD}\n")).word
    assert is_id(user)
    made = await operator("user", "create", "bea", "--role", "viewer", *chosen, "--json", typed=f"{PASSWORD}2\n")
    assert (made.json["name"], made.json["role"]) == ("bea", "viewer")
    changed = await operator("user", "set-password", "ann", *chosen, typed=f"{PASSWORD}3\n")
    assert changed.out == f"changed {user}\n"
    again = await operator("user", "set-password", "ann", *chosen, "--json", typed=f"{PASSWORD}4\n")
    assert again.json["id"] == user
    assert [each["name"] for each in (await operator("user", "list", *chosen[:2], "--json")).json] == ["ann", "bea"]
    assert (await operator("user", "list", *chosen[:2])).out.splitlines()[1].split()[:3] == [user, "ann", "operator"]

    taken = await operator("user", "create", "ann", "--role", "viewer", *chosen, typed=f"{PASSWORD}\n")
    assert taken.refused == "NAME_TAKEN"
    gateway = await operator("user", "create", "carl", "--role", "gateway", *chosen, typed=f"{PASSWORD}\n")
    assert gateway.refused == "INVALID_INPUT"
    assert (await operator("user", "set-password", "dora", *chosen, typed=f"{PASSWORD}\n")).refused == "NOT_FOUND"
    assert (await operator("user", "set-password", "ann", *chosen, typed="hunter2\n")).refused == "INVALID_INPUT"
    nowhere = ("--account", "f" * 32, "--password-stdin")
    nobody = await operator("user", "create", "eve", "--role", "viewer", *nowhere, typed=f"{PASSWORD}\n")
    assert nobody.refused == "NOT_FOUND"
    for kind in ("user", "key"):
        assert (await operator(kind, "list", *nowhere[:2])).refused == "NOT_FOUND"

    for said in operator.heard:
        assert not any(each in said.out + said.err for each in (PASSWORD, "hunter2", "argon2"))
    assert await operator.entries(account_stream(account)) == [
        ("user.create", "success", None),
        ("user.create", "success", None),
        ("user.set_password", "success", None),
        ("user.set_password", "success", None),
        ("user.create", "refused", "NAME_TAKEN"),
        ("user.create", "refused", "INVALID_INPUT"),
        ("user.set_password", "refused", "NOT_FOUND"),
    ]


async def test_the_demo_and_the_release(operator: Operator) -> None:
    demo = (await operator("demo", "--json")).json
    assert demo["uploaded"] >= 5
    assert demo["refused"] > 2
    again = await operator("demo")
    assert (again.status, again.out.count("\n")) == (0, 1)
    assert "NAME_TAKEN" in again.err
    assert (await operator("demo", "--account", "f" * 32)).refused == "NOT_FOUND"
    assert (await operator("version")).word == __version__
    account = (await operator("account", "list", "--json")).json[0]["id"]
    uploads = [code for action, _, code in await operator.entries(account_stream(account)) if "upload" in action]
    assert uploads.count(None) >= demo["uploaded"]
    assert len(uploads) >= 2 * (demo["uploaded"] + demo["refused"])


async def test_migrate_says_what_it_did_and_other_commands_ask_for_it(database_url: str, tmp_path: Path) -> None:
    given = {name: value for name, value in os.environ.items() if not name.startswith("ANCHORAGE_")}
    given |= {"ANCHORAGE_DATABASE_URL": database_url, "ANCHORAGE_DATA_DIR": str(tmp_path / "data")}
    operator = Operator(given, database_url)
    early = await operator("account", "list")
    assert (early.status, early.out, "Traceback" in early.err) == (2, "", False), early
    assert "`anchorage migrate`" in early.err

    assert "0001_foundation" in (await operator("migrate", "--json")).json["applied"]
    assert (await operator("migrate")).out == "The database is at this program's version.\n"
    assert (await operator("migrate", "--json")).json == {"applied": None}

    assert await operator.entries(OPERATOR_STREAM) == [("installation.migrate", "success", None)]
    assert (await operator("account", "list", "--json")).json == []
    assert (await operator("demo")).refused == "INVALID_INPUT"


async def test_every_command_explains_itself(tmp_path: Path) -> None:
    operator = Operator({"ANCHORAGE_DATA_DIR": str(tmp_path / "none"), "PATH": "/usr/bin:/bin"}, "")
    for words in (
        "", "serve", "migrate", "demo", "version", "account", "account create", "account set-tier", "account set-limit",
        "account set-feature", "account list", "key", "key create", "key revoke", "key list", "user", "user create",
        "user set-password", "user list", "audit", "audit verify", "audit export", "audit report",
    ):  # fmt: skip
        said = await operator(*words.split(), "--help")
        assert (said.status, said.err) == (0, ""), words
        assert f"Usage: anchorage {words}".strip() in said.out.replace("python -m app", "anchorage"), words
    assert not (tmp_path / "none").exists()
