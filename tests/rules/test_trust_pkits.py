"""The decision on NIST's suite: nothing that it calls invalid is let in, and every refusal beyond it has its rule."""

from collections import Counter

import pytest

from app.errors import CertificateRejected
from app.rules import pem, upload
from app.rules.certificate import ParsedCertificate, parse_cached
from app.rules.decision import Question
from app.rules.trust import decide
from app.rules.trust_store import TrustStore
from app.terms import Service
from tests.rules import pkits
from tests.rules.authority import AT
from tests.rules.deciding import record_of
from tests.rules.pkits import INVALID, STRICTER, TABLE, VALID, Row

pytestmark = pytest.mark.once


def read_all(names: tuple[str, ...]) -> list[ParsedCertificate]:
    return [parse_cached(der) for der in pem.tokenise(pem.encode([pkits.der(name) for name in names]))]


def decided(names: tuple[str, ...], remembered: tuple[ParsedCertificate, ...] = ()) -> str:
    root = upload.require_acceptable(upload.examine([pkits.der(pkits.ROOT)], at=AT))
    try:
        presented = read_all(names)
    except CertificateRejected as refused:
        return str(refused.recorded_code)
    store = TrustStore([record_of(root.certificates)], remembered)
    return decide(store, Question(tuple(presented), Service.BOOTSTRAP, AT)).reason.value


@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_a_published_case_has_its_verdict_or_a_reason_for_another(row: Row) -> None:
    number, verdict, reason, *names = row

    assert decided(tuple(names)) == reason
    assert (reason == "TRUSTED") == (verdict == VALID and number not in STRICTER)


def test_the_sections_are_whole() -> None:
    """Numbers run without a gap, but for those whose flaw only a revocation list shows."""
    sections = Counter(number.rpartition(".")[0] for number, *_ in TABLE)
    verdicts = Counter(verdict for _, verdict, *_ in TABLE)

    assert sections == {"4.1": 6, "4.2": 8, "4.3": 11, "4.5": 5, "4.6": 17, "4.7": 3, "4.13": 38, "4.16": 2}
    assert verdicts == {VALID: 44, INVALID: 46}
    assert len({number for number, *_ in TABLE}) == len(TABLE)


def test_what_else_is_known_changes_no_verdict() -> None:
    """Every CA of the suite is remembered: the search has all its other branches as well."""
    cas: list[ParsedCertificate] = []
    for file in sorted(pkits.CERTIFICATES.glob("*.crt")):
        try:
            certificate = parse_cached(file.read_bytes())
        except CertificateRejected:
            continue
        if certificate.is_ca:
            cas.append(certificate)
    changed = [row[0] for row in TABLE if (decided(row[3:], tuple(cas)) == "TRUSTED") != (row[2] == "TRUSTED")]

    assert changed == []
    assert len(cas) > 150
