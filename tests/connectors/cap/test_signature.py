"""What is signed is checked by xmlsec1, which shares no code with us; what cannot be signed is refused."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.cap.reading import read
from connectors.cap.signature import UnableToSign, load_signer
from connectors.cap.validation import faults_of
from tests.connectors.cap.alerts import GOOD
from tests.connectors.cap.keys import Key, KeyFiles, curve_key, key_files, rsa_key

needs_xmlsec = pytest.mark.skipif(
    shutil.which("xmlsec1") is None, reason="xmlsec1 is not installed: apt-get install xmlsec1"
)


def signed(files: KeyFiles) -> bytes:
    signer = load_signer(key_file=files.key, certificate_file=files.certificate)
    assert signer is not None
    return signer.sign(read(GOOD.encode()))


def verify(document: bytes, files: KeyFiles, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "alert.xml").write_bytes(document)
    return subprocess.run(
        ["xmlsec1", "--verify", "--trusted-pem", files.certificate, str(folder / "alert.xml")],
        capture_output=True,
        text=True,
        check=False,
    )


@needs_xmlsec
@pytest.mark.parametrize("make_key", [rsa_key, curve_key])
def test_another_program_verifies_the_signature_and_sees_tampering(make_key: Callable[[], Key], tmp_path: Path) -> None:
    files = key_files(tmp_path, make_key())
    document = signed(files)

    untouched = verify(document, files, tmp_path)
    tampered = verify(document.replace(b"Some customers", b"No customer", 1), files, tmp_path)

    assert (untouched.returncode, "OK" in untouched.stderr.splitlines()) == (0, True)
    assert (tampered.returncode, "FAIL" in tampered.stderr.splitlines()) == (1, True)


def test_a_signed_message_is_right_and_its_signature_stands_last(tmp_path: Path) -> None:
    document = signed(key_files(tmp_path, rsa_key()))

    assert faults_of(document) == ()
    assert read(document)[-1].tag == "{http://www.w3.org/2000/09/xmldsig#}Signature"


def test_nothing_is_signed_where_no_key_is_set() -> None:
    assert load_signer(key_file="", certificate_file="") is None


def test_a_certificate_of_another_key_is_refused(tmp_path: Path) -> None:
    ours, other = key_files(tmp_path / "ours", rsa_key()), key_files(tmp_path / "other", rsa_key())

    with pytest.raises(UnableToSign, match="CAP_SIGNING_CERTIFICATE must be the certificate of CAP_SIGNING_KEY"):
        signed(KeyFiles(key=ours.key, certificate=other.certificate))


def test_half_of_a_pair_is_refused(tmp_path: Path) -> None:
    files = key_files(tmp_path, rsa_key())

    with pytest.raises(UnableToSign, match="Set both"):
        load_signer(key_file=files.key, certificate_file="")


@pytest.mark.parametrize(
    ("key", "certificate", "said"),
    [
        ("certificate", "certificate", "CAP_SIGNING_KEY is no private key in PEM without a password."),
        ("key", "key", "CAP_SIGNING_CERTIFICATE is no certificate in PEM."),
        ("missing", "certificate", "The file that CAP_SIGNING_KEY names cannot be read: No such file or directory."),
    ],
)
def test_a_file_that_is_something_else_is_named_by_its_setting(
    tmp_path: Path, key: str, certificate: str, said: str
) -> None:
    files = {**key_files(tmp_path, rsa_key())._asdict(), "missing": str(tmp_path / "missing.pem")}

    with pytest.raises(UnableToSign) as refused:
        load_signer(key_file=files[key], certificate_file=files[certificate])

    assert str(refused.value) == said
