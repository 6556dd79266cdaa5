"""What is remembered of answers is bounded by what it takes, whatever strangers present."""

import pytest
from cryptography import x509

from app.services import admissions
from app.terms import Service, Usage
from tests.connecting import Gateway, device
from tests.house import House, actor_of
from tests.rules.authority import Made, make

STRANGER = make("X")
JUNK = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.2"), bytes(10_000))
LIMIT = 500_000


def presented(number: int, issuer: Made) -> list[Made]:
    """A chain with something beside it that belongs to nothing."""
    return [device(f"d{number}", issuer), make(f"junk {number}", extensions=[(JUNK, False)])]


@pytest.mark.parametrize("is_trusted", [True, False])
async def test_large_chains_make_room_for_one_another(
    house: House, monkeypatch: pytest.MonkeyPatch, *, is_trusted: bool
) -> None:
    monkeypatch.setattr(admissions, "SETTLED_BYTES", LIMIT)
    account = await house.account()
    if is_trusted:
        words = {"usage": Usage.THIRD_PARTY_CA, "service": Service.LWM2M, "name": "x"}
        await house.upload(actor_of(account), STRANGER, **words)
    gateway = Gateway(house, account.id)

    for number in range(40):
        answer = await gateway.ask(*presented(number, STRANGER), service=Service.LWM2M)
        assert answer.decision.is_allowed is is_trusted

    settled = gateway.admissions._settled  # noqa: SLF001  # nothing else shows what it takes
    assert 1 < len(settled) < 20
    assert 30_000 * len(settled) < settled.weight <= LIMIT
    await gateway.flush()
