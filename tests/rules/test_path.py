"""Limits that a CA sets for those below it: path length and names."""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from app.findings import FindingCode
from app.rules import path
from tests.rules.authority import Made, make, name
from tests.rules.flaws import examined

OTHER = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x01x")


def directory(organisation: str, *more: str) -> x509.DirectoryName:
    units = [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit) for unit in more]
    return x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation), *units]))


def constrained(
    permitted: Sequence[x509.GeneralName] = (), excluded: Sequence[x509.GeneralName] = (), *, critical: bool = True
) -> Made:
    constraints = x509.NameConstraints(list(permitted) or None, list(excluded) or None)
    return make("Root CA", extensions=[(constraints, critical)])


def named(issuer: Made, *names: x509.GeneralName, subject: str | x509.Name = "below") -> Made:
    extensions = [(x509.SubjectAlternativeName(list(names)), False)] if names else []
    return make(subject, issuer=issuer, extensions=extensions)


def breach(root: Made, below: Made) -> FindingCode | None:
    found = path.breach(root.parsed, [below.parsed], path.Budget())
    return None if found is None else found.code


DNS, MAIL, URI = x509.DNSName, x509.RFC822Name, x509.UniformResourceIdentifier


def IP(text: str) -> x509.IPAddress:  # noqa: N802 - reads as the other forms do
    return x509.IPAddress(ip_network(text) if "/" in text else ip_address(text))


def unchecked(text: str) -> x509.RFC822Name:
    """An address that the library reads and would not write."""
    return x509.RFC822Name._init_without_validation(text)  # noqa: SLF001


WITHIN: list[tuple[x509.GeneralName, x509.GeneralName]] = [
    (DNS("example.com"), DNS("example.com")),
    (DNS("example.com"), DNS("a.b.example.com")),
    (DNS("example.com"), DNS("A.EXAMPLE.COM")),
    (DNS("EXAMPLE.com"), DNS("a.example.com")),
    (DNS("example.com"), DNS("*.example.com")),
    (DNS("example.com"), DNS("_acme.example.com")),
    (DNS(""), DNS("anything.example")),
    (MAIL("example.com"), MAIL("a@example.com")),
    (unchecked(""), MAIL("a@example.com")),
    (URI(""), URI("https://example.com")),
    (MAIL("example.com"), MAIL("a@EXAMPLE.com")),
    (MAIL(".example.com"), MAIL("a@mail.example.com")),
    (MAIL("a@example.com"), MAIL("a@Example.com")),
    (MAIL("*@example.com"), MAIL("*@example.com")),
    (URI("example.com"), URI("https://example.com/path")),
    (URI("example.com"), URI("https://user@EXAMPLE.com:8443?query")),
    (URI(".example.com"), URI("coaps://device.example.com")),
    (IP("10.0.0.0/8"), IP("10.1.2.3")),
    (IP("2001:db8::/32"), IP("2001:db8::1")),
    (directory("Example"), directory("Example", "Plant 7")),
    (directory("Example"), directory("  EXAMPLE ", "Plant 7")),
    (directory("Straße"), directory("STRASSE")),
]
OUTSIDE: list[tuple[x509.GeneralName, x509.GeneralName]] = [
    (DNS("example.com"), DNS("example.org")),
    (DNS("example.com"), DNS("notexample.com")),
    (DNS("example.com"), DNS("com")),
    (DNS("a.example.com"), DNS("*.b.example.com")),
    (MAIL("example.com"), MAIL("a@mail.example.com")),
    (MAIL(".example.com"), MAIL("a@example.com")),
    (MAIL("a@example.com"), MAIL("A@example.com")),
    (MAIL("*@example.com"), MAIL("a@example.com")),
    (URI("example.com"), URI("https://a.example.com")),
    (URI(".example.com"), URI("https://example.com")),
    (URI("example.com"), URI("https://example.com@evil.example/")),
    (IP("10.0.0.0/8"), IP("11.1.2.3")),
    (IP("10.0.0.0/8"), IP("::10.1.2.3")),
    (directory("Example"), directory("Other")),
    (directory("Example", "Plant 7"), directory("Example", "Plant 8")),
]


def same_form(row: tuple[x509.GeneralName, x509.GeneralName]) -> str:
    return f"{row[0].value} {row[1].value}"


@pytest.mark.parametrize(("tree", "inside"), WITHIN, ids=map(same_form, WITHIN))
def test_a_name_within_a_permitted_subtree_is_allowed_and_within_an_excluded_one_is_not(
    tree: x509.GeneralName, inside: x509.GeneralName
) -> None:
    # A constraint on directory names binds the subject too: give it the same name.
    subject = inside.value if isinstance(inside, x509.DirectoryName) else "below"
    allowing, forbidding = constrained(permitted=[tree]), constrained(excluded=[tree])

    assert breach(allowing, named(allowing, inside, subject=subject)) is None
    assert breach(forbidding, named(forbidding, inside)) is FindingCode.NAME_CONSTRAINT_VIOLATION


@pytest.mark.parametrize(("tree", "outside"), OUTSIDE, ids=map(same_form, OUTSIDE))
def test_a_name_outside_a_permitted_subtree_is_refused_and_outside_an_excluded_one_is_not(
    tree: x509.GeneralName, outside: x509.GeneralName
) -> None:
    allowing, forbidding = constrained(permitted=[tree]), constrained(excluded=[tree])

    assert breach(allowing, named(allowing, outside)) is FindingCode.NAME_CONSTRAINT_VIOLATION
    assert breach(forbidding, named(forbidding, outside)) is None


MALFORMED: list[tuple[x509.GeneralName, x509.GeneralName]] = [
    (DNS(".example.com"), DNS("a.example.com")),
    (DNS("example.com"), DNS("a..example.com")),
    (DNS("example.com"), DNS("a.*.example.com")),
    (DNS("example.com"), DNS("a b.example.com")),
    (unchecked("a@b@example.com"), MAIL("a@example.com")),
    (MAIL("*.example.com"), MAIL("a@example.com")),
    (MAIL("example.com"), unchecked("example.com")),
    (MAIL("example.com"), unchecked("a@b@example.com")),
    (URI("*.example.com"), URI("https://a.example.com")),
    (URI("example.com"), URI("urn:dev:ops:1")),
    (URI("example.com"), URI("https://10.0.0.1/")),
    (URI("example.com"), URI("https:///path")),
]


@pytest.mark.parametrize(("tree", "name_below"), MALFORMED, ids=map(same_form, MALFORMED))
def test_what_cannot_be_compared_is_not_allowed(tree: x509.GeneralName, name_below: x509.GeneralName) -> None:
    for root in (constrained(permitted=[tree]), constrained(excluded=[tree])):
        assert breach(root, named(root, name_below)) is FindingCode.NAME_CONSTRAINT_VIOLATION


def test_a_wildcard_that_may_mean_an_excluded_name_is_refused() -> None:
    root = constrained(excluded=[DNS("secret.example.com")])

    assert breach(root, named(root, DNS("*.example.com"))) is FindingCode.NAME_CONSTRAINT_VIOLATION
    assert breach(root, named(root, DNS("*.other.example.com"))) is None


def test_a_constraint_binds_its_own_form_alone() -> None:
    root = constrained(permitted=[DNS("example.com")])

    assert breach(root, named(root, MAIL("a@example.org"), IP("10.0.0.1"), URI("urn:dev:1"))) is None
    assert breach(root, named(root)) is None


def test_every_name_of_a_certificate_is_asked() -> None:
    root = constrained(permitted=[DNS("example.com")])

    assert breach(root, named(root, DNS("a.example.com"), DNS("example.org"))) is FindingCode.NAME_CONSTRAINT_VIOLATION


def test_any_of_several_permitted_subtrees_is_enough_and_an_excluded_one_wins() -> None:
    root = constrained(permitted=[DNS("example.com"), DNS("example.org")], excluded=[DNS("secret.example.org")])

    assert breach(root, named(root, DNS("a.example.org"))) is None
    assert breach(root, named(root, DNS("a.secret.example.org"))) is FindingCode.NAME_CONSTRAINT_VIOLATION


def test_the_subject_counts_as_a_directory_name_and_its_e_mail_address_as_a_mailbox() -> None:
    allowing = constrained(permitted=[directory("Example")])
    mail = constrained(excluded=[MAIL("example.com")])
    subject = name("below", x509.NameAttribute(NameOID.EMAIL_ADDRESS, "a@example.com"))

    assert breach(allowing, named(allowing, subject="below")) is FindingCode.NAME_CONSTRAINT_VIOLATION
    assert breach(mail, named(mail, subject=subject)) is FindingCode.NAME_CONSTRAINT_VIOLATION


def test_a_directory_name_of_bits_is_compared_as_it_is() -> None:
    """An x500UniqueIdentifier is a BIT STRING, and no text that could be folded."""
    bits = x509.NameAttribute(NameOID.X500_UNIQUE_IDENTIFIER, b"\x00A", x509.name._ASN1Type.BitString)  # noqa: SLF001
    other = x509.NameAttribute(NameOID.X500_UNIQUE_IDENTIFIER, b"\x00a", x509.name._ASN1Type.BitString)  # noqa: SLF001
    root = constrained(permitted=[x509.DirectoryName(x509.Name([bits]))])

    assert breach(root, named(root, subject=x509.Name([bits]))) is None
    assert breach(root, named(root, subject=x509.Name([other]))) is FindingCode.NAME_CONSTRAINT_VIOLATION


def test_a_ca_without_constraints_allows_every_name() -> None:
    root = make("Root CA")

    assert path.name_breach(root.parsed, named(root, DNS("example.com")).parsed) is None


def test_a_constraint_that_is_not_critical_binds_too() -> None:
    root = constrained(excluded=[DNS("example.com")], critical=False)

    assert breach(root, named(root, DNS("example.com"))) is FindingCode.NAME_CONSTRAINT_VIOLATION


def test_a_form_that_is_not_compared_is_refused_where_it_occurs() -> None:
    root = constrained(excluded=[OTHER])

    assert breach(root, named(root, OTHER)) is FindingCode.NAME_CONSTRAINT_UNSUPPORTED
    assert breach(root, named(root, DNS("example.com"))) is None


def test_registered_identifiers_are_a_form_that_is_not_compared() -> None:
    identifier = x509.RegisteredID(x509.ObjectIdentifier("1.3.6.1.4.1.99999"))
    root = constrained(permitted=[identifier])

    assert breach(root, named(root, identifier)) is FindingCode.NAME_CONSTRAINT_UNSUPPORTED


def test_a_self_issued_ca_is_exempt_from_the_constraints() -> None:
    root = constrained(excluded=[DNS("example.com")])
    rollover = make("Root CA", issuer=root, extensions=[(x509.SubjectAlternativeName([DNS("example.com")]), False)])

    assert breach(root, rollover) is None
    device = make(
        "Root CA", issuer=root, is_ca=False, extensions=[(x509.SubjectAlternativeName([DNS("example.com")]), False)]
    )
    assert breach(root, device) is FindingCode.NAME_CONSTRAINT_VIOLATION


def test_the_constraints_of_every_ca_above_bind() -> None:
    """Root (permits example.com) <- Middle (permits everything) <- Fleet (example.org)."""
    root = constrained(permitted=[DNS("example.com")])
    middle = make("Middle CA", issuer=root, extensions=[(x509.NameConstraints([DNS("")], None), True)])
    lowest = named(middle, DNS("example.org"))

    found = examined((root, middle, lowest))

    assert [(finding.code.value, finding.index) for finding in found.findings] == [("NAME_CONSTRAINT_VIOLATION", 2)]
    assert found.findings[0].reference == "RFC 5280 4.2.1.10"
    assert found.findings[0].message == '"CN=Root CA" does not allow the name "example.org" below itself.'


def line_of(length: int, *, path_length: int) -> list[Made]:
    """A root with a limit, and that many CAs below it; the root first."""
    made = [make("Root CA", path_length=path_length)]
    for number in range(length):
        made.append(make(f"CA {number}", issuer=made[-1]))
    return made


@pytest.mark.parametrize(
    ("length", "path_length", "expected"),
    [(0, 0, []), (1, 1, []), (3, 3, []), (1, 0, [1]), (3, 2, [3]), (3, 0, [1])],
)
def test_a_path_may_be_as_long_as_its_cas_say(length: int, path_length: int, expected: list[int]) -> None:
    """The finding is at the first CA that is one too many."""
    found = examined(tuple(line_of(length, path_length=path_length)))

    assert [(finding.code.value, finding.index) for finding in found.findings] == [
        ("PATHLEN_EXCEEDED", index) for index in expected
    ]


def test_self_issued_cas_do_not_count_for_the_length() -> None:
    root = make("Root CA", path_length=1)
    rollover = make("Root CA", issuer=root)

    assert examined((root, rollover, make(issuer=rollover))).findings == ()


def test_a_device_does_not_count_for_the_length() -> None:
    root = make("Root CA", path_length=0)
    device = make("device", issuer=root, is_ca=False)

    assert path.breach(root.parsed, [device.parsed], path.Budget()) is None


def test_a_pair_is_compared_once() -> None:
    root = constrained(permitted=[DNS("example.com")])
    below = named(root, DNS("a.example.org"))
    budget = path.Budget()

    found = path.breach(root.parsed, [below.parsed], budget)

    assert found is not None
    assert path.breach(root.parsed, [below.parsed], budget) is found
