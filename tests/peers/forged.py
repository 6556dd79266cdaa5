"""What devices say about certificates, though nobody should believe it."""

from collections.abc import Mapping

from app.terms import ClientCertForm
from tests.fleet import fleet, handed_on

_NAMED = {name: value for form in ClientCertForm for name, value in handed_on(form, fleet().d2.chain).items()} | {
    "x-endpoint-name": "somebody-else",
    "x-device-id": "dev_forged",
    "x-account-id": "acc_forged",
}
FORGED = {
    **_NAMED,
    **{name.replace("-", sign): value for name, value in _NAMED.items() for sign in "_."},
    "x_device-id": "dev_forged",
}
"""What a device can say about certificates, of a device that would be let in, also as CGI and WSGI would hear it."""
NOMINATING = {"connection": ", ".join(_NAMED)}
"""RFC 9110 7.6.1: whoever passes a request on drops what is named here, which must not be what it has set itself."""


def believed(seen: Mapping[str, str]) -> set[str]:
    """What a device has said about certificates and the application has heard."""
    return {name for name, value in FORGED.items() if any(value in each for each in seen.values())}
