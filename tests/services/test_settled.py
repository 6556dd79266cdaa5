"""What is remembered of answers is bounded by what it takes, whatever strangers present."""

import pytest
from cryptography import x509

from app.rules.certificate import ParsedCertificate
from app.services import admissions
from app.terms import Service, Usage
from tests.connecting import Gateway, device
from tests.held import bytes_held, reached
from tests.house import House, actor_of
from tests.rules.authority import Made, make
from tests.rules.heavy import heavy

STRANGER = make("X")
JUNK = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.2"), bytes(10_000))
LIMIT = 500_000
TRUSTED = {"usage": Usage.THIRD_PARTY_CA, "service": Service.LWM2M, "name": "x"}


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
        await house.upload(actor_of(account), STRANGER, **TRUSTED)
    gateway = Gateway(house, account.id)

    for number in range(40):
        answer = await gateway.ask(*presented(number, STRANGER), service=Service.LWM2M)
        assert answer.decision.is_allowed is is_trusted

    settled = gateway.admissions._settled  # noqa: SLF001  # nothing else shows what it takes
    assert 1 < len(settled) < 30
    assert 15_000 * len(settled) < settled.weight <= LIMIT
    await gateway.flush()


@pytest.mark.parametrize("kind", ["a deep name", "host names", "extensions", "a subject that shows itself escaped"])
async def test_answers_take_no_more_than_their_weight(house: House, kind: str) -> None:
    account = await house.account()
    gateway = Gateway(house, account.id)

    for number in range(3):
        await gateway.ask(heavy(kind, make(f"CA {number}")), service=Service.LWM2M, endpoint_name="n" * 255)

    settled = gateway.admissions._settled  # noqa: SLF001  # nothing else shows what it takes
    assert len(settled) == 3
    assert bytes_held(settled) <= settled.weight <= 1.5 * bytes_held(settled)
    await gateway.flush()


async def test_chains_that_cannot_be_read_weigh_what_they_take(house: House) -> None:
    account = await house.account()
    gateway = Gateway(house, account.id)

    for number in range(10):
        await gateway.ask(*[Made(b"%d" % number * 10_000, STRANGER.key)] * 10, service=Service.LWM2M)

    settled = gateway.admissions._settled  # noqa: SLF001  # nothing else shows what it takes
    assert 100_000 < bytes_held(settled) <= settled.weight
    await gateway.flush()


async def test_an_answer_keeps_the_devices_certificate_alone(house: House) -> None:
    """What the account trusted would stay in memory as long, after it is deleted, and weigh nothing."""
    account = await house.account()
    await house.upload(actor_of(account), STRANGER, **TRUSTED)
    gateway = Gateway(house, account.id)
    middle = make("middle", issuer=STRANGER)
    leaf = device("d", middle)

    assert (await gateway.ask(leaf, middle, service=Service.LWM2M)).decision.is_allowed

    settled = gateway.admissions._settled  # noqa: SLF001  # nothing else shows what it takes
    assert [each for each in reached(settled) if isinstance(each, ParsedCertificate)] == [leaf.parsed]
    await gateway.flush()
