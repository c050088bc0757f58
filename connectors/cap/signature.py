"""Enveloped XML signatures (XML-DSig) on CAP messages (CAP 1.2 §3.3.4.1)."""

from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import Certificate, load_pem_x509_certificates
from signxml.algorithms import CanonicalizationMethod, SignatureConstructionMethod, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.signer import XMLSigner
from signxml.verifier import XMLVerifier

from connectors.cap.message import document
from connectors.cap.reading import Element


class UnableToSign(Exception):
    """A key is set, and nothing can be signed with it. The message names what to mend, and nothing of the key."""


@dataclass(frozen=True)
class Signer:
    """
    :ivar chain: the certificate of the key, and after it those that vouch for it
    """

    key: RSAPrivateKey | EllipticCurvePrivateKey
    chain: tuple[Certificate, ...]

    def sign(self, alert: Element) -> bytes:
        """
        The document with its signature as the last child of the alert, checked against the certificate.

        :raises UnableToSign: if none can be made, or the one that was made does not hold
        """
        method = SignatureMethod.RSA_SHA256 if isinstance(self.key, RSAPrivateKey) else SignatureMethod.ECDSA_SHA256
        signer = XMLSigner(
            method=SignatureConstructionMethod.enveloped,
            signature_algorithm=method,
            c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        )
        try:
            signed = document(signer.sign(alert, key=self.key, cert=list(self.chain)))
            XMLVerifier().verify(signed, x509_cert=self.chain[0])
        except (SignXMLException, ValueError, TypeError) as error:
            raise UnableToSign(
                "The signature that was made does not hold: have CAP_SIGNING_KEY and CAP_SIGNING_CERTIFICATE made anew."
            ) from error
        return signed


def load_signer(*, key_file: str, certificate_file: str) -> Signer | None:
    """
    The signer that the settings name; `None` if they name none.

    :raises UnableToSign: if one of the two files is missing, unreadable or not what it should be, or they do not match
    """
    if not key_file and not certificate_file:
        return None
    if not key_file or not certificate_file:
        raise UnableToSign("Set both CAP_SIGNING_KEY and CAP_SIGNING_CERTIFICATE, or neither.")
    try:
        key = load_pem_private_key(_content("CAP_SIGNING_KEY", key_file), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UnableToSign("CAP_SIGNING_KEY is no private key in PEM without a password.") from error
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey):
        raise UnableToSign("CAP_SIGNING_KEY must be an RSA or an elliptic curve key.")
    try:
        chain = load_pem_x509_certificates(_content("CAP_SIGNING_CERTIFICATE", certificate_file))
    except ValueError as error:
        raise UnableToSign("CAP_SIGNING_CERTIFICATE is no certificate in PEM.") from error
    if chain[0].public_key() != key.public_key():
        raise UnableToSign(
            "CAP_SIGNING_CERTIFICATE must be the certificate of CAP_SIGNING_KEY, and is that of another."
        )
    return Signer(key=key, chain=tuple(chain))


def _content(setting: str, file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise UnableToSign(f"The file that {setting} names cannot be read: {error.strerror}.") from error
