"""Whatever a device makes a terminator hand on, the answer is a refusal with a reason: never 500, and never 200."""

import logging
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from app.rules import pem
from app.terms import ClientCertForm
from tests.fleet import Device, fleet, handed_on
from tests.rules.hostile_chains import CASES
from tests.transport.gateway.conftest import Site

KEY_BLOCK = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg\n-----END PRIVATE KEY-----\n"
HEADERS = {
    ClientCertForm.RFC9440: ["client-cert", "client-cert-chain"],
    ClientCertForm.XFCC: ["x-forwarded-client-cert"],
    ClientCertForm.PEM: ["x-ssl-client-cert"],
    ClientCertForm.DER: ["x-ssl-client-der", "x-ssl-client-chain-der"],
}
visible = some.text(some.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=300).map(str.strip)
forms = some.sampled_from(ClientCertForm)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(form=forms, values=some.lists(visible, min_size=2, max_size=2), name=visible)
async def test_no_text_is_let_in(trusting: Site, form: ClientCertForm, values: list[str], name: str) -> None:
    sent = dict(zip(HEADERS[form], values, strict=False))

    answer = await trusting.ask(None, form=form, **sent, **({"x-endpoint-name": name} if name else {}))

    assert answer.status_code in {400, 403}, answer.text
    assert (answer.headers["x-trust-reason"] == "NO_CERTIFICATE") == (answer.status_code == 400)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(form=forms, place=some.floats(0, 1), byte=some.integers(1, 255))
async def test_a_good_certificate_with_one_byte_changed_is_not_let_in(
    trusting: Site, form: ClientCertForm, place: float, byte: int
) -> None:
    """Every byte of a certificate is under its signature, or is the signature, or says where these end."""
    der = bytearray(fleet().d1.made.der)
    der[int(place * (len(der) - 1))] ^= byte
    headers = handed_on(form, (bytes(der),))

    answer = await trusting.ask(None, form=form, **headers)

    assert answer.status_code == 403
    assert answer.headers["x-trust-reason"] != "TRUSTED"


@pytest.mark.parametrize("name", CASES)
async def test_chains_that_would_cost_much_are_refused(trusting: Site, name: str) -> None:
    presented = CASES[name]().presented
    headers = handed_on(ClientCertForm.DER, tuple(made.der for made in presented))

    answer = await trusting.ask(None, form=ClientCertForm.DER, **headers)

    assert answer.status_code == 403


async def test_a_hundred_certificates_are_too_many(trusting: Site) -> None:
    answer = await trusting.ask(Device(fleet().d1.made, (fleet().sub,) * 99), form=ClientCertForm.DER)

    assert (answer.status_code, answer.headers["x-trust-reason"]) == (403, "TOO_MANY_CERTIFICATES")


async def test_a_private_key_is_refused_and_kept_nowhere(trusting: Site, caplog: pytest.LogCaptureFixture) -> None:
    text = pem.encode(fleet().d1.chain) + KEY_BLOCK

    with caplog.at_level(logging.DEBUG):
        answer = await trusting.ask(None, form=ClientCertForm.PEM, **{"x-ssl-client-cert": quote(text)})

    assert (answer.status_code, answer.headers["x-trust-reason"]) == (403, "PRIVATE_KEY_PRESENT")
    assert "MIGHAg" not in answer.text + str(answer.headers) + caplog.text
    await trusting.server.parts.gateways.flush(everything=True)
    bodies = await trusting.server.installation.database.reads.fetch("SELECT body FROM audit_body")
    assert not any(b"MIGHAg" in bytes(row["body"]) for row in bodies)
