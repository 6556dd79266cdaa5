"""Quota, access, lifecycle and credentials: small rules, each at both of its sides."""

import pytest

from app.actor import ANONYMOUS, SCOPES, Actor, ActorType, Role, Scope
from app.errors import DeleteWouldUnblock, Forbidden, InvalidInput, QuotaExceeded, Unauthenticated, VersionConflict
from app.rules import access, credential, lifecycle, quota
from app.rules.credential import Credential
from app.rules.lifecycle import Standing
from app.terms import Status, Tier

A, B, C, D = (bytes([number]) * 32 for number in range(4))


def actor(*scopes: Scope) -> Actor:
    return Actor(ActorType.API_KEY, "k", "a", "name", frozenset(scopes))


def test_there_is_room_below_the_limit_and_none_at_it() -> None:
    quota.require_room(used=9, limit=10)
    for used in (10, 11):
        with pytest.raises(QuotaExceeded) as raised:
            quota.require_room(used=used, limit=10)
        assert (raised.value.limit, raised.value.used) == (10, used)


def test_the_tiers_hold_what_the_product_promises() -> None:
    assert quota.effective_limit(Tier.DEVELOPER, None) == 10
    assert quota.effective_limit(Tier.COMMERCIAL, None) == 50
    assert quota.effective_limit(Tier.COMMERCIAL, 7) == 7
    assert quota.effective_limit(Tier.COMMERCIAL, 0) == 0


def test_an_operator_grants_up_to_ten_thousand() -> None:
    assert quota.require_limit(0) == 0
    assert quota.require_limit(10_000) == 10_000
    for limit in (-1, 10_001):
        with pytest.raises(InvalidInput):
            quota.require_limit(limit)


@pytest.mark.parametrize("scope", Scope)
def test_only_a_named_scope_opens(scope: Scope) -> None:
    access.require_scope(actor(scope), scope)
    with pytest.raises(Forbidden):
        access.require_scope(actor(*(set(Scope) - {scope})), scope)
    with pytest.raises(Unauthenticated):
        access.require_scope(ANONYMOUS, scope)


def test_no_role_operates_the_installation_and_gateways_read_nothing() -> None:
    assert all(Scope.OPERATE not in scopes for scopes in SCOPES.values())
    assert SCOPES[Role.GATEWAY] == {Scope.GATEWAY}
    assert Scope.AUDIT_READ not in SCOPES[Role.OPERATOR] | SCOPES[Role.VIEWER]
    assert Scope.CERTIFICATES_WRITE not in SCOPES[Role.AUDITOR] | SCOPES[Role.VIEWER]


def test_nobody_grants_what_they_do_not_have() -> None:
    access.require_grantable(actor(*SCOPES[Role.ADMIN]), Role.OPERATOR)
    access.require_grantable(actor(Scope.GATEWAY), Role.GATEWAY)
    with pytest.raises(Forbidden, match="certificates:write"):
        access.require_grantable(actor(Scope.CERTIFICATES_READ), Role.OPERATOR)


def test_a_version_is_asked_for_only_where_it_is_named() -> None:
    lifecycle.require_version(target_id="x", current=3, expected=None)
    lifecycle.require_version(target_id="x", current=3, expected=3)
    for expected in (2, 4, 0, -1):
        with pytest.raises(VersionConflict):
            lifecycle.require_version(target_id="x", current=3, expected=expected)


BLOCKED = Standing("1", "blocked", Status.INACTIVE, (B, A))


@pytest.mark.parametrize(
    "other",
    [
        Standing("2", "the same CA for the other service", Status.ACTIVE, (B, A)),
        Standing("2", "its root", Status.ACTIVE, (A,)),
        Standing("2", "a CA below it", Status.ACTIVE, (C, B, A)),
    ],
    ids=lambda other: other.name,
)
def test_a_related_active_record_would_admit_what_is_blocked(other: Standing) -> None:
    with pytest.raises(DeleteWouldUnblock, match=other.name):
        lifecycle.require_still_blocked(BLOCKED, [other])


@pytest.mark.parametrize(
    "others",
    [
        [],
        [Standing("2", "unrelated", Status.ACTIVE, (D,))],
        [Standing("2", "a sibling under one root", Status.ACTIVE, (C, A))],
        [Standing("2", "its root, blacklisted", Status.INACTIVE, (A,))],
        [
            Standing("2", "its root", Status.ACTIVE, (A,)),
            Standing("3", "still blocked for the other service", Status.INACTIVE, (B, A)),
        ],
    ],
    ids=lambda others: others[-1].name if others else "alone",
)
def test_without_one_the_deletion_unblocks_nothing(others: list[Standing]) -> None:
    lifecycle.require_still_blocked(BLOCKED, others)


def test_a_deletion_lets_nobody_in_unasked() -> None:
    lifecycle.require_nobody_let_in(0, unknown=0)
    with pytest.raises(DeleteWouldUnblock, match=r"would come in .*1,200 of those that have come before") as raised:
        lifecycle.require_nobody_let_in(1_200, unknown=7)
    assert raised.value.path == ("confirmUnblock",)
    with pytest.raises(DeleteWouldUnblock, match=r"may come in .*7 of those that have come before are too many"):
        lifecycle.require_nobody_let_in(0, unknown=7)


def test_an_active_record_blocks_nothing_and_may_go() -> None:
    record = Standing("1", "active", Status.ACTIVE, (B, A))
    lifecycle.require_still_blocked(record, [Standing("2", "its root", Status.ACTIVE, (A,))])


def test_a_credential_is_read_back_as_it_was_written() -> None:
    made = Credential("0" * 32, bytes(range(32)))

    assert credential.read(made.text) == made
    assert made.text.startswith(f"ak_{'0' * 32}")
    assert made.hint == "ak_000000000000"
    assert bytes(range(32)).hex() not in repr(made)


def test_a_mistyped_credential_is_none() -> None:
    good = Credential("0" * 32, bytes(32)).text
    for place in range(len(good)):
        other = "1" if good[place] != "1" else "2"
        assert credential.read(good[:place] + other + good[place + 1 :]) is None
    for text in ("", "ak_", good[:-1], f"{good}0", f" {good}", f"{good}\n", good.upper(), "x" * 1_000_000):
        assert credential.read(text) is None


def test_a_secret_is_compared_by_its_hash() -> None:
    made = Credential("0" * 32, bytes(32))

    assert credential.is_same_secret(made, made.secret_sha256)
    assert not credential.is_same_secret(Credential("0" * 32, bytes(31) + b"x"), made.secret_sha256)
