"""What somebody would present, or an account might hold, to make a decision expensive.

Every case is a question and its answer. The certificates go to the rule itself: an input's limit of ten would keep most
of them away.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from math import gcd
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from app.reasons import Reason
from app.rules.keys import DSA_LARGEST
from app.rules.trust_store import Record
from tests.rules.authority import Made, PrivateKey, dh_spki, dsa_spki, integer, make, name, rebuild, rsa_spki, tlv
from tests.rules.deciding import device, record

SHA256_RSA = bytes.fromhex("300d06092a864886f70d01010b0500")
SHA256_DSA = bytes.fromhex("300b0609608648016503040302")


@dataclass(frozen=True, slots=True)
class Case:
    """What is presented, what the account holds, and what must come of it."""

    reason: Reason
    presented: Sequence[Made]
    records: Sequence[Record]


@cache
def key(number: int) -> PrivateKey:  # noqa: ARG001 - one for each number
    return ec.generate_private_key(ec.SECP256R1())


def signer(subject: str, own: PrivateKey) -> dict[str, Any]:
    """Whoever has this name and key signs."""
    return {"issuer": Made(b"", own), "issuer_name": name(subject)}


def layers(height: int, width: int) -> list[Made]:
    """Layers of CAs: all of one layer share name and key, and everyone is signed by everyone of the layer above.

    device <- width x L0 <- width x L1 <- … <- width x L(height-1) <- one Top: width ** height paths.
    """
    names = [*(f"L{number}" for number in range(height)), "Top"]
    return [
        make(names[layer], key=key(layer), serial=serial + 1, **signer(names[layer + 1], key(layer + 1)))
        for layer in range(height)
        for serial in range(width)
    ]


def branching(height: int, width: int, *, reason: Reason, **top: Any) -> Case:
    """The layers under a trusted Top; where that is flawed, all paths are tried."""
    mine = device(Made(b"", key(0)), issuer_name=name("L0"))
    return Case(reason, [mine, *layers(height, width)], [record(make("Top", key=key(height), **top))])


def branching_beside_a_good_path(height: int, width: int) -> Case:
    """The layers under a Top that nobody trusts, and one more certificate of the lowest CA, by a trusted one."""
    fleet = make()
    good = make("L0", issuer=fleet, key=key(0))
    mine = device(Made(b"", key(0)), issuer_name=name("L0"))
    top = make("Top", key=key(height))
    return Case(Reason.TRUSTED, [mine, *layers(height, width), top, good], [record(fleet)])


def all_sign_all(count: int, *, reason: Reason) -> Case:
    """Every CA has signed every other one: count * count certificates, and the last CA is trusted and may not sign."""
    names = [f"CA {number}" for number in range(count)]
    crossed = [
        make(subject, key=key(below), serial=above + 1, **signer(names[above], key(above)))
        for below, subject in enumerate(names)
        for above in range(count)
    ]
    mine = device(Made(b"", key(0)), issuer_name=name(names[0]))
    return Case(reason, [mine, *crossed], [record(make(names[-1], key=key(count - 1), key_usage=("crl_sign",)))])


def ring() -> Case:
    """Device <- A <- B <- C <- A …, and somebody else is trusted."""
    names = "ABC"
    circle = [make(names[at], key=key(at), **signer(names[at - 2], key((at + 1) % 3))) for at in range(3)]
    return Case(
        Reason.NO_TRUST_PATH, [device(Made(b"", key(0)), issuer_name=name("A")), *circle], [record(make("Root CA"))]
    )


def namesakes(count: int, *, reason: Reason) -> Case:
    """Many trusted CAs of one name, each with its own key, and the last one's device."""
    cas = [make(key=key(number)) for number in range(count)]
    return Case(reason, [device(cas[-1])], [record(ca) for ca in cas])


def presented_namesakes(count: int, *, reason: Reason) -> Case:
    """Device of a trusted CA that presents many more CAs of that name, each with its own key."""
    fleet = make()
    return Case(reason, [device(fleet), *(make(key=key(number)) for number in range(count))], [record(fleet)])


def strangers(count: int) -> Case:
    """Device of a trusted CA that presents many CAs of other names."""
    fleet = make()
    return Case(
        Reason.TRUSTED,
        [device(fleet), *(make(f"CA {number}", key=key(number)) for number in range(count))],
        [record(fleet)],
    )


@cache
def slow_key() -> rsa.RSAPrivateKey:
    """As large as the rules allow or nearly, with the largest exponent that they allow: made of known primes."""
    p, q = 2**4423 - 1, 2**3217 - 1
    order = (p - 1) * (q - 1)
    exponent = next(e for e in range(2**64 - 1, 0, -2) if gcd(e, order) == 1)
    private = pow(exponent, -1, order)
    numbers = rsa.RSAPrivateNumbers(
        p, q, private, private % (p - 1), private % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(exponent, p * q)
    )
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)  # which takes seconds, and says what is known


def slow_signatures(count: int, own: PrivateKey) -> Case:
    """A stranger's device under many certificates of one CA, each of which seems to have signed all of them."""
    cas = [make(key=own, serial=serial + 1) for serial in range(count)]
    return Case(Reason.NO_TRUST_PATH, [device(cas[0]), *cas], [record(make("Root CA"))])


def slow_dsa_signatures(count: int, bits: int) -> Case:
    """The same with a key of DSA whose generator is one: a signature of two ones is good for everything."""

    def signed(good: Made, **fields: Any) -> Made:
        return rebuild(good, key(0), algorithm=SHA256_DSA, sign=lambda _: tlv(0x30, integer(1), integer(1)), **fields)

    spki = dsa_spki(2**bits - 1, 2**256 - 189, 1, 1)
    cas = [signed(make(key=key(0), serial=serial + 1), spki=spki) for serial in range(count)]
    return Case(Reason.NO_TRUST_PATH, [signed(device(make(key=key(0)))), *cas], [record(make("Root CA"))])


def huge_prime_of_a_ca() -> Case:
    """A key of Diffie-Hellman, whose prime takes half a minute to be found one, if anybody tried."""
    fleet = make(key=key(0))
    return Case(
        Reason.NO_TRUST_PATH,
        [device(fleet), rebuild(fleet, key(0), spki=dh_spki(2**9941 - 1))],
        [record(make("Root CA"))],
    )


def huge_exponent_of_a_ca() -> Case:
    """A signature that would take seconds to verify, if anybody tried."""
    fleet = make(key=key(0))
    costly = rebuild(fleet, key(0), spki=rsa_spki((1 << 8191) | 1, (1 << 8190) | 1))
    mine = rebuild(device(fleet), key(0), algorithm=SHA256_RSA, sign=lambda _: bytes([0x11]) * 1024)
    return Case(Reason.NO_TRUST_PATH, [mine, costly], [record(make("Root CA"))])


def huge_exponent_of_the_device() -> Case:
    fleet = make()
    spki = rsa_spki((1 << 8191) | 1, (1 << 8190) | 1)
    return Case(Reason.KEY_EXPONENT_INVALID, [rebuild(device(fleet), fleet.key, spki=spki)], [record(fleet)])


def many_names(count: int, *, reason: Reason) -> Case:
    """A trusted CA's own sub-CAs, each of which constrains, and has, a hundred names."""
    trees = [x509.DNSName(f"{number}.example") for number in range(100)]
    names = x509.SubjectAlternativeName([x509.DNSName(f"x.{number}.example") for number in range(100)])
    line = [make("Root CA")]
    for number in range(count):
        extensions = [(x509.NameConstraints(trees, None), True), (names, False)]
        line.append(make(f"CA {number}", issuer=line[-1], extensions=extensions))
    mine = device(line[-1], extensions=[(names, False)])
    return Case(reason, [mine, *line[:0:-1]], [record(line[0])])


def many_names_below_a_device(count: int) -> Case:
    """The CAs of a device that signs below itself: there is a way up, and every name lies outside what is excluded."""
    root = make("Root CA")
    trees = [x509.UniformResourceIdentifier(f".{number}.e") for number in range(100)]
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"a://{number}.ex") for number in range(100)])
    line = [device(root)]
    for number in range(count):
        extensions = [(x509.NameConstraints(None, trees), True), (names, False)]
        line.append(make(f"CA {number}", issuer=line[-1], extensions=extensions))
    mine = device(line[-1], subject="urn:device:2", extensions=[(names, False)])
    return Case(Reason.NAME_CONSTRAINT_BUDGET, [mine, *line[::-1]], [record(root)])


CASES: dict[str, Callable[[], Case]] = {
    "a ring": ring,
    "8 CAs in 4 layers": lambda: branching(4, 2, reason=Reason.TRUSTED),
    "8 CAs in 4 layers, to a flawed anchor": lambda: branching(4, 2, reason=Reason.CA_KEY_USAGE, key_usage=()),
    "20 CAs in 5 layers": lambda: branching(5, 4, reason=Reason.TRUSTED),
    "20 CAs in 5 layers, to a flawed anchor": lambda: branching(
        5, 4, reason=Reason.PATH_TOO_COMPLEX, key_usage=("crl_sign",)
    ),
    "20 CAs in 5 layers beside a good path": lambda: branching_beside_a_good_path(5, 4),
    "100 CAs in 10 layers": lambda: branching(10, 10, reason=Reason.PATH_TOO_COMPLEX),
    "3 CAs that sign each other": lambda: all_sign_all(3, reason=Reason.CA_KEY_USAGE),
    "4 CAs that sign each other": lambda: all_sign_all(4, reason=Reason.CA_KEY_USAGE),
    "6 CAs that sign each other": lambda: all_sign_all(6, reason=Reason.PATH_TOO_COMPLEX),
    "100 presented strangers": lambda: strangers(99),
    "100 presented namesakes": lambda: presented_namesakes(99, reason=Reason.TRUSTED),
    "129 presented namesakes": lambda: presented_namesakes(128, reason=Reason.PATH_TOO_COMPLEX),
    "9 presented namesakes": lambda: presented_namesakes(9, reason=Reason.TRUSTED),
    "300 trusted namesakes": lambda: namesakes(300, reason=Reason.PATH_TOO_COMPLEX),
    "128 trusted namesakes": lambda: namesakes(128, reason=Reason.TRUSTED),
    "129 trusted namesakes": lambda: namesakes(129, reason=Reason.PATH_TOO_COMPLEX),
    "9 slow RSA keys": lambda: slow_signatures(9, slow_key()),
    "9 slow EC keys": lambda: slow_signatures(9, ec.generate_private_key(ec.BrainpoolP512R1())),
    "9 slow DSA keys": lambda: slow_dsa_signatures(9, DSA_LARGEST),
    "9 huge DSA keys": lambda: slow_dsa_signatures(9, 9941),
    "a CA with a huge prime": huge_prime_of_a_ca,
    "a CA with a huge exponent": huge_exponent_of_a_ca,
    "a device with a huge exponent": huge_exponent_of_the_device,
    "a CA with 100 names and constraints": lambda: many_names(1, reason=Reason.TRUSTED),
    "9 CAs with 100 names and constraints": lambda: many_names(9, reason=Reason.NAME_CONSTRAINT_BUDGET),
    "8 CAs of a device, with 100 URIs and constraints": lambda: many_names_below_a_device(8),
}
