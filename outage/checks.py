"""What is better known before the night on which it is needed: alerts can be signed."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks

from connectors.cap.signature import UnableToSign, load_signer
from outage.alerts.signing import ORGANISATION


def check_signing(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[checks.CheckMessage]:
    """
    No error: everything else works without. Where each organisation has a key of its own, its alerts' preview says
    whether they can be signed.
    """
    if ORGANISATION in settings.CAP_SIGNING_KEY + settings.CAP_SIGNING_CERTIFICATE:
        return []
    try:
        load_signer(key_file=settings.CAP_SIGNING_KEY, certificate_file=settings.CAP_SIGNING_CERTIFICATE)
    except UnableToSign as error:
        return [checks.Warning(f"Public alerts cannot be issued. {error}", id="outage.W001")]
    return []
