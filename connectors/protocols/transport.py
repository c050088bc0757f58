"""What the session's connections are made with: our pools, which guard egress, and TLS as an administrator set it."""

import ssl
from typing import Any

import certifi
from requests.adapters import HTTPAdapter

from connectors.protocols.egress import EgressPolicy, guarded_pools
from connectors.protocols.errors import BadConfig


class GuardedAdapter(HTTPAdapter):
    """requests' transport, with our pools and TLS settings."""

    def __init__(self, *, egress: EgressPolicy, tls: ssl.SSLContext, pool_size: int) -> None:
        self._pools = guarded_pools(egress)
        self._tls = tls
        super().__init__(pool_connections=pool_size, pool_maxsize=pool_size)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._tls, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Nothing to add: the context verifies, against the authorities it was made with and no other."""


def tls_context(ca_bundle: str | None) -> ssl.SSLContext:
    """
    :param ca_bundle: certificates in PEM, or the path of a file of them; they replace the public authorities
    :raises BadConfig: if there is no certificate in it
    """
    try:
        if ca_bundle is None or not ca_bundle.strip():
            context = ssl.create_default_context(cafile=certifi.where())
        elif "-----BEGIN" in ca_bundle:
            context = ssl.create_default_context(cadata=ca_bundle)
        else:
            context = ssl.create_default_context(cafile=ca_bundle.strip())
    except (OSError, ValueError):
        raise BadConfig(
            "The certificate authority cannot be read. Paste its certificate as text that begins with "
            "-----BEGIN CERTIFICATE-----.",
            field="ca_bundle",
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
