"""Whatever callers say within the rules' limits: a body is canonical, bounded, and holds nobody's personal data."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as some

from app.actor import Actor, ActorType, Origin
from app.audit.entry import BODY_LIMIT_BYTES, Act, Result, Sealed, canonical, digest, seal
from app.audit.states import CertificateState, JsonValue, Target, UserState
from app.errors import InvalidInput
from app.rules import text
from app.rules.text import DESCRIPTION_LIMIT, NAME_LIMIT, REASON_LIMIT
from tests.audit.pinned_states import ACCOUNT, START, certificate, user

pytestmark = pytest.mark.once

AWKWARD = some.characters() | some.sampled_from('"\\\n\x01\ud800😀')
ANYTHING = some.text(AWKWARD, max_size=40) | AWKWARD.map(lambda one: one * 4_000)


def kept(require: Callable[[str], str | None], limit: int) -> some.SearchStrategy[str]:
    """Texts that the rule of a field accepts, as it stores them; long and awkward ones among them."""
    characters = some.characters(categories=("L", "N", "P", "S", "Zs")) | some.sampled_from('"\\😀€')

    def stored(given: str) -> str | None:
        try:
            return require(given)
        except InvalidInput:
            return None

    written = some.text(characters, min_size=1, max_size=limit) | characters.map(lambda one: one * limit)
    return written.map(stored).filter(bool).map(str)


NAMES = kept(text.require_name, NAME_LIMIT)
DESCRIPTIONS = kept(text.require_description, DESCRIPTION_LIMIT)
REASONS = kept(text.require_reason, REASON_LIMIT)
ORIGINS = some.builds(
    Origin,
    ANYTHING,
    operation=some.none() | ANYTHING,
    path=some.none() | ANYTHING,
    traceparent=some.none() | ANYTHING,
    address=some.none() | ANYTHING,
    agent=some.none() | ANYTHING,
)
RECORDS = some.builds(
    certificate,
    some.integers(1, 10_000),
    name=NAMES,
    description=some.none() | DESCRIPTIONS,
    chain=some.lists(some.just("ab" * 32), min_size=1, max_size=10).map(tuple),
)
KEYS = some.text("az_09", min_size=1, max_size=12)
JSON: some.SearchStrategy[JsonValue] = some.recursive(
    some.none() | some.booleans() | some.integers(-(2**53) + 1, 2**53 - 1) | some.text(),
    lambda inner: some.lists(inner, max_size=5) | some.dictionaries(KEYS, inner, max_size=5),
)


def sealed(act: Act) -> Sealed:
    """The bytes of an act, with the salts 1, 2, 3 and so on."""
    salt = (number.to_bytes(16, "big") for number in count(1))
    return seal(act, node="node", software="anchorage/1", salt=lambda: next(salt))


def act(
    actor_name: str | None, origin: Origin, before: CertificateState | UserState, after: CertificateState | UserState
) -> Act:
    """An act in which one state became another."""
    actor = Actor(ActorType.USER, "0" * 32, ACCOUNT, actor_name, frozenset())
    return Act("1" * 32, START, actor, origin, "x.y", Result.SUCCESS, None, after.target, before, after)


@given(NAMES, ORIGINS, RECORDS, RECORDS, REASONS)
def test_a_body_is_canonical_and_bounded(
    name: str, origin: Origin, before: CertificateState, after: CertificateState, reason: str
) -> None:
    made = act(name, origin, before, after)
    body = sealed(replace(made, reason=reason)).body

    assert len(body) <= BODY_LIMIT_BYTES
    assert rfc8785.dumps(json.loads(body)) == body
    assert json.loads(body)["change"]["after"] == after.public()


@given(ANYTHING, ORIGINS)
def test_a_target_that_a_caller_made_up_is_recorded(named: str, origin: Origin) -> None:
    made = act(None, origin, certificate(1), certificate(2))
    refused = replace(made, target=Target("certificate", named), before=None, after=None)
    body = sealed(refused).body

    assert len(body) <= BODY_LIMIT_BYTES
    assert json.loads(body)["target"]["id"] == refused.target_id
    assert str(refused.target_id).isascii()


@given(some.text("xyzXYZ😀", min_size=4), some.text("xyzXYZ😀", min_size=4), some.text("xyzXYZ😀", min_size=4))
def test_personal_data_stand_beside_the_body_and_never_in_it(name: str, address: str, agent: str) -> None:
    person = replace(user(1), name=name)
    made = sealed(act(name, Origin("r", address=address, agent=agent), person, person))

    for personal in (name, address, agent):
        assert personal.encode() not in made.body
    disclosures = [one for of_one in made.disclosures.values() for one in of_one]
    assert sorted(digest(one) for one in disclosures) == json.loads(made.body)["_sd"]
    assert len(set(disclosures)) == len(disclosures) == 5


@given(some.dictionaries(KEYS, JSON, max_size=5))
def test_what_writes_bodies_agrees_with_a_serialiser_for_every_value(value: dict[str, JsonValue]) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(some.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31)))  # noqa: DTZ001  # hypothesis wants naive bounds
def test_time_has_one_spelling(at: datetime) -> None:
    made = act(None, Origin("r"), certificate(1), certificate(2))
    body = json.loads(sealed(replace(made, time=at.replace(tzinfo=UTC))).body)

    assert datetime.fromisoformat(body["time"]) == at.replace(tzinfo=UTC)
    assert len(body["time"]) == len("2026-06-01T12:00:00.000000Z")


def test_fresh_salts_hide_equal_names() -> None:
    made = sealed(act("Ada", Origin("r", address="Ada", agent="Ada"), certificate(1), certificate(1)))

    digests = json.loads(made.body)["_sd"]
    assert len(set(digests)) == 3
    assert not {hashlib.sha256(b"Ada").hexdigest()} & set(digests)
