from enum import StrEnum
from typing import Annotated, ClassVar

import msgspec

from connectors.contracts.base import Instant, Name, OutboundRecord

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"


class AlertStatus(StrEnum):
    """How a message is to be handled (CAP 1.2 §3.2.1); whoever receives anything but ACTUAL warns nobody."""

    ACTUAL = "Actual"
    EXERCISE = "Exercise"
    TEST = "Test"


class MessageType(StrEnum):
    """What a message does to earlier ones (CAP 1.2 §3.2.1)."""

    ALERT = "Alert"
    UPDATE = "Update"
    CANCEL = "Cancel"


class CapAlert(OutboundRecord, frozen=True, kw_only=True):
    """
    A public alert message: OASIS CAP 1.2 itself. `document` is what was issued and perhaps signed; its UTF-8 bytes go
    on as they are. The other fields repeat what stands in it; `sender`, `identifier` and `sent` are its identity.
    """

    contract_name: ClassVar[str] = "cap-alert"
    contract_version: ClassVar[str] = "1.2"
    namespace: ClassVar[str] = NAMESPACE

    identifier: Name
    sender: Name
    sent: Instant
    status: AlertStatus
    message_type: MessageType
    document: Annotated[
        str, msgspec.Meta(max_length=900_000, extra_json_schema={"contentMediaType": "application/cap+xml"})
    ]
