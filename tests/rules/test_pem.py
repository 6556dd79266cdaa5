"""Reading PEM: what is taken, what is refused, and in which order."""

import base64

import pytest
from cryptography import x509

from app.errors import CertificateRejected
from app.rules import pem
from tests.rules.authority import Made, chain_of_three, make, tlv

ROOT = make("Root CA")
PEM = pem.encode([ROOT.der])
BODY = "\n".join(PEM.splitlines()[1:-1])


def refusal(text: str) -> tuple[str, int | None]:
    with pytest.raises(CertificateRejected) as refused:
        pem.tokenise(text)
    (finding,) = refused.value.findings
    return finding.code.value, finding.index


def block(label: str, body: str = BODY) -> str:
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"


def test_what_is_encoded_is_read_back() -> None:
    ders = tuple(certificate.der for certificate in chain_of_three())

    assert pem.tokenise(pem.encode(ders)) == ders
    assert max(map(len, pem.encode(ders).splitlines())) == 64
    assert pem.encode(ders).endswith("-----END CERTIFICATE-----\n")
    assert pem.encode([]) == ""


TAKEN = {
    "CRLF": PEM.replace("\n", "\r\n"),
    "CR": PEM.replace("\n", "\r"),
    "no final line ending": PEM.rstrip("\n"),
    "byte order mark": "\ufeff" + PEM,
    "indented": "    " + PEM.replace("\n", "\n    "),
    "lines of 76": block("CERTIFICATE", base64.encodebytes(ROOT.der).decode()),
    "one line": block("CERTIFICATE", base64.b64encode(ROOT.der).decode()),
    "line endings lost": PEM.replace("\n", " "),
    "older label": block("X509 CERTIFICATE"),
    "text around": f"Issued to the Főtanúsítvány\n{PEM}\nand filed.",
    "bag attributes": f"Bag Attributes\n    friendlyName: root\nsubject=CN = Root CA\nissuer=CN = Root CA\n{PEM}",
    "openssl s_client": f"---\nCertificate chain\n 0 s:CN = Root CA\n{PEM}---\nServer certificate",
    "a leading 0 that is text": f"0 s:CN = Root CA\n{PEM}",
}


@pytest.mark.parametrize("text", TAKEN.values(), ids=TAKEN.keys())
def test_pem_as_people_have_it_is_taken(text: str) -> None:
    assert pem.tokenise(text) == (ROOT.der,)


def test_files_that_were_joined_without_a_line_ending_are_two_blocks() -> None:
    other = make("Other CA")

    assert pem.tokenise(PEM.rstrip("\n") + pem.encode([other.der])) == (ROOT.der, other.der)


def test_the_same_block_twice_is_two_certificates() -> None:
    assert pem.tokenise(PEM + PEM) == (ROOT.der, ROOT.der)


BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
REFUSED = {
    "nothing": ("", "INPUT_EMPTY", None),
    "only space": ("\ufeff \r\n\t", "INPUT_EMPTY", None),
    "64 KiB and one": (PEM + " " * (64 * 1024 - len(PEM) + 1), "INPUT_TOO_LARGE", None),
    "64 KiB and one in UTF-8": (PEM + "é" * (32 * 1024), "INPUT_TOO_LARGE", None),
    "plain text": ("hello", "NOT_PEM", None),
    "Base64 alone": (BODY, "NOT_PEM", None),
    "DER as text": (ROOT.der.decode("latin-1"), "NOT_PEM", None),
    "damaged DER as text": (ROOT.der.decode("utf-8", "replace"), "NOT_PEM", None),
    "UTF-16": (PEM.encode("utf-16-le").decode("latin-1"), "NOT_PEM", None),
    "a NUL behind a block": (PEM + "\0", "NOT_PEM", None),
    "no end": (f"{BEGIN}\n{BODY}\n", "PEM_MALFORMED", 0),
    "no begin": (f"{BODY}\n{END}\n", "PEM_MALFORMED", 0),
    "second without an end": (f"{PEM}{BEGIN}\n{BODY}", "PEM_MALFORMED", 1),
    "nested": (f"{BEGIN}\n{PEM}{END}\n", "PEM_MALFORMED", 0),
    "labels differ": (PEM.replace("END CERTIFICATE", "END X509 CERTIFICATE"), "PEM_MALFORMED", 0),
    "four dashes": (PEM.replace("-----BEGIN", "----BEGIN"), "PEM_MALFORMED", 0),
    "four dashes at the end of a second": (PEM + PEM.replace("-----END", "----END"), "PEM_MALFORMED", 1),
    "lower case": (PEM.lower().replace(BODY.lower(), BODY), "PEM_MALFORMED", 0),
    "empty block": (f"{BEGIN}\n{END}\n", "PEM_MALFORMED", 0),
    "not Base64": (block("CERTIFICATE", BODY[:-9] + "?" + BODY[-8:]), "PEM_MALFORMED", 0),
    "not ASCII": (block("CERTIFICATE", BODY + "é"), "PEM_MALFORMED", 0),
    "a digit is missing": (block("CERTIFICATE", BODY.rstrip("=")[:-1]), "PEM_MALFORMED", 0),
    "padding in the middle": (block("CERTIFICATE", "MAA=" + BODY), "PEM_MALFORMED", 0),
    "headers in the block": (block("CERTIFICATE", "Comment: x\n\n" + BODY), "PEM_MALFORMED", 0),
    "request": (PEM + block("CERTIFICATE REQUEST"), "PEM_UNEXPECTED_BLOCK", 1),
    "trusted certificate": (block("TRUSTED CERTIFICATE"), "PEM_UNEXPECTED_BLOCK", 0),
    "revocation list": (block("X509 CRL"), "PEM_UNEXPECTED_BLOCK", 0),
    "PKCS#7": (block("PKCS7"), "PEM_UNEXPECTED_BLOCK", 0),
    "public key": (block("PUBLIC KEY"), "PEM_UNEXPECTED_BLOCK", 0),
    "PKCS#1 public key": (
        block("RSA PUBLIC KEY", base64.b64encode(tlv(0x30, tlv(2, b"\1" * 64), tlv(2, b"\3"))).decode()),
        "PEM_UNEXPECTED_BLOCK",
        0,
    ),
    "EC parameters": (block("EC PARAMETERS", "BggqhkjOPQMBBw=="), "PEM_UNEXPECTED_BLOCK", 0),
    "eleven": (PEM * 11, "TOO_MANY_CERTIFICATES", 10),
    "16 KiB and one": (
        PEM + block("CERTIFICATE", base64.b64encode(bytes(16 * 1024 + 1)).decode()),
        "CERT_TOO_LARGE",
        1,
    ),
}


@pytest.mark.parametrize(("text", "code", "index"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_certificates_in_pem_is_refused(text: str, code: str, index: int | None) -> None:
    assert refusal(text) == (code, index)


def test_the_limits_themselves_are_allowed() -> None:
    largest = pem.encode([bytes(16 * 1024)])

    assert len(pem.tokenise(PEM * 10)) == 10
    assert len(pem.tokenise(largest)[0]) == 16 * 1024
    assert pem.tokenise(PEM + " " * (64 * 1024 - len(PEM))) == (ROOT.der,)


def test_the_first_rule_that_fails_decides() -> None:
    """Eleven blocks, one of them a request, one of them damaged: damage comes first, then labels, then the count."""
    damaged = block("CERTIFICATE", "?")

    assert refusal(PEM * 10 + block("CERTIFICATE REQUEST") + damaged) == ("PEM_MALFORMED", 11)
    assert refusal(PEM * 10 + block("CERTIFICATE REQUEST")) == ("PEM_UNEXPECTED_BLOCK", 10)


def test_no_refusal_repeats_the_input() -> None:
    for text, code, _ in REFUSED.values():
        with pytest.raises(CertificateRejected, match=r"^[A-Z]") as refused:
            pem.tokenise(text)
        assert code not in refused.value.message
        assert BODY[:16] not in repr(refused.value.findings)
        assert refused.value.__cause__ is None
        assert refused.value.__context__ is None or refused.value.__suppress_context__


def der_refusal(data: bytes) -> tuple[str, int | None]:
    with pytest.raises(CertificateRejected) as refused:
        pem.from_der(data)
    return refused.value.deciding.code.value, refused.value.deciding.index


PKCS7 = tlv(0x30, bytes.fromhex("06092a864886f70d010702"), tlv(0xA0, tlv(0x30)))


@pytest.mark.parametrize(
    ("data", "code", "index"),
    [
        (b"", "INPUT_EMPTY", None),
        (PEM.encode(), "CERT_UNPARSEABLE", 0),
        (b"hello", "CERT_UNPARSEABLE", 0),
        (tlv(0x30, bytes(16 * 1024)), "CERT_TOO_LARGE", 0),
        (PKCS7, "CERT_UNPARSEABLE", 0),
    ],
)
def test_der_that_is_not_one_certificate_is_refused(data: bytes, code: str, index: int | None) -> None:
    assert der_refusal(data) == (code, index)


def test_pem_where_der_was_asked_for_is_told_so() -> None:
    with pytest.raises(CertificateRejected, match="This is PEM text"):
        pem.from_der(PEM.encode())


def test_what_looks_like_a_key_inside_a_certificate_is_none() -> None:
    """A line of a certificate's Base64 may by chance begin as a key does: only a block's beginning counts."""
    like_a_key = bytes.fromhex("30820400020100")
    oid = x509.ObjectIdentifier("1.3.6.1.4.1.99999.3")
    for padding in range(48):
        filler = x509.UnrecognizedExtension(oid, bytes(padding) + like_a_key + bytes(60))
        der = make(extensions=[(filler, False)]).der
        if der.index(like_a_key) % 48 == 0:
            break

    text = pem.encode([der])

    assert f"\n{base64.b64encode(like_a_key)[:8].decode()}" in text
    assert pem.tokenise(text) == (der,)
    assert not pem.looks_like_private_key(text)


def test_der_is_taken_as_it_is() -> None:
    assert pem.from_der(ROOT.der) == (ROOT.der,)


def test_a_certificate_that_speaks_of_private_keys_is_no_key() -> None:
    talker: Made = make("Private Key Services CA")

    assert pem.from_der(talker.der) == (talker.der,)
    assert pem.tokenise(pem.encode([talker.der])) == (talker.der,)


@pytest.mark.parametrize("data", [ROOT.der, PEM.encode("utf-16"), b"\xff" + PEM.encode(), PKCS7])
def test_a_file_must_be_text_in_utf_8(data: bytes) -> None:
    with pytest.raises(CertificateRejected) as refused:
        pem.from_file(data)

    assert refused.value.recorded_code == "NOT_PEM"


def test_a_file_of_pem_is_read() -> None:
    assert pem.from_file(b"\xef\xbb\xbf" + PEM.encode()) == (ROOT.der,)
