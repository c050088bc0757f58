from pathlib import Path

from pytest_django import Settings

from outage.checks import check_signing
from tests.connectors.cap.keys import key_files, rsa_key


def test_a_key_with_which_nothing_can_be_signed_is_told_before_it_is_needed(settings: Settings, tmp_path: Path) -> None:
    files = key_files(tmp_path, rsa_key())
    assert check_signing(None) == []

    settings.CAP_SIGNING_KEY, settings.CAP_SIGNING_CERTIFICATE = files.key, str(tmp_path / "gone.pem")
    [warning] = check_signing(None)
    settings.CAP_SIGNING_CERTIFICATE = files.certificate

    assert warning.id == "outage.W001"
    assert warning.msg == (
        "Public alerts cannot be issued. The file that CAP_SIGNING_CERTIFICATE names cannot be read: "
        "No such file or directory."
    )
    assert check_signing(None) == []
