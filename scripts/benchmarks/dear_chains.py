"""What a decision costs at the worst: the chains that the tests have somebody present, seen for the first time."""

from collections.abc import Sequence
from time import process_time

from app.rules import profile
from app.rules.certificate import parse, signatures
from app.rules.decision import Question
from app.rules.trust import decide
from app.rules.trust_store import TrustStore
from app.terms import Service
from tests.rules.authority import AT
from tests.rules.hostile_chains import CASES, Case

_FORGET = (signatures.clear, profile.of_cas.clear)


def dear_chains(rounds: int) -> dict[str, list[float]]:
    """Milliseconds of processor time for each kind of chain, round by round: to read what is presented, and decide."""
    cases = {name: make() for name, make in CASES.items()}
    return {name: [_decided(case) for _ in range(rounds)] for name, case in cases.items()}


def dearest(measured: dict[str, list[float]]) -> tuple[str, Sequence[float]]:
    """The kind whose best round is the worst."""
    return max(measured.items(), key=lambda item: min(item[1]))


def _decided(case: Case) -> float:
    store = TrustStore(case.records)
    for forget in _FORGET:
        forget()
    start = process_time()
    presented = tuple(parse(made.der) for made in case.presented)
    decide(store, Question(presented, Service.BOOTSTRAP, AT))
    return (process_time() - start) * 1e3
