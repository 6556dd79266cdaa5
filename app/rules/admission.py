"""What a decision about a chain comes to for the device that presents it."""

from dataclasses import replace

from app.errors import DeviceRefused
from app.reasons import Reason
from app.rules.certificate import ParsedCertificate
from app.rules.decision import Decision
from app.rules.identity import Identity, identity_of
from app.rules.pem import MAX_CERTIFICATES
from app.rules.trust_store import TrustStore
from app.terms import Usage

ENDPOINT_NAME_LIMIT = 255
_NOT_ENROLLED = (
    "The account has not claimed this device, or another account claimed it first: claim its identity before it comes."
)
_SUSPENDED = "The device is suspended: resume it to let it in."
_HELD_BY = (
    "The device shares its name, or its certificate's subject and key, with “{}”, which is suspended: resume that one"
    " to let it in."
)


def require_allowed(decision: Decision) -> None:
    """Raises DeviceRefused for the reason of a decision that does not let the device in."""
    if not decision.is_allowed:
        raise DeviceRefused(decision.reason, decision.explanation)


def of_device(decision: Decision, *, is_suspended: bool, held_by: str | None, is_claimed: bool) -> Decision:
    """A decision, once it is known how the device stands: suspended goes before unclaimed.

    A device is suspended by itself or with its record, and its name finds it as does every certificate that it was
    ever let in with: another name, or another certificate, lets nobody out of a suspension. `held_by` is the endpoint
    name of a suspended device that they find, None where they find none; it may be the device itself. Only a decision
    that would let the device in is changed.
    """
    if decision.is_allowed and (is_suspended or held_by is not None):
        # Whoever is told to resume the device that comes must find it suspended.
        explanation = _SUSPENDED if is_suspended or held_by is None else _HELD_BY.format(held_by)
        return replace(decision, reason=Reason.DEVICE_SUSPENDED, explanation=explanation)
    if needs_claim(decision) and not is_claimed:
        return replace(decision, reason=Reason.NOT_ENROLLED, explanation=_NOT_ENROLLED)
    return decision


def require_few(certificates: int) -> None:
    """Raises DeviceRefused past 10 certificates, and where there is none."""
    if certificates == 0:
        raise DeviceRefused(Reason.INPUT_EMPTY, "There is no certificate.")
    if certificates > MAX_CERTIFICATES:
        message = f"The device presents {certificates} certificates; a chain may have at most {MAX_CERTIFICATES}."
        raise DeviceRefused(Reason.TOO_MANY_CERTIFICATES, message)


def needs_claim(decision: Decision) -> bool:
    """Whether a decision lets in only a device that the account has claimed: its record's usage is ENROLLMENT."""
    return decision.is_allowed and decision.records[0].usage is Usage.ENROLLMENT


def claimed_by(decision: Decision) -> Identity:
    """What the device of a decision that needs a claim is claimed by."""
    return identity_of(decision.question.device, decision.path[:2][-1])


def require_endpoint_name(text: str) -> str:
    """An endpoint name as a gateway tells it. Raises DeviceRefused unless it is 1 to 255 visible characters."""
    if not text or len(text) > ENDPOINT_NAME_LIMIT or not text.isprintable():
        message = f"An endpoint name has 1 to {ENDPOINT_NAME_LIMIT} visible characters."
        raise DeviceRefused(Reason.ENDPOINT_NAME_INVALID, message)
    return text


def endpoint_name_of(leaf: ParsedCertificate) -> str:
    """What a device is called whose gateway tells no name: its common name where it has one, else its fingerprint."""
    names = leaf.subject_common_names
    if len(names) == 1 and 0 < len(names[0]) <= ENDPOINT_NAME_LIMIT and names[0].isprintable():
        return names[0]
    return f"sha256:{leaf.fingerprint.hex()}"


def unknown_intermediates(decision: Decision, store: TrustStore) -> tuple[ParsedCertificate, ...]:
    """The CAs below the anchor of a valid path that only the device knew: not every terminator hands them on."""
    return tuple(each for each in decision.path[1:-1] if store.known(each.der) is None)
