"""The servers that devices connect to, as the operator names them: for the files that developers compile."""

from pathlib import Path

from app.errors import CertificateRejected
from app.rules import pem
from app.rules.certificate import parse
from app.rules.credentials_file import Server, Servers
from app.settings import PREFIX, BadSetting, Settings


def device_servers(settings: Settings) -> Servers:
    """What the settings say of them, the certificates read from their files.

    Raises BadSetting, which names the setting and what is wrong with its file.
    """
    return Servers(
        bootstrap=Server(settings.bootstrap_uri, _root_ca("BOOTSTRAP_SERVER_CA", settings.bootstrap_server_ca)),
        lwm2m=Server(settings.lwm2m_uri, _root_ca("LWM2M_SERVER_CA", settings.lwm2m_server_ca)),
    )


def _root_ca(setting: str, path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        ders = pem.from_file(path.read_bytes())
        for index, der in enumerate(ders):
            parse(der, index=index)
    except OSError as error:
        raise BadSetting(f"{PREFIX}{setting} is {str(path)!r}: it cannot be read ({error.strerror}).") from error
    except CertificateRejected as rejected:
        raise BadSetting(f"{PREFIX}{setting} is {str(path)!r}: {rejected.message}") from rejected
    if len(ders) != 1:
        # A device's library reads one certificate from an array in DER, and would pass over the others.
        raise BadSetting(f"{PREFIX}{setting} is {str(path)!r}: one certificate in PEM is allowed, not {len(ders)}.")
    return ders[0]
