"""What an account remembers of other devices' chains: it may help a device in, or block it, and never be too much.

Seen to fail where remembered certificates were counted with all others; where those that still fit counted; and where
what is remembered was searched together with what is presented.
"""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.reasons import Reason
from app.rules.trust import Limits
from tests.rules.authority import Made, make
from tests.rules.deciding import blacklisted, decided, device, record

pytestmark = pytest.mark.once


def of_one_name(name: str, issuer: Made, count: int) -> list[Made]:
    """CAs of one name with a key each."""
    return [make(name, issuer=issuer) for _ in range(count)]


def test_a_maker_may_have_more_lines_of_one_name_than_signatures_are_checked() -> None:
    """Device <- Line (one of 300, presented) <- Fleet (trusted), and the other 299 are remembered."""
    fleet = make("Fleet")
    lines = of_one_name("Line", fleet, 300)

    for line in (lines[0], lines[252], lines[299]):
        assert decided([record(fleet)], device(line), line, remembered=lines).is_allowed


def test_the_devices_of_one_ca_cannot_keep_those_of_another_out() -> None:
    """Device <- W <- V <- Fleet (trusted), beside 140 others named V and 140 named W, which S <- Fleet has signed."""
    fleet = make("Fleet")
    sub, upper = make("S", issuer=fleet), make("V", issuer=fleet)
    lower = make("W", issuer=upper)
    remembered = [sub, *of_one_name("V", sub, 140), *of_one_name("W", sub, 140)]

    for records in ([record(fleet)], [record(fleet), blacklisted(sub, fleet)]):
        assert decided(records, device(lower), lower, upper, remembered=remembered).is_allowed


def test_a_device_that_needs_what_does_not_fit_is_refused_for_want_of_its_issuer() -> None:
    """Each line is one signature; who signed the line and the trusted CA, which is its own root, are one each."""
    fleet = make("Fleet")
    lines = of_one_name("Line", fleet, 255)

    assert decided([record(fleet)], device(lines[0]), remembered=lines[:254]).is_allowed
    assert decided([record(fleet)], device(lines[0]), remembered=lines).reason is Reason.NO_TRUST_PATH


@pytest.mark.parametrize("is_presented", [True, False])
def test_what_is_remembered_of_a_blacklisted_ca_blocks_as_well(*, is_presented: bool) -> None:
    """Device <- Fleet <- Good (trusted), and Fleet <- Bad (blacklisted), which another device has presented."""
    good, bad = make("Good"), make("Bad")
    fleet = make("Fleet", issuer=good)
    crossed = make("Fleet", issuer=bad, key=fleet.key)
    presented, remembered = ([fleet], [crossed]) if is_presented else ([], [fleet, crossed])

    decision = decided([record(good), blacklisted(bad)], device(fleet), *presented, remembered=remembered)

    assert decision.reason is Reason.BLACKLISTED


@pytest.mark.parametrize("checks", range(1, 24))
def test_no_limit_hides_a_blacklisted_ca_on_one_of_two_remembered_ways(checks: int) -> None:
    """Device <- Fleet <- Good (trusted), and Fleet <- Middle <- Bad (blacklisted), beside others of these names."""
    good, bad = make("Good"), make("Bad")
    fleet, middle = make("Fleet", issuer=good), make("Middle", issuer=bad)
    crossed = make("Fleet", issuer=middle, key=fleet.key)
    others = [*of_one_name("Fleet", good, 5), *of_one_name("Middle", bad, 5)]
    mine = device(fleet)

    decision = decided(
        [record(good), blacklisted(bad)],
        mine,
        remembered=[fleet, crossed, middle, *others],
        limits=Limits(signatures=checks),
    )

    assert decision.reason in (Reason.BLACKLISTED, Reason.NO_TRUST_PATH)
    assert (decision.reason is Reason.BLACKLISTED) == (checks >= 17)


def test_remembered_ways_take_no_steps_from_the_one_that_is_presented() -> None:
    """Device <- Fleet <- Good <- Anchor, presented, and Fleet <- Dead <- Anchor: all ten of Dead have expired."""
    anchor = make("Anchor")
    good, dead = (make(each, issuer=anchor, key=Ed25519PrivateKey.generate()) for each in ("Good", "Dead"))
    fleet = make("Fleet", issuer=good, serial=0x2222)
    crossed = make("Fleet", issuer=dead, key=fleet.key, serial=0x1111)
    expired = [
        make("Dead", issuer=anchor, key=dead.key, serial=0x1000 + each, not_after=anchor.parsed.not_before)
        for each in range(10)
    ]
    assert crossed.der < fleet.der, "the search looks at it first"

    decision = decided(
        [record(anchor)], device(fleet), fleet, crossed, good, remembered=expired, limits=Limits(steps=4)
    )

    assert decision.is_allowed
