"""Telling AVEVA PI that a person has seen an event frame. PI notes our account as who it was, and has no comment."""

from typing import Any
from urllib.parse import quote

from connectors.contracts.alarm_acknowledgement import AlarmAcknowledgement
from connectors.protocols.adapter import Receipt
from connectors.protocols.errors import BadRecord
from connectors.protocols.pi.web_api import PiWebApi
from connectors.protocols.wire import RequestRefused

NOT_FOUND = 404
FIELDS = "IsAcknowledged;CanBeAcknowledged;AcknowledgedBy;AcknowledgedDate"


def acknowledge(record: AlarmAcknowledgement, *, api: PiWebApi) -> Receipt:
    """
    Acknowledge an event frame, which can be done once. It is looked at first, so that a delivery that is repeated, or
    that another was faster than, finds it done.

    :raises SourceError: one of its kinds; `BadRecord` if PI has no such event frame, or none that can be acknowledged
    """
    done = _already_done(record, api)
    if done is not None:
        return done
    try:
        api.patch(api.url(f"eventframes/{_key(record)}/acknowledge"))
    except RequestRefused as refusal:
        done = _already_done(record, api)
        if done is None:
            raise BadRecord(
                f"AVEVA PI does not take the acknowledgement. {refusal}", external_id=record.condition
            ) from refusal
        return done
    return Receipt(reference=record.event_id)


def _already_done(record: AlarmAcknowledgement, api: PiWebApi) -> Receipt | None:
    """
    :raises BadRecord: if there is nothing to acknowledge
    """
    try:
        frame = api.get(api.url(f"eventframes/{_key(record)}", selectedFields=FIELDS)).body
    except RequestRefused as refusal:
        if refusal.status != NOT_FOUND:
            raise
        raise BadRecord(
            f"AVEVA PI has no such event frame any more. {refusal}", external_id=record.condition
        ) from refusal
    if frame.get("IsAcknowledged") is True:
        return Receipt(reference=record.event_id, already_done=True, detail=_by_whom(frame))
    if frame.get("CanBeAcknowledged") is not True:
        raise BadRecord(
            "This event frame cannot be acknowledged in AVEVA PI. Have its template allow it.",
            external_id=record.condition,
        )
    return None


def _key(record: AlarmAcknowledgement) -> str:
    return quote(record.event_id, safe="")


def _by_whom(frame: dict[str, Any]) -> str:
    by, at = frame.get("AcknowledgedBy"), frame.get("AcknowledgedDate")
    return f"{by or 'Somebody'} acknowledged it before" + (f", at {at}." if at else ".")
