from typing import Annotated, ClassVar

import msgspec

from connectors.contracts.base import Instant, Name, OutboundRecord, Text


class AlarmComment(OutboundRecord, frozen=True, kw_only=True):
    """
    What a person has to say of an alarm: told to the system that raised it (OPC 10000-9 §5.5.6).

    `commented_at` is when it was written: a comment that the system had with these words since is this one.
    """

    contract_name: ClassVar[str] = "alarm-comment"
    contract_version: ClassVar[str] = "1"

    condition: Name
    branch: Text = ""
    event_id: Name
    comment: Annotated[str, msgspec.Meta(min_length=1, max_length=4_000)]
    commented_by: Name
    commented_at: Instant
