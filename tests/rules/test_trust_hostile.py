"""A decision ends within its limits, whatever is presented: counted, not timed."""

import pytest

from app.rules.certificate import signatures
from app.rules.decision import Question
from app.rules.trust import PRODUCTION, Limits, decide
from app.rules.trust_store import TrustStore
from app.terms import Service
from tests.rules.authority import AT
from tests.rules.hostile_chains import CASES

pytestmark = pytest.mark.once


@pytest.mark.parametrize("name", CASES)
def test_a_decision_stays_within_its_limits(name: str) -> None:
    case = CASES[name]()
    question = Question(tuple(made.parsed for made in case.presented), Service.BOOTSTRAP, AT)
    signatures.clear()

    decision = decide(TrustStore(case.records), question)

    assert decision.reason is case.reason
    assert len(signatures) <= PRODUCTION.signatures
    assert len(decision.tried) <= PRODUCTION.steps


@pytest.mark.parametrize("name", CASES)
def test_a_limit_is_reached_as_well_when_every_signature_is_remembered(name: str) -> None:
    """Two gateways, one of which has seen the chain before, must answer alike."""
    case = CASES[name]()
    question = Question(tuple(made.parsed for made in case.presented), Service.BOOTSTRAP, AT)
    store = TrustStore(case.records)
    decide(store, question, Limits(signatures=10_000, steps=1))

    assert decide(store, question).reason is case.reason


def test_a_flaw_of_the_device_costs_no_signature() -> None:
    case = CASES["a device with a huge exponent"]()
    signatures.clear()

    decide(TrustStore(case.records), Question((case.presented[0].parsed,), Service.BOOTSTRAP, AT))

    assert len(signatures) == 0
