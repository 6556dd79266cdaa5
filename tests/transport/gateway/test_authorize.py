"""What a terminator is answered, over HTTP, in every form in which it can ask."""

import hashlib
from urllib.parse import quote

import pytest

from app.actor import Role
from app.rules import pem
from app.terms import ClientCertForm, Service, Status
from tests.fleet import Device, fleet, handed_on
from tests.transport.gateway.conftest import Site

WHOLE_CHAINS = [ClientCertForm.RFC9440, ClientCertForm.XFCC, ClientCertForm.DER]


@pytest.mark.parametrize("form", ClientCertForm)
async def test_a_device_of_the_trusted_ca_comes_in(trusting: Site, form: ClientCertForm) -> None:
    answer = await trusting.ask(fleet().d1, form=form)

    assert (answer.status_code, answer.headers["x-trust-reason"], answer.content) == (200, "TRUSTED", b"")
    assert answer.headers["x-device-id"].startswith("dev_")
    assert answer.headers["x-account-id"] == f"acc_{trusting.account_id}"


@pytest.mark.parametrize("form", WHOLE_CHAINS)
async def test_a_device_that_presents_its_intermediate_comes_in(trusting: Site, form: ClientCertForm) -> None:
    assert (await trusting.ask(fleet().d2, form=form)).status_code == 200


async def test_a_leaf_only_terminator_is_helped_by_what_others_saw(trusting: Site) -> None:
    alone = await trusting.ask(fleet().d2, form=ClientCertForm.PEM)
    assert (alone.status_code, alone.headers["x-trust-reason"]) == (403, "NO_TRUST_PATH")

    await trusting.ask(fleet().d2, form=ClientCertForm.DER)

    assert (await trusting.ask(fleet().d2, form=ClientCertForm.PEM)).status_code == 200


@pytest.mark.parametrize("form", WHOLE_CHAINS)
@pytest.mark.parametrize(
    ("name", "reason"), [("dj", "NO_TRUST_PATH"), ("x", "NO_TRUST_PATH"), ("expired", "CERT_EXPIRED")]
)
async def test_others_are_refused_with_the_reason_and_no_body(
    trusting: Site, form: ClientCertForm, name: str, reason: str
) -> None:
    answer = await trusting.ask(getattr(fleet(), name), form=form)

    assert (answer.status_code, answer.headers["x-trust-reason"], answer.content) == (403, reason, b"")


async def test_the_other_service_is_named(trusting: Site) -> None:
    answer = await trusting.ask(fleet().d1, service="bootstrap", accept="application/json")

    assert answer.status_code == 403
    told = answer.json()
    assert (told["reason"], [each["name"] for each in told["certificates"]]) == ("WRONG_SERVICE", ["I"])


async def test_a_blacklisting_counts_at_once_and_so_does_its_end(site: Site) -> None:
    record = await site.upload(fleet().upload, service=Service.LWM2M)
    assert (await site.ask(fleet().d1)).status_code == 200

    await site.set_status(record, Status.INACTIVE)
    refused = await site.ask(fleet().d1)
    assert (refused.status_code, refused.headers["x-trust-reason"]) == (403, "BLACKLISTED")

    await site.set_status(record, Status.ACTIVE)
    assert (await site.ask(fleet().d1)).status_code == 200


@pytest.mark.parametrize("method", ["HEAD", "POST", "DELETE", "OPTIONS", "PROPFIND", "TRACE", "PURGE", "QUERY"])
async def test_the_method_decides_nothing(trusting: Site, method: str) -> None:
    """A terminator asks with the method of the request that it has."""
    key = {"authorization": f"Bearer {trusting.keys[ClientCertForm.RFC9440]}"}

    async def told(device: Device, key: dict[str, str]) -> tuple[int, str, bytes]:
        sent = key | handed_on(ClientCertForm.RFC9440, device.chain)
        answer = await trusting.server.client.request(method, "/gateway/authorize?service=lwm2m", headers=sent)
        return answer.status_code, answer.headers["x-trust-reason"], answer.content

    assert await told(fleet().d1, key) == (200, "TRUSTED", b"")
    assert await told(fleet().d1, key) == (200, "TRUSTED", b"")
    assert await told(fleet().x, key) == (403, "NO_TRUST_PATH", b"")
    assert await told(fleet().d1, {"authorization": "Bearer ak_wrong"}) == (401, "UNAUTHENTICATED", b"")


@pytest.mark.parametrize("form", ClientCertForm)
@pytest.mark.parametrize("other", ClientCertForm)
async def test_a_second_form_is_refused_whatever_it_says(
    trusting: Site, form: ClientCertForm, other: ClientCertForm
) -> None:
    if form is other:
        return
    forged = handed_on(other, fleet().d1.chain)

    answer = await trusting.ask(fleet().x, form=form, **{name.replace("-", "_"): v for name, v in forged.items()})

    assert (answer.status_code, answer.headers["x-trust-reason"]) == (400, "OTHER_FORM")


@pytest.mark.parametrize(
    ("form", "name"),
    [
        (ClientCertForm.RFC9440, "client-cert"),
        (ClientCertForm.PEM, "x-ssl-client-cert"),
        (ClientCertForm.DER, "x-ssl-client-der"),
        (ClientCertForm.DER, "x-ssl-client-chain-der"),
        *((form, "x-endpoint-name") for form in ClientCertForm),
    ],
)
async def test_what_may_stand_there_once_is_refused_twice(trusting: Site, form: ClientCertForm, name: str) -> None:
    """The device may have sent the other one, before or after the terminator's; also where one alone is known."""
    headers = {**handed_on(form, fleet().d2.chain), "x-endpoint-name": "pump"}
    sent = [("authorization", f"Bearer {trusting.keys[form]}"), *headers.items()]
    await trusting.server.client.get("/gateway/authorize", params={"service": "lwm2m"}, headers=sent)

    for more in ([*sent, (name, headers[name])], [*sent, (name, "other")], [(name, "other"), *sent]):
        answer = await trusting.server.client.get("/gateway/authorize", params={"service": "lwm2m"}, headers=more)
        assert (answer.status_code, answer.headers["x-trust-reason"]) == (400, "OTHER_FORM")


@pytest.mark.parametrize("form", ClientCertForm)
async def test_no_certificate_is_400(trusting: Site, form: ClientCertForm) -> None:
    answer = await trusting.ask(None, form=form)

    assert (answer.status_code, answer.headers["x-trust-reason"]) == (400, "NO_CERTIFICATE")


async def test_a_wrong_key_is_401_and_another_role_403(trusting: Site) -> None:
    wrong = await trusting.ask(fleet().d1, key="ak_wrong")
    admin = await trusting.ask(fleet().d1, key=await trusting.key(role=Role.ADMIN))

    assert (wrong.status_code, wrong.headers["x-trust-reason"], wrong.content) == (401, "UNAUTHENTICATED", b"")
    assert (admin.status_code, admin.headers["x-trust-reason"]) == (403, "FORBIDDEN")


async def test_a_service_must_be_named(trusting: Site) -> None:
    assert (await trusting.ask(fleet().d1, service="coffee")).status_code == 400


@pytest.mark.parametrize(
    ("form", "header", "value"),
    [
        (ClientCertForm.RFC9440, "client_cert", "MIIB"),
        (ClientCertForm.RFC9440, "client_cert", ":%%%:"),
        (ClientCertForm.XFCC, "x_forwarded_client_cert", "Cert"),
        (ClientCertForm.XFCC, "x_forwarded_client_cert", 'Cert="garbage"'),
        (ClientCertForm.PEM, "x_ssl_client_cert", "%ff%fe"),
        (ClientCertForm.DER, "x_ssl_client_der", "****"),
    ],
)
async def test_what_cannot_be_read_is_403_with_a_reason(
    trusting: Site, form: ClientCertForm, header: str, value: str
) -> None:
    answer = await trusting.ask(None, form=form, **{header: value})

    assert answer.status_code == 403
    assert answer.headers["x-trust-reason"] in {"CERT_UNPARSEABLE", "NOT_PEM", "PEM_MALFORMED"}


async def test_what_stands_before_the_last_xfcc_element_is_not_believed(trusting: Site) -> None:
    good = handed_on(ClientCertForm.XFCC, fleet().d1.chain)["x-forwarded-client-cert"]
    own = handed_on(ClientCertForm.XFCC, fleet().x.chain)["x-forwarded-client-cert"]

    answer = await trusting.ask(None, form=ClientCertForm.XFCC, x_forwarded_client_cert=f"{good},{own}")

    assert (answer.status_code, answer.headers["x-trust-reason"]) == (403, "NO_TRUST_PATH")


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ('URI=spiffe://a;Cert="{d1}";Chain="{d1}"', "CERT_UNPARSEABLE"),
        ('URI=spiffe://a;Chain="{d1}"', "CERT_UNPARSEABLE"),
        ("URI=spiffe://a;Hash={d1_hash}", "CERT_UNPARSEABLE"),
        ('URI=spiffe://a,Cert="{d1}"', "CERT_UNPARSEABLE"),
        ('URI=spiffe://a,Hash={d1_hash};Cert="{d1}";Chain="{d1}"', "CERT_UNPARSEABLE"),
        ('DNS=a,Hash={d1_hash};Cert="{d1}"', "CERT_UNPARSEABLE"),
        ('URI=spiffe://a;Certificate="{d1}"', "CERT_UNPARSEABLE"),
        ('Subject="CN=a\\";Cert=\\"{d1}"', "NO_TRUST_PATH"),
        ("URI=spiffe://a;URI=spiffe://b;DNS=a;DNS=b;By=spiffe://c;By=spiffe://d", "NO_TRUST_PATH"),
    ],
)
async def test_what_a_stranger_wrote_into_its_names_is_not_believed(trusting: Site, written: str, reason: str) -> None:
    """Envoy adds it, where it is told to, to what the handshake proved: as it stands, but for the subject."""
    own = handed_on(ClientCertForm.XFCC, fleet().x.chain)["x-forwarded-client-cert"]
    d1 = fleet().d1.made.der
    names = written.format(d1=quote(pem.encode([d1]), safe=""), d1_hash=hashlib.sha256(d1).hexdigest())

    answer = await trusting.ask(None, form=ClientCertForm.XFCC, x_forwarded_client_cert=f"{own};{names}")

    assert (answer.status_code, answer.headers["x-trust-reason"]) == (403, reason)


async def test_the_names_of_a_trusted_device_do_not_keep_it_out(trusting: Site) -> None:
    own = handed_on(ClientCertForm.XFCC, fleet().d2.chain)["x-forwarded-client-cert"]
    named = f'By=spiffe://us;{own};Subject="CN=d2,O=\\"Works\\"; Ltd";URI=;DNS=a;DNS=b'

    assert (await trusting.ask(None, form=ClientCertForm.XFCC, x_forwarded_client_cert=named)).status_code == 200


@pytest.mark.parametrize("given", ['Hash={hash};Cert="{d1}"', 'Hash={hash};Chain="{d1}"'])
async def test_the_hash_of_an_xfcc_element_is_that_of_its_certificate(trusting: Site, given: str) -> None:
    def element(of: bytes) -> str:
        text = quote(pem.encode([fleet().d1.made.der]), safe="")
        return given.format(d1=text, hash=hashlib.sha256(of).hexdigest().upper())

    right, wrong = element(fleet().d1.made.der), element(fleet().x.made.der)

    assert (await trusting.ask(None, form=ClientCertForm.XFCC, x_forwarded_client_cert=right)).status_code == 200
    refused = await trusting.ask(None, form=ClientCertForm.XFCC, x_forwarded_client_cert=wrong)
    assert (refused.status_code, refused.headers["x-trust-reason"]) == (400, "OTHER_FORM")


async def test_too_many_certificates_are_refused(trusting: Site) -> None:
    crowd = Device(fleet().d1.made, (fleet().sub,) * 10)

    answer = await trusting.ask(crowd, form=ClientCertForm.DER)

    assert (answer.status_code, answer.headers["x-trust-reason"]) == (403, "TOO_MANY_CERTIFICATES")
