"""Over HTTP: a page of 50 certificates, and a mutation, against a server that only answers bytes."""

from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

from scripts.benchmarks.houses import authorities, create
from scripts.benchmarks.web import Connection, Server, always, bare, program, request

CERTIFICATES = 50
CALLERS = 8

LIST = """
query ListCertificates {
  certificates(first: 50) {
    edges { node { id name service usage status possession fingerprint expiresAt updatedAt } }
    pageInfo { hasNextPage endCursor }
  }
}
"""
LIST_WITH_CHAINS = """
query ListCertificates {
  certificates(first: 50) {
    totalCount
    edges {
      node {
        id name service usage status possession expiresAt
        chain { subject }
        findings { severity code message }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""
_UPLOAD = """
mutation UploadCertificate($input: UploadCertificateInput!) {
  uploadCertificate(input: $input) { certificate { id } errors { __typename } }
}
"""
_SET_STATUS = """
mutation SetStatus($input: SetCertificateStatusInput!) {
  setCertificateStatus(input: $input) {
    certificate { id version name status updatedAt }
    auditEntry { id }
    errors { __typename ... on UserError { code message } }
  }
}
"""


@dataclass(slots=True)
class Measured:
    """Round by round: a list, a list with what needs more statements, a mutation, and the bare answer of each list."""

    plain: list[tuple[float, float]] = field(default_factory=list)
    chains: list[tuple[float, float]] = field(default_factory=list)
    change: list[tuple[float, float]] = field(default_factory=list)
    bare_plain: list[tuple[float, float]] = field(default_factory=list)
    bare_chains: list[tuple[float, float]] = field(default_factory=list)


async def measure(folder: Path, database_url: str, *, rounds: int, seconds: float) -> Measured:
    """Fill a new database through the API, then load every server in turn."""
    await create(database_url)
    async with AsyncExitStack() as stack:
        server, key = await stack.enter_async_context(program(folder, database_url))
        async with server.connection(key) as connection:
            certificates = [await _upload(connection, source) for _, source in _sources()]
            answers = [await connection.post(request(query, {})) for query in (LIST, LIST_WITH_CHAINS)]
        bares = [await stack.enter_async_context(bare(folder, answer)) for answer in answers]
        measured = Measured()
        changes = [_changes(certificates[at::CALLERS]) for at in range(CALLERS)]
        plain, chains = request(LIST, {}), request(LIST_WITH_CHAINS, {})
        for _ in range(rounds):
            for taken, who, bodies in (
                (measured.plain, server, [always(plain)] * CALLERS),
                (measured.bare_plain, bares[0], [always(plain)] * CALLERS),
                (measured.chains, server, [always(chains)] * CALLERS),
                (measured.bare_chains, bares[1], [always(chains)] * CALLERS),
                (measured.change, server, changes),
            ):
                taken.append(await _load(who, bodies, seconds, key))
        return measured


async def _load(server: Server, bodies: list[Iterator[bytes]], seconds: float, key: str) -> tuple[float, float]:
    served = await server.load(bodies, seconds, key)
    return served.per_second, served.cpu_micros / 1000


def _sources() -> Iterator[tuple[int, str]]:
    return zip(range(CERTIFICATES), authorities(), strict=False)


async def _upload(connection: Connection, pem: str) -> str:
    given = {"name": f"Plant {hash(pem):x}", "description": "Meters", "source": {"pem": pem}, "usage": "CREDENTIALS"}
    data = await connection.ask(_UPLOAD, {"input": given})
    payload = data["uploadCertificate"]
    assert isinstance(payload, dict)  # noqa: S101  # the query says so
    return str(payload["certificate"]["id"])


def _changes(certificates: list[str]) -> Iterator[bytes]:
    for status in cycle(("INACTIVE", "ACTIVE")):
        for certificate in certificates:
            yield request(_SET_STATUS, {"input": {"id": certificate, "status": status, "reason": "The key leaked."}})
