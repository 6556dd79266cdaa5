"""The inputs of queries about devices, and what each asks of the store or the rules."""

from datetime import datetime

import strawberry
from strawberry import UNSET

from app.errors import CertificateRejected
from app.rules.admission import ENDPOINT_NAME_LIMIT
from app.services.decisions import Presented
from app.services.submission import authority_of
from app.store.device_reads import DeviceFilter as Wanted
from app.terms import DeviceStatus, Service
from app.transport.graphql import trust_enums  # noqa: F401  # defines DeviceStatus in the schema
from app.transport.graphql.described import attribute, input_type
from app.transport.graphql.ids import Kind, decode
from app.transport.graphql.inputs import AsOf, CertificateSource, DateTimeRange, few, given, search_text
from app.transport.graphql.scalars import SafeInt
from app.transport.graphql.scopes import Cost
from app.transport.graphql.wrong_input import BadUserInput

_PAST_COST = Cost(weight="20")


@input_type
class DeviceFilter:
    """Narrows a list of devices. Everything given must hold; a list means any of."""

    status: list[DeviceStatus] | None = attribute("The status is one of these.", default=UNSET)
    endpoint_name: str | None = attribute("The endpoint name is exactly this.", default=UNSET)
    endpoint_name_prefix: str | None = attribute(
        "The endpoint name starts with exactly this; at most 200 characters.", default=UNSET
    )
    certificate: CertificateSource | None = attribute(
        "It last came in, at either server, with this certificate, the first of a chain, or with another of the same"
        " subject and key, as before or after a renewal.",
        default=UNSET,
    )
    trusted_by: strawberry.ID | None = attribute(
        "This certificate last let it in, at either server; the id of a deleted one works too.", default=UNSET
    )
    last_seen: DateTimeRange | None = attribute("It last came in within this interval.", default=UNSET)

    def wanted(self) -> Wanted:
        """As the store asks it. Raises BadUserInput."""
        seen, trusted_by = given(self.last_seen) or DateTimeRange(), given(self.trusted_by)
        status, certificate = given(self.status), given(self.certificate)
        return Wanted(
            status=None if status is None else frozenset(few(status)),
            endpoint_name=search_text(given(self.endpoint_name), limit=ENDPOINT_NAME_LIMIT),
            key_sha256=None if certificate is None else _authority_of(certificate),
            endpoint_name_prefix=search_text(given(self.endpoint_name_prefix)),
            certificate_id=None if trusted_by is None else decode(Kind.CERTIFICATE, trusted_by),
            seen_from=given(seen.start),
            seen_before=given(seen.end),
        )


@input_type
class VerifyDeviceInput:
    """A device's chain to decide about. Nothing is recorded against the device.

    With `at` or `treeSize`, the certificates that the account trusted then decide, rebuilt from the log alone: that
    needs the scope `AUDIT_READ`, and is recorded. A decision about the past takes only what is presented and what was
    uploaded: intermediates that devices brought are not in the log. Claims of devices count as they stood then,
    suspensions for now only.
    """

    chain: CertificateSource = attribute(
        "The device's certificate first, then whatever else it presents, in any order; as `der` its own alone."
    )
    service: Service = attribute("At which server.", default=Service.BOOTSTRAP)
    endpoint_name: str | None = attribute(
        "The name that it connects with; the certificate's own when absent. It is looked for among suspended devices.",
        default=UNSET,
    )
    at: datetime | None = attribute(
        "Decide as of this instant, not later than now.", default=UNSET, directives=[_PAST_COST]
    )
    tree_size: SafeInt | None = attribute(
        "Decide as of this size of the tree, not larger than that of the newest checkpoint.",
        default=UNSET,
        directives=[_PAST_COST],
    )

    def presented(self) -> Presented:
        """What is presented, unread."""
        return Presented(self.chain.source, self.service, given(self.endpoint_name))

    def as_of(self) -> AsOf | None:
        """The point of the past that is meant; None for now. Raises BadUserInput for two of them."""
        at, tree_size = given(self.at), given(self.tree_size)
        if at is not None and tree_size is not None:
            raise BadUserInput("Give `at` or `treeSize`, not both.")
        if at is None and tree_size is None:
            return None
        return AsOf(
            time=UNSET if at is None else at,
            tree_size=UNSET if tree_size is None else tree_size,
        )


def _authority_of(certificate: CertificateSource) -> bytes:
    try:
        return authority_of(certificate.source)
    except CertificateRejected as rejected:
        code = rejected.deciding.code.value
        raise BadUserInput(f"`certificate` is none that can be read ({code}): send the device's own.") from None
