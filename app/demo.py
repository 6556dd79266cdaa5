"""A fleet's certificate authorities, made up: what `anchorage demo` uploads. The keys are made here and thrown away."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from app.terms import Service, Usage

YEAR = timedelta(days=365)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA of the story: its certificate, the key that signs with it, and the chain above it as PEM."""

    certificate: x509.Certificate
    key: Key
    pem: str

    @classmethod
    def root(cls, name: str, key: Key, *, start: datetime, end: datetime) -> "Authority":
        """A self-signed root."""
        certificate = _certificate(name, key, None, start=start, end=end)
        return cls(certificate, key, _pem(certificate))

    def issue(self, name: str, key: Key, *, start: datetime, end: datetime) -> "Authority":
        """A CA below this one, for device certificates."""
        certificate = _certificate(name, key, self, start=start, end=end)
        return Authority(certificate, key, _pem(certificate) + self.pem)

    def device(self, endpoint: str, *, start: datetime) -> str:
        """A device's certificate, which is no trust anchor: the story tries to upload one by mistake."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(endpoint, key, self.certificate.subject, start=start, end=start + YEAR)
        leaf = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        return _pem(leaf.sign(self.key, hashes.SHA256())) + self.pem


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload of the story, with what becomes of it."""

    name: str
    description: str
    pem: str
    usage: Usage
    service: Service
    blacklist: str | None = None
    """Why it is blacklisted afterwards; None where it stays."""


def story(now: datetime) -> Iterator[Upload]:
    """The uploads of a fleet's first years, some of them mistakes, as of `now`."""
    start, long = now - 2 * YEAR, now + 18 * YEAR
    root = Authority.root("Northwind Device Root CA", _p384(), start=start, end=long)
    factory_key = _p256()
    plant = root.issue("Northwind Plant Rotterdam CA", factory_key, start=start, end=now + timedelta(days=61))
    yield _bootstrap("Plant Rotterdam", "Line 1 and 2, meters", plant.pem, Usage.CREDENTIALS)
    renewed = root.issue("Northwind Plant Rotterdam CA", factory_key, start=now - timedelta(days=3), end=now + 9 * YEAR)
    yield _bootstrap("Plant Rotterdam 2027", "Renewal of Plant Rotterdam, same key", renewed.pem, Usage.CREDENTIALS)
    leaked = root.issue("Northwind Plant Shenzhen CA", _p256(), start=start, end=now + 6 * YEAR)
    yield Upload(
        "Plant Shenzhen",
        "Contract manufacturer, gateways",
        leaked.pem,
        Usage.CREDENTIALS,
        Service.BOOTSTRAP,
        blacklist="The contract ended; the key left the building with the line.",
    )
    supplier = Authority.root("Contoso Modules Enrollment CA", _p256(), start=start, end=now + 10 * YEAR)
    yield _bootstrap("Contoso modules", "Pre-provisioned radio modules", supplier.pem, Usage.ENROLLMENT)
    partner = Authority.root("Fabrikam Energy LwM2M CA", _rsa(), start=start, end=now + 5 * YEAR)
    yield Upload("Fabrikam Energy", "Issues its meters itself", partner.pem, Usage.THIRD_PARTY_CA, Service.LWM2M)
    yield _bootstrap("A meter", "Uploaded by mistake", plant.device("urn:meter:0001", start=start), Usage.CREDENTIALS)
    below_only = plant.pem[: plant.pem.index("-----END CERTIFICATE-----") + len("-----END CERTIFICATE-----\n")]
    yield _bootstrap("Plant without its root", "The chain stops too early", below_only, Usage.CREDENTIALS)
    old = Authority.root("Northwind Pilot CA", _p256(), start=now - 3 * YEAR, end=now - timedelta(days=20))
    yield _bootstrap("Pilot 2024", "The pilot's own CA", old.pem, Usage.CREDENTIALS)
    yield _bootstrap("Plant Rotterdam", "The same name again", root.pem, Usage.CREDENTIALS)


def _bootstrap(name: str, description: str, pem: str, usage: Usage) -> Upload:
    return Upload(name, description, pem, usage, Service.BOOTSTRAP)


def _certificate(name: str, key: Key, issuer: Authority | None, *, start: datetime, end: datetime) -> x509.Certificate:
    above = _name(name) if issuer is None else issuer.certificate.subject
    builder = _builder(name, key, above, start=start, end=end)
    builder = builder.add_extension(
        x509.BasicConstraints(ca=True, path_length=1 if issuer is None else 0), critical=True
    ).add_extension(
        x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        ),
        critical=True,
    )
    return builder.sign(key if issuer is None else issuer.key, hashes.SHA256())


def _builder(name: str, key: Key, issuer: x509.Name, *, start: datetime, end: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def _name(common_name: str) -> x509.Name:
    organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, common_name.split(maxsplit=1)[0])
    return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode("ascii")


def _p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _p384() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP384R1())


def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=3072)
