"""What a CA allows below itself: the length of the path (RFC 5280 4.2.1.9) and the names in it (4.2.1.10).

Both limits are asked of a CA and the certificates below it, one CA at a time: a path keeps all limits exactly when
each of its CAs finds its own kept. RFC 5280 6.1 arrives there with running sets of subtrees; asking in pairs gives the
same answer, and a pair's answer never changes, so that a search over many paths asks each pair once (`Budget`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeAlias, TypeVar

from app.findings import Finding, FindingCode, Severity
from app.rules.certificate import ParsedCertificate
from app.rules.display import escape, quote
from app.rules.names import Address, DirectoryName, NameConstraints, Names, Network

MAX_COMPARISONS = 20_000
"""How many comparisons of a name with a subtree one device, or one upload, may cost: up to about 40 ms."""

_PATH_LENGTH = "RFC 5280 4.2.1.9"
_NAMES = "RFC 5280 4.2.1.10"
_Name = TypeVar("_Name")
_Tree = TypeVar("_Tree")


@dataclass(frozen=True, slots=True)
class Breach:
    """A limit of a CA that a certificate below it does not keep."""

    code: FindingCode
    message: str
    reference: str
    offender: ParsedCertificate


class Budget:
    """How many comparisons of names are left. Each pair of certificates is compared, and paid for, once.

    What was compared is known for one device, or upload, alone: the same chain gets the same answer from every gateway,
    and a stranger's certificate is not kept.
    """

    def __init__(self, comparisons: int = MAX_COMPARISONS) -> None:
        self.comparisons = comparisons
        self._left = comparisons
        self._found: dict[tuple[ParsedCertificate, ParsedCertificate], Breach | None] = {}

    def name_breach(self, issuer: ParsedCertificate, certificate: ParsedCertificate) -> Breach | None:
        """As `name_breach`. Where it costs more than is left, that is what is found, and nothing is paid."""
        pair = issuer, certificate
        if pair in self._found:
            return self._found[pair]
        cost = _comparisons(issuer, certificate)
        if cost > self._left:
            message = (
                f"With the name constraints of {quote(issuer.subject_text)}, names would be compared more than "
                f"{self.comparisons} times."
            )
            return Breach(FindingCode.NAME_CONSTRAINT_BUDGET, message, _NAMES, certificate)
        self._left -= cost
        found = self._found[pair] = name_breach(issuer, certificate)
        return found


def breach(issuer: ParsedCertificate, below: Sequence[ParsedCertificate], budget: Budget) -> Breach | None:
    """The first limit of `issuer` that the certificates below it, in order upwards, do not keep; None if none.

    A device certificate may be among them, at the start. For a search: ask at each step up, and turn back on a breach.
    """
    return next(_breaches(issuer, below, budget), None)


def examine(path: Sequence[ParsedCertificate], positions: Sequence[int]) -> tuple[Finding, ...]:
    """Every limit that is broken in a path, which goes upwards.

    The index of a finding is the position of the certificate that breaks the limit.
    """
    position = dict(zip(path, positions, strict=True))
    budget = Budget()
    return tuple(
        Finding(Severity.ERROR, found.code, found.message, position[found.offender], found.reference)
        for height, issuer in enumerate(path)
        for found in _breaches(issuer, path[:height], budget)
    )


def _breaches(issuer: ParsedCertificate, below: Sequence[ParsedCertificate], budget: Budget) -> Iterator[Breach]:
    if issuer.path_length is not None:
        # Self-issued CAs (a change of key or of policy under one name) do not count, and neither does the end.
        counted = [item for item in below if item.is_ca and not item.is_self_issued]
        if len(counted) > issuer.path_length:
            message = (
                f"{quote(issuer.subject_text)} allows {issuer.path_length} CAs below itself, "
                f"and there are {len(counted)}."
            )
            yield Breach(FindingCode.PATHLEN_EXCEEDED, message, _PATH_LENGTH, counted[-1 - issuer.path_length])
    for certificate in below if issuer.name_constraints is not None else ():
        if certificate.is_ca and certificate.is_self_issued:
            continue
        found = budget.name_breach(issuer, certificate)
        if found is not None:
            yield found


def name_breach(issuer: ParsedCertificate, certificate: ParsedCertificate) -> Breach | None:
    """The first name of the certificate that the issuer's name constraints do not allow; None if they allow all."""
    constraints = issuer.name_constraints
    if constraints is None:
        return None
    names = _all_names(certificate)
    foreign = sorted(names.other & (constraints.permitted.other | constraints.excluded.other))
    if foreign:
        message = f"{quote(issuer.subject_text)} constrains names of a form that is not compared here ({foreign[0]})."
        return Breach(FindingCode.NAME_CONSTRAINT_UNSUPPORTED, message, _NAMES, certificate)
    for form in _FORMS:
        name = form(constraints, names)
        if name is not None:
            message = f"{quote(issuer.subject_text)} does not allow the name {quote(escape(name))} below itself."
            return Breach(FindingCode.NAME_CONSTRAINT_VIOLATION, message, _NAMES, certificate)
    return None


def _all_names(certificate: ParsedCertificate) -> Names:
    names = certificate.alternative_names
    subject = (certificate.subject_names,) if certificate.subject_names else ()
    return Names(
        dns=names.dns,
        email=names.email + certificate.subject_emails,
        uri=names.uri,
        ip=names.ip,
        directory=names.directory + subject,
        other=names.other,
    )


def _comparisons(issuer: ParsedCertificate, certificate: ParsedCertificate) -> int:
    constraints, names = issuer.name_constraints, _all_names(certificate)
    if constraints is None:
        return 0
    permitted, excluded = constraints.permitted, constraints.excluded
    return (
        len(names.dns) * (len(permitted.dns) + len(excluded.dns))
        + len(names.email) * (len(permitted.email) + len(excluded.email))
        + len(names.uri) * (len(permitted.uri) + len(excluded.uri))
        + len(names.ip) * (len(permitted.ip) + len(excluded.ip))
        + len(names.directory) * (len(permitted.directory) + len(excluded.directory))
    )


def _forbidden(
    names: Sequence[_Name],
    permitted: Sequence[_Tree],
    excluded: Sequence[_Tree],
    within: Callable[[_Name, _Tree], bool],
    touches: Callable[[_Name, _Tree], bool],
) -> _Name | None:
    """The first name that lies outside all permitted subtrees, if there are any, or touches an excluded one."""
    for name in names:
        if permitted and not any(within(name, tree) for tree in permitted):
            return name
        if any(touches(name, tree) for tree in excluded):
            return name
    return None


def _is_host(text: str) -> bool:
    labels = text.split(".")
    return len(text) <= 253 and all(
        0 < len(label) <= 63 and label.isascii() and label.replace("-", "").replace("_", "").isalnum()
        for label in labels
    )


def _dns_within(name: str, tree: str) -> bool:
    host = name.removeprefix("*.")
    return tree in ("", host) or host.endswith("." + tree)


def _dns_touches(name: str, tree: str) -> bool:
    # A wildcard stands for names that may lie in the excluded subtree although the wildcard's own domain does not.
    parent = tree.partition(".")[2]
    return _dns_within(name, tree) or (name.startswith("*.") and name[2:] == parent)


def _dns(constraints: NameConstraints, names: Names) -> str | None:
    trees = constraints.permitted.dns + constraints.excluded.dns
    if not trees or not names.dns:
        return None
    if any(tree and not _is_host(tree) for tree in trees):
        # A subtree that is no domain says nothing that could be kept: no name is known to be allowed.
        return names.dns[0]
    malformed = next((name for name in names.dns if not _is_host(name.removeprefix("*."))), None)
    return malformed or _forbidden(
        names.dns, constraints.permitted.dns, constraints.excluded.dns, _dns_within, _dns_touches
    )


def _host_within(host: str, tree: str) -> bool:
    # For e-mail and URI a leading dot means the hosts below the domain, and no dot means that host alone.
    tree = tree.lower()
    return host.endswith(tree) if tree.startswith(".") else host == tree


def _email_within(name: str, tree: str) -> bool:
    if tree == "":
        return True
    mailbox, _, host = name.rpartition("@")
    if "@" in tree:
        tree_mailbox, _, tree_host = tree.rpartition("@")
        return mailbox == tree_mailbox and host.lower() == tree_host.lower()
    return _host_within(host.lower(), tree)


def _is_email(name: str) -> bool:
    mailbox, _, host = name.rpartition("@")
    return mailbox != "" and "@" not in mailbox and _is_host(host)


def _is_email_tree(tree: str) -> bool:
    return tree == "" or (_is_email(tree) if "@" in tree else _is_host(tree.removeprefix(".")))


def _email(constraints: NameConstraints, names: Names) -> str | None:
    trees = constraints.permitted.email + constraints.excluded.email
    if not trees or not names.email:
        return None
    if not all(_is_email_tree(tree) for tree in trees):
        return names.email[0]
    malformed = next((name for name in names.email if not _is_email(name)), None)
    return malformed or _forbidden(
        names.email, constraints.permitted.email, constraints.excluded.email, _email_within, _email_within
    )


def _uri_host(uri: str) -> str:
    """The host of a URI (RFC 3986 3.2), in lower case; empty when there is none or it is an address."""
    _, slashes, rest = uri.partition("://")
    authority = rest.split("/")[0].split("?")[0].split("#")[0]
    host = authority.rpartition("@")[2].partition(":")[0].lower()
    is_name = bool(slashes) and _is_host(host) and not host.replace(".", "").isdigit()
    return host if is_name else ""


def _host_of_uri_within(host: str, tree: str) -> bool:
    return tree == "" or _host_within(host, tree)


def _uri(constraints: NameConstraints, names: Names) -> str | None:
    trees = constraints.permitted.uri + constraints.excluded.uri
    if not trees or not names.uri:
        return None
    if not all(tree == "" or _is_host(tree.removeprefix(".")) for tree in trees):
        return names.uri[0]
    # RFC 5280 4.2.1.10: with a constraint on URIs, a URI without a host name is refused.
    hosts = {_uri_host(name): name for name in names.uri}
    if "" in hosts:
        return hosts[""]
    permitted, excluded = constraints.permitted.uri, constraints.excluded.uri
    host = _forbidden(tuple(hosts), permitted, excluded, _host_of_uri_within, _host_of_uri_within)
    return None if host is None else hosts[host]


def _ip_within(name: Address | Network, tree: Address | Network) -> bool:
    if not isinstance(tree, IPv4Network | IPv6Network):
        return False
    return isinstance(name, IPv4Address | IPv6Address) and name in tree


def _ip(constraints: NameConstraints, names: Names) -> str | None:
    name = _forbidden(names.ip, constraints.permitted.ip, constraints.excluded.ip, _ip_within, _ip_within)
    return None if name is None else str(name)


def _directory_within(name: DirectoryName, tree: DirectoryName) -> bool:
    return name[: len(tree)] == tree


def _directory(constraints: NameConstraints, names: Names) -> str | None:
    permitted, excluded = constraints.permitted.directory, constraints.excluded.directory
    name = _forbidden(names.directory, permitted, excluded, _directory_within, _directory_within)
    if name is None:
        return None
    return ", ".join(str(value) for rdn in name for _, value in sorted(rdn, key=str))


_Form: TypeAlias = Callable[[NameConstraints, Names], str | None]
_FORMS: tuple[_Form, ...] = (_dns, _email, _uri, _ip, _directory)
