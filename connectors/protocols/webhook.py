"""Webhooks: calls by which a source says that something has changed, and how it is known that the source says it."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

SHA256 = "sha256="


class NotSigned(Exception):
    """The call bears no signature, or none can be checked. The message is for who looks after the source."""


class WronglySigned(Exception):
    """The signature is not that of this call under our secret. The message is for who looks after the source."""


@dataclass(frozen=True, kw_only=True)
class WebhookCall:
    """
    :param headers: by their names in small letters
    :param body: byte for byte as it came, which is what was signed
    """

    headers: Mapping[str, str]
    body: bytes


@runtime_checkable
class TakesWebhooks(Protocol):
    """What an adapter adds whose sources call a webhook in words of their own, and sign the call."""

    def woken_by(self, call: WebhookCall, streams: Sequence[str]) -> Sequence[str]:
        """
        Which streams a call is about. What it says is a hint: nothing is asked of the source, least of all at an
        address that the call names.

        :param streams: names of those that could be read now
        :return: some of them; all, if the call does not say
        :raises NotSigned: if it bears no signature, or we hold no secret to check it with
        :raises WronglySigned: if its signature is wrong
        """


def check_hmac_sha256(call: WebhookCall, *, header: str, secret: str) -> None:
    """
    A signature as `sha256=` and the HMAC-SHA256 (RFC 2104, FIPS 180-4) of the body in hexadecimal digits.

    :param header: which bears it, in small letters
    :raises NotSigned: if there is none, or no secret
    :raises WronglySigned: if it is wrong
    """
    given = call.headers.get(header, "").strip()
    if not given:
        raise NotSigned(
            f"The call is not signed: give the webhook the signature key that this connector has ({header})."
        )
    if not secret:
        raise NotSigned("This connector has no webhook secret to check the signature with. Enter it in its settings.")
    made = hmac.new(secret.encode(), call.body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(made.encode(), given.lower().removeprefix(SHA256).encode()):
        raise WronglySigned(
            "The signature is wrong: the webhook has another signature key than this connector's settings."
        )
