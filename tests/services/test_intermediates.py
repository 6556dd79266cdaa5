"""Intermediates that are brought ahead of the first device, and which of them are remembered."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from app.actor import Actor
from app.errors import CertificateRejected
from app.rules import pem
from app.rules.decision import Question
from app.rules.trust import decide
from app.services.intermediates import RememberIntermediates
from app.services.trust_states import load
from app.store import trust_reads
from app.store.intermediates import NAME_LIMIT
from app.terms import Service, Usage
from tests.connecting import Gateway
from tests.house import House, actor_of, upload_of
from tests.rules.authority import AT, Made, make


def leaf(name: str, issuer: Made) -> Made:
    return make(name, issuer=issuer, is_ca=None, key_usage=("digital_signature",))


async def test_a_leaf_alone_comes_in_once_its_intermediate_is_brought(house: House) -> None:
    """I is trusted; S stands under it, and d under S presents nothing but itself."""
    account = await house.account()
    anchor = make("I")
    sub = make("S", issuer=anchor)
    device = leaf("d", sub)
    trust = upload_of(anchor, usage=Usage.THIRD_PARTY_CA, service=Service.LWM2M)
    await house.perform(actor_of(account), trust)
    question = Question((device.parsed,), Service.LWM2M, AT)
    before = await load(house.database.reads, account.id)

    await house.perform(actor_of(account), RememberIntermediates(pem.encode([sub.der])))

    after = await load(house.database.reads, account.id, before)
    assert after.version > before.version
    assert not decide(before.store, question).is_allowed
    assert decide(after.store, question).is_allowed
    assert (await house.last_entry(account.id)).action == "intermediates.remember"


async def test_what_no_trusted_ca_stands_above_is_refused(house: House) -> None:
    account = await house.account()
    await house.upload(actor_of(account), make("I"), usage=Usage.THIRD_PARTY_CA, service=Service.LWM2M)
    stranger = make("S", issuer=make("Other"))

    with pytest.raises(CertificateRejected) as caught:
        await house.perform(actor_of(account), RememberIntermediates(pem.encode([stranger.der])))

    assert (caught.value.deciding.code, caught.value.deciding.index) == ("CHAIN_INCOMPLETE", 0)


async def test_a_device_is_no_intermediate(house: House) -> None:
    account = await house.account()
    anchor = make("I")
    await house.upload(actor_of(account), anchor, usage=Usage.THIRD_PARTY_CA, service=Service.LWM2M)

    with pytest.raises(CertificateRejected) as caught:
        await house.perform(actor_of(account), RememberIntermediates(pem.encode([leaf("d", anchor).der])))

    assert caught.value.deciding.code == "NOT_A_CA"


@dataclass
class Site:
    """An account that trusts I, what it remembers, and a gateway."""

    house: House
    actor: Actor
    anchor: Made
    gateway: Gateway

    def line(self, name: str = "Line") -> Made:
        return make(name, issuer=self.anchor)

    async def bring(self, *intermediates: Made) -> None:
        """Have these remembered, a minute after what was before."""
        self.house.clock.advance(timedelta(minutes=1))
        for start in range(0, len(intermediates), 10):
            source = pem.encode([each.der for each in intermediates[start : start + 10]])
            await self.house.perform(self.actor, RememberIntermediates(source))

    async def kept(self) -> set[bytes]:
        return set(await trust_reads.intermediates(self.house.database.reads, self.gateway.account_id))

    async def version(self) -> int | None:
        return await trust_reads.version(self.house.database.reads, self.gateway.account_id)

    async def comes(self, *chain: Made) -> bool:
        """Whether a device is let in, a minute later; what is noted of it is written."""
        self.house.clock.advance(timedelta(minutes=1))
        answer = await self.gateway.ask(*chain, service=Service.LWM2M)
        await self.gateway.flush()
        return answer.device_id is not None


@pytest.fixture
async def site(house: House) -> Site:
    """An account that trusts I and remembers nothing."""
    account, anchor = await house.account(), make("I")
    await house.upload(actor_of(account), anchor, usage=Usage.THIRD_PARTY_CA, service=Service.LWM2M)
    return Site(house, actor_of(account), anchor, Gateway(house, account.id))


async def test_of_one_name_only_so_many_are_remembered_and_the_newest_stay(site: Site) -> None:
    other, lines = site.line("Other"), [site.line() for _ in range(NAME_LIMIT)]
    await site.bring(other)
    await site.bring(*lines)

    more = [site.line() for _ in range(2)]
    for line in more:
        assert await site.comes(leaf(f"d{line.parsed.fingerprint.hex()[:8]}", line), line)

    kept = await site.kept()
    assert {other.der, *(line.der for line in more)} <= kept
    assert len(kept) == 1 + NAME_LIMIT


async def test_what_is_used_stays_and_what_is_not_makes_room(site: Site) -> None:
    """The first that was remembered is used by devices that present nothing: a new one, and one that comes again."""
    used, idle, *lines = (site.line() for _ in range(NAME_LIMIT))
    for line in (used, idle):
        await site.bring(line)
    await site.bring(*lines)
    assert await site.comes(leaf("first", used))
    before = await site.version()

    assert [await site.comes(leaf("first", used)) for _ in range(2)] == [True, True]
    await site.bring(new := site.line())

    assert await site.version() != before, "one came and one went"
    kept = await site.kept()
    assert {used.der, new.der} <= kept
    assert idle.der not in kept


async def test_a_use_is_no_change_of_what_is_trusted(site: Site) -> None:
    line = site.line()
    await site.bring(line)
    assert await site.comes(mine := leaf("d", line))
    before, used_at = await site.version(), await _used_at(site)

    assert await site.comes(mine)
    again = await _used_at(site)
    await site.bring(line)

    assert used_at < again < await _used_at(site)
    assert await site.version() == before


async def test_what_stands_beside_the_path_is_in_use_as_well(site: Site) -> None:
    """Device <- S <- I, and S <- X <- I: if X is blacklisted one day, it must be seen to stand above the device."""
    sub, beside = site.line("S"), site.line("X")
    crossed = make("S", issuer=beside, key=sub.key)
    await site.bring(sub, beside, crossed)
    brought_at = await _used_at(site)

    assert await site.comes(leaf("d", sub))

    assert await _used_at(site) > brought_at


async def _used_at(site: Site) -> int:
    """When all that is remembered was last used."""
    (row,) = await site.house.database.reads.fetch("SELECT DISTINCT used_at FROM intermediate")
    return int(row["used_at"])
