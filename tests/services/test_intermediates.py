"""Intermediates that are brought ahead of the first device."""

import pytest

from app.errors import CertificateRejected
from app.rules import pem
from app.rules.decision import Question
from app.rules.trust import decide
from app.services.intermediates import RememberIntermediates
from app.services.trust_states import load
from app.terms import Service, Usage
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
