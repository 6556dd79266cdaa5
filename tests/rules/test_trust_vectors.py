"""The whole decision on the published suites: x509-limbo (246 cases) and BetterTLS (2,924), at two levels.

Level 1 asks the rule alone: every root is the record of a proven CA, whatever an upload would say to it, and the
suites' own chains of more than ten certificates are taken. Level 2 asks the product: every root is uploaded first, and
what a device presents goes through the limits of the input.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from app.errors import CertificateRejected
from app.rules import pem, upload
from app.rules.certificate import ParsedCertificate, parse_cached
from app.rules.decision import Question
from app.rules.profile import CLIENT_AUTH
from app.rules.trust import PRODUCTION, Limits, decide
from app.rules.trust_store import TrustStore
from app.terms import Service
from tests.rules import published
from tests.rules.authority import AT
from tests.rules.deciding import record_of

pytestmark = [published.needed, pytest.mark.once]

Case = dict[str, Any]
Verdict = tuple[bool, str]
SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
BEYOND_PRODUCTION = Limits(cas=20)


def instant(case: Case) -> datetime:
    """The case's own, or any: the certificates of those that name none are valid for centuries."""
    return datetime.fromisoformat(case["validation_time"]) if case["validation_time"] else AT


def question(case: Case, presented: list[ParsedCertificate]) -> Question:
    purpose = SERVER_AUTH if case["validation_kind"] == "SERVER" else CLIENT_AUTH
    return Question(tuple(presented), Service.BOOTSTRAP, instant(case), purpose)


def readable(texts: list[str]) -> Iterator[ParsedCertificate]:
    """Those certificates that are some: the suite holds others, to see that nobody trusts them."""
    for text in texts:
        try:
            yield parse_cached(pem.tokenise(text)[0])
        except CertificateRejected:
            continue


def by_the_rule_alone(case: Case) -> Verdict:
    """Level 1."""
    device = list(readable([case["peer_certificate"]]))
    if not device:
        return False, "CERT_UNPARSEABLE"
    store = TrustStore(record_of([root]) for root in readable(case["trusted_certs"]))
    presented = [*device, *readable(case["untrusted_intermediates"])]
    decision = decide(store, question(case, presented), BEYOND_PRODUCTION)
    return decision.is_allowed, decision.reason.value


def uploaded(case: Case) -> tuple[list[ParsedCertificate], list[str]]:
    """The trusted CAs of what an upload accepts, each root being a chain of one, and why it refuses the others."""
    accepted: list[ParsedCertificate] = []
    refused: list[str] = []
    for root in case["trusted_certs"]:
        try:
            found = upload.examine(pem.tokenise(root), at=instant(case))
            accepted.append(upload.require_acceptable(found).trusted_ca)
        except CertificateRejected as refusal:
            refused.append(str(refusal.recorded_code))
    return accepted, refused


def by_the_product(case: Case) -> Verdict:
    """Level 2."""
    cas, refused = uploaded(case)
    try:
        text = "".join((case["peer_certificate"], *case["untrusted_intermediates"]))
        presented = [parse_cached(der) for der in pem.tokenise(text)]
    except CertificateRejected as refusal:
        return False, str(refusal.recorded_code)
    decision = decide(TrustStore(record_of([ca]) for ca in cas), question(case, presented), PRODUCTION)
    return decision.is_allowed, decision.reason.value if cas else f"uploaded: {refused[0]}"


def other_than_published(suite: list[Case], answer: Callable[[Case], Verdict]) -> dict[str, Verdict]:
    answers = {case["id"]: (answer(case), case["expected"] == "SUCCESS") for case in suite}
    return {name: verdict for name, (verdict, expected) in answers.items() if verdict[0] is not expected}


@pytest.mark.parametrize(("file", "count"), [(published.LIMBO, 246), (published.BETTERTLS, 2924)])
def test_the_rule_alone_is_right_about_every_published_chain(file: str, count: int) -> None:
    suite = published.cases(file)

    assert other_than_published(suite, by_the_rule_alone) == {}
    assert len({case["id"] for case in suite}) == count


def test_the_product_is_right_about_every_name_constraint_of_bettertls() -> None:
    assert other_than_published(published.cases(published.BETTERTLS), by_the_product) == {}


ANCHOR_NOT_SELF_SIGNED = [
    "cve::cve-2024-0567",
    "rfc5280::aki::cross-signed-root-missing-aki",
    "rfc5280::root-and-intermediate-swapped",
]
MORE_THAN_TEN_CERTIFICATES = [f"bettertls::pathbuilding::tc{number}" for number in range(61, 69)]


def test_the_product_differs_from_limbo_only_in_eleven_refusals() -> None:
    """Three anchors are not self-signed, which an upload would complete; eight devices present 36 certificates."""
    refused = other_than_published(published.cases(published.LIMBO), by_the_product)

    assert refused == {
        **dict.fromkeys(ANCHOR_NOT_SELF_SIGNED, (False, "uploaded: CHAIN_INCOMPLETE")),
        **dict.fromkeys(MORE_THAN_TEN_CERTIFICATES, (False, "TOO_MANY_CERTIFICATES")),
    }
