"""What must not change an answer: the order of what a device presents, repetitions, and time while an answer holds."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from app.rules.decision import Decision, Question
from app.rules.trust import PRODUCTION, Limits, decide
from app.rules.trust_store import TrustStore
from tests.rules import families
from tests.rules.authority import AT

pytestmark = pytest.mark.once

HALF_SECONDS = [AT + timedelta(seconds=half / 2) for half in range(-10, 11)]
FEW = Limits(signatures=6, steps=4, cas=2)
Asked = tuple[TrustStore, Question]


def answer(decision: Decision) -> tuple[object, ...]:
    """All of a decision but the question, and how long it holds."""
    return decision.reason, decision.explanation, decision.records, decision.tried


@given(families.questions(), some.sampled_from([PRODUCTION, FEW]))
@settings(max_examples=400)
def test_the_order_in_which_cas_are_presented_does_not_matter(asked: Asked, limits: Limits) -> None:
    store, question = asked
    first = decide(store, question, limits)
    device, *cas = question.presented
    orders = list(permutations(cas)) if len(cas) < 5 else [Random(seed).sample(cas, len(cas)) for seed in range(24)]  # noqa: S311

    for order in orders:
        again = decide(store, replace(question, presented=(device, *order)), limits)
        assert (answer(again), again.holds_until) == (answer(first), first.holds_until)


@given(families.questions(), some.sampled_from([PRODUCTION, FEW]))
def test_presenting_a_certificate_twice_does_not_matter(asked: Asked, limits: Limits) -> None:
    store, question = asked
    first = decide(store, question, limits)

    again = decide(store, replace(question, presented=question.presented * 2), limits)

    assert answer(again) == answer(first)


@given(families.questions(), some.sampled_from([PRODUCTION, FEW]))
@settings(max_examples=400)
def test_an_answer_is_the_same_for_as_long_as_it_holds(asked: Asked, limits: Limits) -> None:
    """Half seconds, because notAfter names a whole second: what lies within it is not past it."""
    store, question = asked

    def at(instant: datetime) -> Decision:
        return decide(store, replace(question, at=instant), limits)

    decisions = {instant: at(instant) for instant in HALF_SECONDS}
    for instant, decision in decisions.items():
        until = decision.holds_until
        assert until is None or until >= instant
        for later in HALF_SECONDS:
            if instant <= later and (until is None or later < until):
                assert answer(decisions[later]) == answer(decision)
