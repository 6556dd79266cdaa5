"""The commands with which OpenSSL answers a challenge, for the key that the CA has.

They take `ca.key` and `ca.pem`, the CA's key and certificate, from the folder they are run in.
"""

from app.rules.certificate import ParsedCertificate
from app.rules.possession import Challenge

# Keys that bring their own hash are given none: `dgst` refuses them, and versions of `x509` differ in what they do.
_WITH_A_DIGEST = ("RSA", "EC")


def signature_commands(challenge: Challenge, trusted_ca: ParsedCertificate) -> tuple[str, ...]:
    """Lines for a shell that write the challenge's text to a file and print the signature over it as Base64."""
    text = challenge.text.replace("\n", r"\n")
    if _takes_a_digest(trusted_ca):
        sign = "openssl dgst -sha256 -sign ca.key challenge.txt"
    else:
        sign = "openssl pkeyutl -sign -rawin -inkey ca.key -in challenge.txt"
    return (f"printf '{text}' > challenge.txt", f"{sign} | openssl base64 -A")


def verification_certificate_commands(challenge: Challenge, trusted_ca: ParsedCertificate) -> tuple[str, ...]:
    """Lines for a shell that issue the verification certificate, `verify.pem`, for a key that is made for it alone."""
    digest = "-sha256 " if _takes_a_digest(trusted_ca) else ""
    return (
        "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out verify.key",
        f'openssl req -new -key verify.key -subj "/CN={challenge.verification_code}" -out verify.csr',
        f"openssl x509 -req -in verify.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 {digest}-out verify.pem",
    )


def _takes_a_digest(trusted_ca: ParsedCertificate) -> bool:
    return trusted_ca.key_description.startswith(_WITH_A_DIGEST)
