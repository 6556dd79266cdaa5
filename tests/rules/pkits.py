"""NIST's Public Key Interoperability Test Suite (PKITS 1.0.1, 2011), as far as neither revocation nor policies decide.

The certificates come with the library's own vectors. A row is a test of the document: its number, its verdict, what is
decided here, and what the device presents, its own certificate first. The trust anchor is the suite's one root.

Left out of these sections, because their only flaw stands in a revocation list: 4.5.2, 4.5.5 and 4.5.7 (the end
certificate is revoked), 4.7.4 and 4.7.5 (the CA may not sign revocation lists). Sections 4.4, 4.14 and 4.15 are about
such lists, and 4.8 to 4.12 about policies, which are not evaluated.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import cryptography_vectors

CERTIFICATES = Path(cryptography_vectors.__file__).parent / "x509" / "PKITS_data" / "certs"
ROOT = "TrustAnchorRootCertificate"
VALID, INVALID = "valid", "invalid"
Row: TypeAlias = tuple[str, ...]


def der(name: str) -> bytes:
    """A certificate of the suite."""
    return (CERTIFICATES / f"{name}.crt").read_bytes()


_TEXT = """
# 4.1 Signature verification
4.1.1   valid   TRUSTED ValidCertificatePathTest1EE GoodCACert
4.1.2   invalid CERT_UNPARSEABLE InvalidCASignatureTest2EE BadSignedCACert
4.1.3   invalid NO_TRUST_PATH InvalidEESignatureTest3EE GoodCACert
4.1.4   valid   KEY_TYPE_UNSUPPORTED ValidDSASignaturesTest4EE DSACACert
4.1.5   valid   CERT_UNPARSEABLE ValidDSAParameterInheritanceTest5EE DSAParametersInheritedCACert DSACACert
4.1.6   invalid CERT_UNPARSEABLE InvalidDSASignatureTest6EE DSACACert
# 4.2 Validity periods
4.2.1   invalid CERT_NOT_YET_VALID InvalidCAnotBeforeDateTest1EE BadnotBeforeDateCACert
4.2.2   invalid CERT_NOT_YET_VALID InvalidEEnotBeforeDateTest2EE GoodCACert
4.2.3   valid   TRUSTED Validpre2000UTCnotBeforeDateTest3EE GoodCACert
4.2.4   valid   TRUSTED ValidGeneralizedTimenotBeforeDateTest4EE GoodCACert
4.2.5   invalid CERT_EXPIRED InvalidCAnotAfterDateTest5EE BadnotAfterDateCACert
4.2.6   invalid CERT_EXPIRED InvalidEEnotAfterDateTest6EE GoodCACert
4.2.7   invalid CERT_EXPIRED Invalidpre2000UTCEEnotAfterDateTest7EE GoodCACert
4.2.8   valid   TRUSTED ValidGeneralizedTimenotAfterDateTest8EE GoodCACert
# 4.3 Name chaining
4.3.1   invalid NO_TRUST_PATH InvalidNameChainingTest1EE GoodCACert
4.3.2   invalid NO_TRUST_PATH InvalidNameChainingOrderTest2EE NameOrderingCACert
4.3.3   valid   NO_TRUST_PATH ValidNameChainingWhitespaceTest3EE GoodCACert
4.3.4   valid   NO_TRUST_PATH ValidNameChainingWhitespaceTest4EE GoodCACert
4.3.5   valid   NO_TRUST_PATH ValidNameChainingCapitalizationTest5EE GoodCACert
4.3.6   valid   TRUSTED ValidNameUIDsTest6EE UIDCACert
4.3.7   valid   TRUSTED ValidRFC3280MandatoryAttributeTypesTest7EE RFC3280MandatoryAttributeTypesCACert
4.3.8   valid   TRUSTED ValidRFC3280OptionalAttributeTypesTest8EE RFC3280OptionalAttributeTypesCACert
4.3.9   valid   TRUSTED ValidUTF8StringEncodedNamesTest9EE UTF8StringEncodedNamesCACert
4.3.10  valid   NO_TRUST_PATH ValidRolloverfromPrintableStringtoUTF8StringTest10EE
    RolloverfromPrintableStringtoUTF8StringCACert
4.3.11  valid   NO_TRUST_PATH ValidUTF8StringCaseInsensitiveMatchTest11EE UTF8StringCaseInsensitiveMatchCACert
# 4.5 Self-issued certificates
4.5.1   valid   TRUSTED ValidBasicSelfIssuedOldWithNewTest1EE BasicSelfIssuedNewKeyOldWithNewCACert
    BasicSelfIssuedNewKeyCACert
4.5.3   valid   TRUSTED ValidBasicSelfIssuedNewWithOldTest3EE BasicSelfIssuedOldKeyNewWithOldCACert
    BasicSelfIssuedOldKeyCACert
4.5.4   valid   TRUSTED ValidBasicSelfIssuedNewWithOldTest4EE BasicSelfIssuedOldKeyNewWithOldCACert
    BasicSelfIssuedOldKeyCACert
4.5.6   valid   TRUSTED ValidBasicSelfIssuedCRLSigningKeyTest6EE BasicSelfIssuedCRLSigningKeyCRLCert
    BasicSelfIssuedCRLSigningKeyCACert
4.5.8   invalid NOT_A_CA InvalidBasicSelfIssuedCRLSigningKeyTest8EE BasicSelfIssuedCRLSigningKeyCRLCert
    BasicSelfIssuedCRLSigningKeyCACert
# 4.6 Basic constraints
4.6.1   invalid NOT_A_CA InvalidMissingbasicConstraintsTest1EE MissingbasicConstraintsCACert
4.6.2   invalid NOT_A_CA InvalidcAFalseTest2EE basicConstraintsCriticalcAFalseCACert
4.6.3   invalid NOT_A_CA InvalidcAFalseTest3EE basicConstraintsNotCriticalcAFalseCACert
4.6.4   valid   TRUSTED ValidbasicConstraintsNotCriticalTest4EE basicConstraintsNotCriticalCACert
4.6.5   invalid PATHLEN_EXCEEDED InvalidpathLenConstraintTest5EE pathLenConstraint0subCACert pathLenConstraint0CACert
4.6.6   invalid LEAF_IS_CA InvalidpathLenConstraintTest6EE pathLenConstraint0subCACert pathLenConstraint0CACert
4.6.7   valid   TRUSTED ValidpathLenConstraintTest7EE pathLenConstraint0CACert
4.6.8   valid   LEAF_IS_CA ValidpathLenConstraintTest8EE pathLenConstraint0CACert
4.6.9   invalid PATHLEN_EXCEEDED InvalidpathLenConstraintTest9EE pathLenConstraint6subsubCA00Cert
    pathLenConstraint6subCA0Cert pathLenConstraint6CACert
4.6.10  invalid LEAF_IS_CA InvalidpathLenConstraintTest10EE pathLenConstraint6subsubCA00Cert
    pathLenConstraint6subCA0Cert pathLenConstraint6CACert
4.6.11  invalid PATHLEN_EXCEEDED InvalidpathLenConstraintTest11EE pathLenConstraint6subsubsubCA11XCert
    pathLenConstraint6subsubCA11Cert pathLenConstraint6subCA1Cert pathLenConstraint6CACert
4.6.12  invalid LEAF_IS_CA InvalidpathLenConstraintTest12EE pathLenConstraint6subsubsubCA11XCert
    pathLenConstraint6subsubCA11Cert pathLenConstraint6subCA1Cert pathLenConstraint6CACert
4.6.13  valid   TRUSTED ValidpathLenConstraintTest13EE pathLenConstraint6subsubsubCA41XCert
    pathLenConstraint6subsubCA41Cert pathLenConstraint6subCA4Cert pathLenConstraint6CACert
4.6.14  valid   LEAF_IS_CA ValidpathLenConstraintTest14EE pathLenConstraint6subsubsubCA41XCert
    pathLenConstraint6subsubCA41Cert pathLenConstraint6subCA4Cert pathLenConstraint6CACert
4.6.15  valid   TRUSTED ValidSelfIssuedpathLenConstraintTest15EE pathLenConstraint0SelfIssuedCACert
    pathLenConstraint0CACert
4.6.16  invalid PATHLEN_EXCEEDED InvalidSelfIssuedpathLenConstraintTest16EE pathLenConstraint0subCA2Cert
    pathLenConstraint0SelfIssuedCACert pathLenConstraint0CACert
4.6.17  valid   TRUSTED ValidSelfIssuedpathLenConstraintTest17EE pathLenConstraint1SelfIssuedsubCACert
    pathLenConstraint1subCACert pathLenConstraint1SelfIssuedCACert pathLenConstraint1CACert
# 4.7 Key usage
4.7.1   invalid CA_KEY_USAGE InvalidkeyUsageCriticalkeyCertSignFalseTest1EE keyUsageCriticalkeyCertSignFalseCACert
4.7.2   invalid CA_KEY_USAGE InvalidkeyUsageNotCriticalkeyCertSignFalseTest2EE
    keyUsageNotCriticalkeyCertSignFalseCACert
4.7.3   valid   TRUSTED ValidkeyUsageNotCriticalTest3EE keyUsageNotCriticalCACert
# 4.13 Name constraints
4.13.1  valid   TRUSTED ValidDNnameConstraintsTest1EE nameConstraintsDN1CACert
4.13.2  invalid NAME_CONSTRAINT_VIOLATION InvalidDNnameConstraintsTest2EE nameConstraintsDN1CACert
4.13.3  invalid NAME_CONSTRAINT_VIOLATION InvalidDNnameConstraintsTest3EE nameConstraintsDN1CACert
4.13.4  valid   TRUSTED ValidDNnameConstraintsTest4EE nameConstraintsDN1CACert
4.13.5  valid   TRUSTED ValidDNnameConstraintsTest5EE nameConstraintsDN2CACert
4.13.6  valid   TRUSTED ValidDNnameConstraintsTest6EE nameConstraintsDN3CACert
4.13.7  invalid NAME_CONSTRAINT_VIOLATION InvalidDNnameConstraintsTest7EE nameConstraintsDN3CACert
4.13.8  invalid NAME_CONSTRAINT_VIOLATION InvalidDNnameConstraintsTest8EE nameConstraintsDN4CACert
4.13.9  invalid NAME_CONSTRAINT_VIOLATION InvalidDNnameConstraintsTest9EE nameConstraintsDN4CACert
4.13.10 invalid NAME_CONSTRAINT_VIOLATION InvalidDNnameConstraintsTest10EE nameConstraintsDN5CACert
4.13.11 valid   TRUSTED ValidDNnameConstraintsTest11EE nameConstraintsDN5CACert
4.13.12 invalid NAME_CONSTRAINT_VIOLATION InvalidDNnameConstraintsTest12EE nameConstraintsDN1subCA1Cert
    nameConstraintsDN1CACert
4.13.13 invalid NAME_CONSTRAINT_VIOLATION InvalidDNnameConstraintsTest13EE nameConstraintsDN1subCA2Cert
    nameConstraintsDN1CACert
4.13.14 valid   TRUSTED ValidDNnameConstraintsTest14EE nameConstraintsDN1subCA2Cert nameConstraintsDN1CACert
4.13.15 invalid NAME_CONSTRAINT_VIOLATION InvalidDNnameConstraintsTest15EE nameConstraintsDN3subCA1Cert
    nameConstraintsDN3CACert
4.13.16 invalid NAME_CONSTRAINT_VIOLATION InvalidDNnameConstraintsTest16EE nameConstraintsDN3subCA1Cert
    nameConstraintsDN3CACert
4.13.17 invalid NAME_CONSTRAINT_VIOLATION InvalidDNnameConstraintsTest17EE nameConstraintsDN3subCA2Cert
    nameConstraintsDN3CACert
4.13.18 valid   TRUSTED ValidDNnameConstraintsTest18EE nameConstraintsDN3subCA2Cert nameConstraintsDN3CACert
4.13.19 valid   TRUSTED ValidDNnameConstraintsTest19EE nameConstraintsDN1SelfIssuedCACert nameConstraintsDN1CACert
4.13.20 invalid NAME_CONSTRAINT_VIOLATION InvalidDNnameConstraintsTest20EE nameConstraintsDN1CACert
4.13.21 valid   TRUSTED ValidRFC822nameConstraintsTest21EE nameConstraintsRFC822CA1Cert
4.13.22 invalid NAME_CONSTRAINT_VIOLATION InvalidRFC822nameConstraintsTest22EE nameConstraintsRFC822CA1Cert
4.13.23 valid   TRUSTED ValidRFC822nameConstraintsTest23EE nameConstraintsRFC822CA2Cert
4.13.24 invalid NAME_CONSTRAINT_VIOLATION InvalidRFC822nameConstraintsTest24EE nameConstraintsRFC822CA2Cert
4.13.25 valid   TRUSTED ValidRFC822nameConstraintsTest25EE nameConstraintsRFC822CA3Cert
4.13.26 invalid NAME_CONSTRAINT_VIOLATION InvalidRFC822nameConstraintsTest26EE nameConstraintsRFC822CA3Cert
4.13.27 valid   TRUSTED ValidDNandRFC822nameConstraintsTest27EE nameConstraintsDN1subCA3Cert nameConstraintsDN1CACert
4.13.28 invalid NAME_CONSTRAINT_VIOLATION InvalidDNandRFC822nameConstraintsTest28EE nameConstraintsDN1subCA3Cert
    nameConstraintsDN1CACert
4.13.29 invalid NAME_CONSTRAINT_VIOLATION InvalidDNandRFC822nameConstraintsTest29EE nameConstraintsDN1subCA3Cert
    nameConstraintsDN1CACert
4.13.30 valid   TRUSTED ValidDNSnameConstraintsTest30EE nameConstraintsDNS1CACert
4.13.31 invalid NAME_CONSTRAINT_VIOLATION InvalidDNSnameConstraintsTest31EE nameConstraintsDNS1CACert
4.13.32 valid   TRUSTED ValidDNSnameConstraintsTest32EE nameConstraintsDNS2CACert
4.13.33 invalid NAME_CONSTRAINT_VIOLATION InvalidDNSnameConstraintsTest33EE nameConstraintsDNS2CACert
4.13.34 valid   TRUSTED ValidURInameConstraintsTest34EE nameConstraintsURI1CACert
4.13.35 invalid NAME_CONSTRAINT_VIOLATION InvalidURInameConstraintsTest35EE nameConstraintsURI1CACert
4.13.36 valid   TRUSTED ValidURInameConstraintsTest36EE nameConstraintsURI2CACert
4.13.37 invalid NAME_CONSTRAINT_VIOLATION InvalidURInameConstraintsTest37EE nameConstraintsURI2CACert
4.13.38 invalid NAME_CONSTRAINT_VIOLATION InvalidDNSnameConstraintsTest38EE nameConstraintsDNS1CACert
# 4.16 Private certificate extensions
4.16.1  valid   TRUSTED ValidUnknownNotCriticalCertificateExtensionTest1EE
4.16.2  invalid UNSUPPORTED_CRITICAL_EXTENSION InvalidUnknownCriticalCertificateExtensionTest2EE
"""


def _rows() -> Iterator[Row]:
    joined = re.sub(r"\n +", " ", _TEXT)
    return (tuple(line.split()) for line in joined.splitlines() if line and not line.startswith("#"))


TABLE: tuple[Row, ...] = tuple(_rows())

BYTEWISE = (
    "names are compared byte by byte (certificates.md 6): the issuer's name is written otherwise than the subject's"
)
DSA = "DSA is not accepted (certificates.md 2, rule 15)"
LEAF = "a device does not present a CA as its own certificate (certificates.md 3, step 1)"
STRICTER: dict[str, str] = {
    "4.1.4": DSA,
    "4.1.5": f"{DSA}, and a key without its own parameters is not even read",
    "4.3.3": BYTEWISE,
    "4.3.4": BYTEWISE,
    "4.3.5": BYTEWISE,
    "4.3.10": BYTEWISE,
    "4.3.11": BYTEWISE,
    "4.6.8": LEAF,
    "4.6.14": LEAF,
}
"""The tests whose verdict is valid and that are refused here, and why."""
