"""What the operator names of the servers is read once, and what is wrong with a file stops the start with its name."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app.rules import pem
from app.rules.credentials_file import Server, Servers
from app.services.device_servers import device_servers
from app.settings import BadSetting, Settings
from tests.rules.authority import make

pytestmark = pytest.mark.once


def settings_of(**given: object) -> Settings:
    return Settings(_env_file=None, **given)  # type: ignore[call-arg, arg-type]


def test_nothing_is_known_where_nothing_is_named() -> None:
    assert device_servers(settings_of()) == Servers()


def test_addresses_and_certificates_are_read(tmp_path: Path) -> None:
    bootstrap, lwm2m = make("bootstrap"), make("lwm2m")
    (tmp_path / "b.pem").write_text(f"Issued by hand\r\n{pem.encode([bootstrap.der])}")
    (tmp_path / "l.pem").write_text(pem.encode([lwm2m.der]))
    named = settings_of(
        bootstrap_uri="coaps://b.example:5684",
        lwm2m_uri="coaps://[::1]:5684",
        bootstrap_server_ca=tmp_path / "b.pem",
        lwm2m_server_ca=tmp_path / "l.pem",
    )

    assert device_servers(named) == Servers(
        bootstrap=Server("coaps://b.example:5684", bootstrap.der), lwm2m=Server("coaps://[::1]:5684", lwm2m.der)
    )


PRIVATE = make("x").key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "it cannot be read"),
        (b"", "There is no text"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "is no"),
        (pem.encode([make("a").der, make("b").der]).encode(), "one certificate in PEM is allowed, not 2"),
        (pem.encode([make("a").der]).encode() + PRIVATE, "private key"),
    ],
)
def test_a_file_that_will_not_do_is_named_with_its_setting(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "server.pem"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(BadSetting, match=said) as bad:
        device_servers(settings_of(lwm2m_server_ca=path))

    assert str(bad.value).startswith(f"ANCHORAGE_LWM2M_SERVER_CA is '{path}'")
    assert b"".join(PRIVATE.splitlines()[1:2]).decode() not in str(bad.value)
