"""Keys and certificates made for a test, as PEM files."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class KeyFiles(NamedTuple):
    key: str
    certificate: str


def rsa_key() -> Key:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def curve_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def key_files(folder: Path, key: Key) -> KeyFiles:
    """The key, and a certificate for it that it vouches for itself."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Utility alerts")])
    began = datetime.now(UTC) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(began + timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(exist_ok=True)
    files = KeyFiles(str(folder / "key.pem"), str(folder / "certificate.pem"))
    Path(files.key).write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    Path(files.certificate).write_bytes(certificate.public_bytes(Encoding.PEM))
    return files
