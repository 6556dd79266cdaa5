"""Random families of CAs and devices, the same in every run: cross-signatures, limits, flaws and missing parts.

A family has a few names, each with one key or two, and certificates between them: everybody may sign everybody. Keys
are few and made once, because what is tested is paths. Flaws are rare enough that many chains remain whole.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from random import Random
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.rules.authority import AT, CA_USAGE, Made, PrivateKey, make, name, rsa_key

DAY = timedelta(days=1)
QUESTIONS_OF_A_FAMILY = 20
DOMAINS = ("a.example", "b.example", "x.a.example")
CLIENT, SERVER, ANY = (
    ExtendedKeyUsageOID.CLIENT_AUTH,
    ExtendedKeyUsageOID.SERVER_AUTH,
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A device that presents some CAs to somebody who trusts some."""

    device: Made
    presented: tuple[Made, ...]
    anchors: tuple[Made, ...]


@cache
def keys() -> tuple[PrivateKey, ...]:
    """Most are on P-256; the last is one that the library's verification does not know."""
    curves = [*[ec.SECP256R1()] * 8, ec.SECP384R1()]
    return (*map(ec.generate_private_key, curves), rsa_key(), ed25519.Ed25519PrivateKey.generate())


def questions(count: int, *, seed: int) -> Iterator[Asked]:
    dice = Random(seed)  # noqa: S311 - the same chains in every run
    for _ in range(count // QUESTIONS_OF_A_FAMILY):
        yield from _family(dice)


def _family(dice: Random) -> Iterator[Asked]:
    pool = dice.sample(keys(), 6)
    # The last one has a name that another has too: a CA that has changed its key, or an impostor.
    authorities = [(f"CA {number % 5}", key) for number, key in enumerate(pool)]
    cas = [_ca(dice, authority, authority) for authority in authorities[:3]]
    for authority in authorities:
        cas.extend(_ca(dice, authority, dice.choice(authorities)) for _ in range(dice.choice((1, 1, 2))))
    for _ in range(QUESTIONS_OF_A_FAMILY):
        presented = dice.sample(cas, min(len(cas), dice.choice((6, 9, 12))))
        anchors = dice.sample(cas, dice.choice((1, 2, 3)))
        yield Asked(_device(dice, dice.choice(authorities)), tuple(presented), tuple(anchors))


NO_CONSTRAINTS: dict[str, Any] = {"is_ca": None}
NO_CA: dict[str, Any] = {"is_ca": False}
IS_CA: dict[str, Any] = {"is_ca": True}


def _rarely(dice: Random, *odd: Any, usual: Any) -> Any:
    """One of these in about one case of twelve, else the usual."""
    return dice.choice(odd) if dice.random() < 1 / 12 else usual


def _validity(dice: Random) -> dict[str, Any]:
    begins, ends = _rarely(dice, (-9, -1), (1, 9), (0, 0), (-9, 0), (0, 9), usual=(-9, 9))
    return {"not_before": AT + begins * DAY, "not_after": AT + ends * DAY}


def _signer(dice: Random, issuer: tuple[str, PrivateKey]) -> dict[str, Any]:
    """The issuer's name with its key, or with somebody else's."""
    other = dice.choice(keys())
    return {"issuer_name": name(issuer[0]), "issuer": Made(b"", _rarely(dice, other, usual=issuer[1]))}


def _uses(dice: Random) -> list[tuple[x509.ExtensionType, bool]]:
    uses = _rarely(dice, [SERVER], [CLIENT], [SERVER, CLIENT], [ANY], usual=None)
    return [] if uses is None else [(x509.ExtendedKeyUsage(uses), False)]


def _constraints(dice: Random) -> list[tuple[x509.ExtensionType, bool]]:
    domains: Sequence[str] | None = _rarely(dice, DOMAINS[:1], DOMAINS[1:2], DOMAINS[:2], usual=None)
    if domains is None:
        return []
    trees = [x509.DNSName(domain) for domain in domains]
    permitted, excluded = dice.choice(((trees, None), (None, trees)))
    return [(x509.NameConstraints(permitted, excluded), True)]


def _ca(dice: Random, subject: tuple[str, PrivateKey], issuer: tuple[str, PrivateKey]) -> Made:
    limited: list[dict[str, Any]] = [IS_CA | {"path_length": length} for length in (0, 0, 1, 2)]
    not_critical = IS_CA | {"basic_constraints_critical": False}
    kind = _rarely(dice, NO_CA, NO_CONSTRAINTS, not_critical, usual=_rarely(dice, *limited, usual=IS_CA))
    return make(
        subject[0],
        **_signer(dice, issuer),
        **_validity(dice),
        key=subject[1],
        serial=dice.getrandbits(64) + 1,
        **kind,
        key_usage=_rarely(dice, None, ("crl_sign",), usual=CA_USAGE),
        extensions=[*_uses(dice), *_constraints(dice)],
    )


def _device(dice: Random, issuer: tuple[str, PrivateKey]) -> Made:
    host = dice.choice((*DOMAINS, None))
    names = [] if host is None else [(x509.SubjectAlternativeName([x509.DNSName(host)]), False)]
    return make(
        "device",
        **_signer(dice, issuer),
        **_validity(dice),
        key=keys()[0],
        serial=dice.getrandbits(64) + 1,
        **_rarely(dice, IS_CA, NO_CA, usual=NO_CONSTRAINTS),
        key_usage=_rarely(
            dice, ("digital_signature",), ("key_encipherment",), ("digital_signature", "key_cert_sign"), usual=None
        ),
        extensions=[*_uses(dice), *names],
    )
