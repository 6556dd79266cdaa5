"""The CAs that the world's systems and browsers trust, each of them uploaded to the real server.

The lists are Debian's package ca-certificates and certifi. An independent look, at the dates as the library reads
them, says what the answer must be: a certificate that has expired is refused with CERT_EXPIRED, any other is accepted.
Seen on 24 November 2026: 138 of Debian's 142 accepted, the other four expired, and all 117 of certifi's. Where a system
has no such package, certifi's list stands alone, and the test says so.

Seen to fail with a rule that refused serial numbers of zero (six of certifi's list), and with entries that carried
CERTIFICATE_REJECTED, the refusal's own code, where the finding's stands.
"""

import asyncio
import re
import warnings
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import certifi
import httpx
import pytest
from cryptography import x509

from tests.serving import Served, serving

# What differs between the engines lies below, and is tested there on both.
pytestmark = pytest.mark.once

BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----")
DEBIAN = Path("/usr/share/ca-certificates/mozilla")
IN_FLIGHT = 8

UPLOAD = """
mutation Upload($input: UploadCertificateInput!) {
  uploadCertificate(input: $input) {
    certificate { name }
    errors { ... on UserError { code } ... on CertificateRejectedError { findings { code severity } } }
    auditEntry { id }
  }
}
"""
LOG = """
query Log($after: String) {
  auditEvents(first: 50, after: $after, filterBy: {action: [CERTIFICATE_UPLOAD]}) {
    edges { node { id outcome code } }
    pageInfo { hasNextPage endCursor }
  }
}
"""
HELD = "{ viewer { account { certificateQuota { used } } } certificates(first: 1) { totalCount } }"


@dataclass(frozen=True)
class Answered:
    """What became of one certificate: the code of its refusal, None where it was accepted, and its entry."""

    code: str | None
    entry_id: str


@dataclass(frozen=True)
class Account:
    """An account of its own for one list, and a client with its administrator's key."""

    served: Served
    client: httpx.AsyncClient

    async def operate(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The data of an operation."""
        response = await self.client.post(f"{self.served.url}/graphql", json={"query": query, "variables": variables})
        answer = response.json()
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    async def upload(self, number: int, pem: str) -> Answered:
        """Upload one certificate."""
        words = {"name": f"authority {number}", "source": {"pem": pem}, "usage": "CREDENTIALS"}
        payload = (await self.operate(UPLOAD, {"input": words}))["uploadCertificate"]
        if not payload["errors"]:
            assert payload["certificate"]["name"] == words["name"]
            return Answered(None, payload["auditEntry"]["id"])
        (error,) = payload["errors"]
        assert error["code"] == "CERTIFICATE_REJECTED", error
        (code,) = (finding["code"] for finding in error["findings"] if finding["severity"] == "ERROR")
        return Answered(code, payload["auditEntry"]["id"])

    async def log(self) -> AsyncIterator[dict[str, Any]]:
        """The entries of uploads, page by page, newest first."""
        after = None
        while True:
            page = (await self.operate(LOG, {"after": after}))["auditEvents"]
            for edge in page["edges"]:
                yield edge["node"]
            if not page["pageInfo"]["hasNextPage"]:
                return
            after = page["pageInfo"]["endCursor"]


def lists() -> dict[str, list[str]]:
    """The lists of this machine by their names; each certificate as PEM text."""
    files = {"certifi": [Path(certifi.where())], "Debian": sorted(DEBIAN.glob("*.crt"))}
    texts = {name: "\n".join(path.read_text(encoding="utf-8") for path in paths) for name, paths in files.items()}
    return {name: BLOCK.findall(text) for name, text in texts.items() if text}


def expected_code(pem: str, at: datetime) -> str | None:
    """What a look at the dates alone says."""
    with warnings.catch_warnings(action="ignore"):  # The library warns about serial numbers of zero.
        return "CERT_EXPIRED" if x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc < at else None


async def open_account(served: Served, name: str, limit: int) -> httpx.AsyncClient:
    """A new account with room for so many certificates; a client that acts in it."""
    account = await served.command("account", "create", name, "--tier", "developer")
    await served.command("account", "set-limit", account, str(limit), "--reason", "the world's list")
    key = await served.command("key", "create", "--account", account, "--role", "admin")
    return httpx.AsyncClient(timeout=60, headers={"authorization": f"Bearer {key}"})


async def test_the_worlds_authorities_are_accepted_unless_expired_and_each_has_its_entry(
    database_url: str, tmp_path: Path
) -> None:
    found = lists()
    if "Debian" not in found:
        print(f"{DEBIAN} does not exist: certifi's list stands alone.")  # noqa: T201  # shown with pytest's -rP
    async with serving(database_url, tmp_path / "data") as served:
        for name, pems in found.items():
            assert len(pems) > 100, f"{name} holds only {len(pems)} certificates"
            async with await open_account(served, name, len(pems)) as client:
                await _all_of_a_list(Account(served, client), name, pems)
        assert (await served.command("audit", "verify")).startswith("verified")


async def _all_of_a_list(account: Account, name: str, pems: list[str]) -> None:
    lanes = asyncio.Semaphore(IN_FLIGHT)

    async def upload(number: int, pem: str) -> Answered:
        async with lanes:
            return await account.upload(number, pem)

    at = datetime.now(UTC)
    expected = [expected_code(pem, at) for pem in pems]
    answers = await asyncio.gather(*(upload(number, pem) for number, pem in enumerate(pems)))

    accepted = expected.count(None)
    print(f"{name}: {accepted} of {len(pems)} accepted")  # noqa: T201  # shown with pytest's -rP
    assert [answer.code for answer in answers] == expected
    entries = [node async for node in account.log()]
    assert Counter((node["id"], node["outcome"], node["code"]) for node in entries) == Counter(
        (answer.entry_id, "REFUSED" if answer.code else "SUCCEEDED", answer.code) for answer in answers
    )
    held = await account.operate(HELD, {})
    assert held["viewer"]["account"]["certificateQuota"]["used"] == accepted
    assert held["certificates"]["totalCount"] == accepted
