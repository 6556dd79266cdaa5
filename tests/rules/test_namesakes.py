"""A CA of the issuer's name whose key did not make the signature: what is said of it."""

from app.reasons import Reason
from app.rules.checks import Kind
from app.rules.decision import Decision
from app.rules.explanation import paths
from app.rules.trust_store import Record, TrustStore
from tests.rules.authority import Made, make
from tests.rules.deciding import decided, device, record

OWN = make("Fleet CA")
NAMESAKE = make("Fleet CA")
SAID = (
    'A certificate of "CN=Fleet CA" is known here, but the signature of "CN=urn:device:1" does not verify with its key.'
)


def failed(records: list[Record], *presented: Made) -> tuple[Decision, list[Kind], str]:
    """The decision, the checks that its one path shows of its last certificate, and what the failed one says."""
    decision = decided(records, *presented)
    (path,) = paths(decision, TrustStore(records))
    checks = path.steps[-1].checks
    assert [check.passed for check in checks] == [*[True] * (len(checks) - 1), False]
    return decision, [check.kind for check in checks], checks[-1].detail


def test_a_trusted_namesake_is_known_and_did_not_sign() -> None:
    decision, kinds, said = failed([record(NAMESAKE)], device(OWN))

    assert (decision.reason, decision.explanation, said) == (Reason.NO_TRUST_PATH, SAID, SAID)
    assert kinds[-2:] == [Kind.NAME_CHAINING, Kind.SIGNATURE]


def test_a_presented_namesake_is_known_and_did_not_sign() -> None:
    decision, kinds, _ = failed([record(make("Root CA"))], device(OWN), NAMESAKE)

    assert decision.explanation == SAID
    assert kinds[-1] is Kind.SIGNATURE


def test_it_is_said_of_the_certificate_where_the_chain_breaks_off() -> None:
    """Device <- Line <- Fleet, and the account trusts another Fleet."""
    line = make("Line CA", issuer=OWN)

    decision, kinds, said = failed([record(NAMESAKE)], device(line), line)

    assert decision.explanation == said
    assert said.endswith('but the signature of "CN=Line CA" does not verify with its key.')
    assert kinds == [Kind.NAME_CHAINING, Kind.SIGNATURE]


def test_a_root_of_its_own_is_an_end_although_a_namesake_is_trusted() -> None:
    decision, kinds, said = failed([record(NAMESAKE)], device(OWN), OWN)

    assert decision.explanation == said == 'The chain ends in "CN=Fleet CA", and the account trusts none of its CAs.'
    assert kinds[-1] is Kind.ANCHOR_POLICY


def test_a_namesake_beside_the_issuer_is_not_spoken_of() -> None:
    decision = decided([record(NAMESAKE), record(OWN)], device(OWN))

    assert decision.is_allowed
    assert [tried.namesake for tried in decision.tried] == [None]
