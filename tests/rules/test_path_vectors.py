"""Published cases for name constraints and path lengths, asked of the path rules alone.

BetterTLS (2,924 cases) and the `nc` and `pathlen` cases of x509-limbo, in the folder that ANCHORAGE_VECTORS names.
The verdicts are those of whole chains; a case takes part when nothing but the path can decide it.
"""

from collections.abc import Iterator
from typing import Any

from app.errors import CertificateRejected
from app.rules import path, pem
from app.rules.certificate import ParsedCertificate, check_signature, parse_cached
from app.rules.signature import Answer
from tests.rules import published

pytestmark = published.needed


def read(texts: list[str]) -> list[ParsedCertificate]:
    return [parse_cached(pem.tokenise(text)[0]) for text in texts]


def paths(
    below: list[ParsedCertificate],
    cas: list[ParsedCertificate],
    anchors: list[ParsedCertificate],
    budget: path.Budget,
) -> Iterator[list[ParsedCertificate]]:
    """Every path from the end of `below` to an anchor that no CA on the way forbids."""
    for issuer in (*anchors, *cas):
        is_issuer = issuer.subject == below[-1].issuer and check_signature(below[-1], issuer) is Answer.VALID
        if issuer in below or not is_issuer or path.breach(issuer, below, budget) is not None:
            continue
        if issuer in anchors:
            yield [*below, issuer]
        else:
            yield from paths([*below, issuer], cas, anchors, budget)


def is_allowed(case: dict[str, Any]) -> bool:
    try:
        (leaf,) = read([case["peer_certificate"]])
        cas, anchors = read(case["untrusted_intermediates"]), read(case["trusted_certs"])
    except CertificateRejected:
        return False
    return next(paths([leaf], cas, anchors, path.Budget()), None) is not None


def test_bettertls_name_constraints() -> None:
    suite = published.cases(published.BETTERTLS)

    wrong = [case["id"] for case in suite if is_allowed(case) != (case["expected"] == "SUCCESS")]

    assert wrong == []
    assert len(suite) == 2924


# These are decided by other rules: a device certificate must not carry name constraints at all, and two limits of
# the suite's own are about the number of certificates.
ELSEWHERE = ("not-allowed-in-ee", "max-chain-depth")


def test_limbo_name_constraints_and_path_lengths() -> None:
    suite = [
        case
        for case in published.cases(published.LIMBO)
        if ("nc" in case["id"].split("::") or case["id"].startswith(("pathlen", "pathological::nc")))
        and not any(name in case["id"] for name in ELSEWHERE)
    ]

    wrong = [case["id"] for case in suite if is_allowed(case) != (case["expected"] == "SUCCESS")]

    assert wrong == []
    assert len(suite) > 55
