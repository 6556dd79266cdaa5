"""One chain out of certificates in any order (certificates.md, rules 7 to 9).

An edge is: the issuer's bytes equal the subject's bytes, and the signature verifies. Key identifiers are hints that
anybody can write into a certificate, and are not looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.errors import CertificateRejected
from app.findings import Finding, FindingCode, Severity
from app.rules.certificate import ParsedCertificate, check_signature, parse_cached
from app.rules.display import quote
from app.rules.signature import Answer

_PATH = "RFC 5280 6.1"


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain from the trusted CA, which signs device certificates, up to its self-signed root.

    `positions` says where each certificate stood in the input; `findings` holds warnings about the input's form.
    A chain of one is its own root. Chains are equal when their certificates are.
    """

    certificates: tuple[ParsedCertificate, ...]
    positions: tuple[int, ...] = field(compare=False)
    findings: tuple[Finding, ...] = field(default=(), compare=False)

    @property
    def trusted_ca(self) -> ParsedCertificate:
        """The lowest CA: the anchor of trust, where the root would admit every sibling CA's devices."""
        return self.certificates[0]

    @property
    def uppers(self) -> tuple[ParsedCertificate, ...]:
        """What stands above the trusted CA, upwards, the root last; empty for a chain of one."""
        return self.certificates[1:]

    @property
    def root(self) -> ParsedCertificate:
        """The self-signed end of the chain."""
        return self.certificates[-1]

    @property
    def ders(self) -> tuple[bytes, ...]:
        """The chain as bytes, in its own order: what is stored."""
        return tuple(certificate.der for certificate in self.certificates)


def stored(ders: tuple[bytes, ...]) -> Chain:
    """The chain that `order` made once and somebody stored: its order is taken as it is, nothing is verified again.

    Positions count along the chain. Raises CertificateRejected when the bytes are no certificates any more.
    """
    return Chain(tuple(parse_cached(der) for der in ders), tuple(range(len(ders))))


def order(certificates: Sequence[ParsedCertificate]) -> Chain:
    """Find the one path through all the certificates, whatever their order.

    Raises CertificateRejected: INPUT_EMPTY, then LEAF_IN_CHAIN and NOT_A_CA, then CHAIN_INCOMPLETE and
    SIGNATURE_INVALID (or why a signature cannot be verified), then CHAIN_MULTIPLE_ROOTS, CHAIN_AMBIGUOUS and
    CHAIN_BRANCHED. Indexes are positions in `certificates`.
    """
    nodes, warnings = _without_duplicates(certificates)
    if not nodes:
        raise CertificateRejected((Finding(Severity.ERROR, FindingCode.INPUT_EMPTY, "There is no certificate."),))
    _stop(_not_cas(nodes), warnings)
    issuers, broken = _edges(nodes)
    _stop(broken, warnings)
    _stop(_not_one_path(nodes, issuers), warnings)
    child_of = {upper.position: node for node in nodes for upper in issuers[node.position] if upper is not node}
    path = [next(node for node in nodes if node.position not in child_of)]
    while path[-1] not in issuers[path[-1].position]:
        path.append(issuers[path[-1].position][0])
    positions = [node.position for node in path]
    if sorted(positions) not in (positions, positions[::-1]):
        message = "The certificates were neither in order from the root nor to it; they are stored in order."
        warnings = (*warnings, Finding(Severity.WARNING, FindingCode.ORDER_NORMALISED, message))
    return Chain(tuple(node.certificate for node in path), tuple(positions), warnings)


@dataclass(frozen=True, slots=True, eq=False)
class _Node:
    certificate: ParsedCertificate
    position: int


def _error(node: _Node, code: FindingCode, message: str, reference: str | None = _PATH) -> Finding:
    return Finding(Severity.ERROR, code, message, node.position, reference)


def _stop(errors: Sequence[Finding], warnings: tuple[Finding, ...]) -> None:
    if errors:
        raise CertificateRejected((*errors, *warnings))


def _without_duplicates(certificates: Sequence[ParsedCertificate]) -> tuple[list[_Node], tuple[Finding, ...]]:
    first: dict[ParsedCertificate, _Node] = {}
    warnings: list[Finding] = []
    for position, certificate in enumerate(certificates):
        if certificate in first:
            message = f"The same certificate stands at position {first[certificate].position} already: ignored."
            warnings.append(Finding(Severity.WARNING, FindingCode.DUPLICATE_IGNORED, message, position))
        else:
            first[certificate] = _Node(certificate, position)
    return list(first.values()), tuple(warnings)


def _not_cas(nodes: Sequence[_Node]) -> list[Finding]:
    """Rule 8. Version 1 has no basic constraints: whether such a certificate may be a CA is asked later."""
    findings: list[Finding] = []
    subjects = {node.certificate.subject for node in nodes}
    issuers = {node.certificate.issuer for node in nodes if not node.certificate.is_self_issued}
    for node in nodes:
        certificate = node.certificate
        if certificate.is_ca or certificate.version != 3:
            continue
        name = quote(certificate.subject_text)
        is_below = certificate.issuer in subjects and not certificate.is_self_issued
        if is_below and certificate.subject not in issuers:
            message = f"{name} is a device certificate: it must not be part of the chain."
            findings.append(_error(node, FindingCode.LEAF_IN_CHAIN, message, "RFC 5280 4.2.1.9"))
        else:
            message = f"{name} is not a CA: its basic constraints do not say so."
            findings.append(_error(node, FindingCode.NOT_A_CA, message, "RFC 5280 4.2.1.9"))
    return sorted(findings, key=lambda finding: finding.code is FindingCode.NOT_A_CA)


def _edges(nodes: Sequence[_Node]) -> tuple[dict[int, list[_Node]], list[Finding]]:
    """The verified issuers of every certificate, by its position, and what stands in the way of having one."""
    issuers: dict[int, list[_Node]] = {}
    missing: list[Finding] = []
    unsigned: list[Finding] = []
    for node in nodes:
        named = [other for other in nodes if other.certificate.subject == node.certificate.issuer]
        answers = [check_signature(node.certificate, other.certificate) for other in named]
        issuers[node.position] = [other for other, answer in zip(named, answers, strict=True) if answer is Answer.VALID]
        if not named:
            issuer, subject = quote(node.certificate.issuer_text), quote(node.certificate.subject_text)
            message = f"The certificate of {issuer}, which issued {subject}, is missing: add every CA up to the root."
            missing.append(_error(node, FindingCode.CHAIN_INCOMPLETE, message))
        elif not issuers[node.position]:
            unverifiable = [
                other for other, answer in zip(named, answers, strict=True) if answer is Answer.UNVERIFIABLE
            ]
            unsigned.append(_unverifiable(node, unverifiable[0]) if unverifiable else _invalid(node))
    # One key at fault is one finding, however many signatures it should have made.
    return issuers, missing + list(dict.fromkeys(unsigned))


def _invalid(node: _Node) -> Finding:
    message = (
        f"The signature on {quote(node.certificate.subject_text)} was not made with the key of the certificate "
        f"of {quote(node.certificate.issuer_text)} that stands in the input."
    )
    return _error(node, FindingCode.SIGNATURE_INVALID, message, "RFC 5280 6.1.3 (a)(1)")


def _unverifiable(node: _Node, issuer: _Node) -> Finding:
    """A signature that is not even tried: the issuer's key is at fault, or the algorithm is."""
    if issuer.certificate.key.usable is None and issuer.certificate.key.flaw is not None:
        code, message = issuer.certificate.key.flaw
        return _error(issuer, code, message, "NIST SP 800-57 part 1")
    message = f"The signature is made with {node.certificate.signature_algorithm}, which is not accepted."
    return _error(node, FindingCode.SIGNATURE_ALGORITHM_WEAK, message, "NIST SP 800-131A 3, 9")


def _not_one_path(nodes: Sequence[_Node], issuers: dict[int, list[_Node]]) -> list[Finding]:
    """Rule 9, when every certificate has a verified issuer. Only the first kind of defect is said."""
    roots = [node for node in nodes if node in issuers[node.position]]
    if not roots:
        message = "No certificate is self-signed: the chain must end in its root."
        return [_error(nodes[0], FindingCode.CHAIN_INCOMPLETE, message)]
    if len(roots) > 1:
        message = "There is more than one self-signed root: upload each chain by itself."
        return [_error(node, FindingCode.CHAIN_MULTIPLE_ROOTS, message) for node in roots[1:]]
    several = [node for node in nodes if len(issuers[node.position]) > 1]
    if several:
        message = "More than one certificate of the input can have issued this one: keep the one that you mean."
        return [_error(node, FindingCode.CHAIN_AMBIGUOUS, message) for node in several]
    parents = {issuers[node.position][0] for node in nodes if node not in roots}
    lowest = [node for node in nodes if node not in parents]
    if len(nodes) > _height(lowest, issuers):
        message = "The certificates form more than one chain: upload each chain by itself."
        return [_error(node, FindingCode.CHAIN_BRANCHED, message) for node in lowest[1:] or nodes[:1]]
    return []


def _height(lowest: Sequence[_Node], issuers: dict[int, list[_Node]]) -> int:
    seen: list[_Node] = []
    node = lowest[0] if lowest else None
    while node is not None and node not in seen:
        seen.append(node)
        node = issuers[node.position][0]
    return len(seen)
