"""Whose key signs an alert: one of the installation, or one of each organisation."""

from django.conf import settings

from connectors.cap.signature import Signer, load_signer

ORGANISATION = "{organisation}"
"""In the name of a file: the short name of the organisation whose alert is signed."""


def signer_for(organisation: str) -> Signer | None:
    """
    The signer of an organisation's alerts; `None` if alerts are not signed here.

    :param organisation: its short name, which by its form cannot lead out of a folder
    :raises UnableToSign: if the settings name files, and nothing can be signed with them
    """
    return load_signer(
        key_file=settings.CAP_SIGNING_KEY.replace(ORGANISATION, organisation),
        certificate_file=settings.CAP_SIGNING_CERTIFICATE.replace(ORGANISATION, organisation),
    )
