"""What certificates weigh in what is bounded by memory: never less than they take, and not much more."""

import gc
import tracemalloc

import pytest
from cryptography.hazmat.primitives.asymmetric import mldsa

from app.rules import certificate, profile
from app.rules.certificate import certificates, parse, parse_cached
from app.rules.profile import Place
from app.transport.graphql.types.x509 import VIEWS_BYTES, view_of, views
from tests.held import bytes_held
from tests.rules.authority import Made, make, rsa_key
from tests.rules.deciding import device
from tests.rules.heavy import HEAVY, heavy

NATIVE_BYTES = 2400
"""What a key on P-256 takes outside of Python, once it has verified a signature: nobody sees it from here."""
COUNT = 3


def traced(der: bytes) -> float:
    """How many bytes of Python's memory a certificate takes that is read from these, which are its own then."""
    parse(der)
    copies = [bytes(bytearray(der)) for _ in range(COUNT)]
    gc.collect()
    tracemalloc.start()
    read = []
    for each in copies:
        certificate._issuer_texts.clear()  # noqa: SLF001  # or one text is all theirs
        read.append(parse(each))
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held / len(read) + len(der)


@pytest.mark.parametrize("kind", HEAVY)
def test_a_certificate_takes_no_more_than_its_weight(kind: str) -> None:
    made = heavy(kind)

    held = traced(made.der) + NATIVE_BYTES

    assert held <= made.parsed.weight <= 1.5 * held


@pytest.mark.parametrize(
    "made", [make(), device(make()), make(key=rsa_key()), make(key=mldsa.MLDSA87PrivateKey.generate())]
)
def test_a_usual_certificate_weighs_little(made: Made) -> None:
    assert traced(made.der) + NATIVE_BYTES <= made.parsed.weight <= 4 * len(made.der) + 8000


def test_what_is_remembered_of_a_ca_is_what_is_said_of_it() -> None:
    odd = heavy("critical extensions").parsed

    said = profile.lasting_of_any_ca(odd, Place.BELOW_ROOT)

    assert profile.lasting_of_any_ca(odd, Place.BELOW_ROOT) is said
    before = profile.of_cas.weight
    profile.of_cas.drop((odd.fingerprint, Place.BELOW_ROOT))
    assert bytes_held(said) <= before - profile.of_cas.weight


def test_certificates_that_are_read_again_and_again_are_bounded_by_what_they_take() -> None:
    limit = certificate.CACHED_BYTES
    for number in range(100):
        fleet = make(f"CA {number}")
        parse_cached(heavy("a deep name", fleet).der)
        assert certificates.weight <= limit
        assert len(certificates) < 50 or number < 50

    assert bytes_held(certificates) <= limit


def test_views_are_bounded_by_what_they_take() -> None:
    for number in range(40):
        view_of(heavy("a subject that shows itself escaped", make(f"CA {number}")).parsed)

    assert len(views) < 40
    assert bytes_held(views) <= views.weight <= VIEWS_BYTES
