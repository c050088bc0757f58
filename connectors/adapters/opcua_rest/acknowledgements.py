"""Telling the source that a person has seen an alarm (OPC 10000-9 §5.7.3)."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import Any

from connectors.contracts.alarm import Alarm
from connectors.contracts.alarm_acknowledgement import AlarmAcknowledgement
from connectors.protocols.adapter import Receipt
from connectors.protocols.errors import BadRecord, Unreachable
from connectors.protocols.opcua import node_ids
from connectors.protocols.opcua.status import StatusCode, require_good
from connectors.protocols.opcua.web_api import WebApi

DOING = "acknowledging the alarm"
ALREADY = "It was acknowledged before."
BYTE_STRING, LOCALIZED_TEXT = 15, 21
NOT_THERE = ("BadNodeIdUnknown", "BadNodeIdInvalid", "BadMethodInvalid", "BadConditionDisabled")


def acknowledge(
    record: AlarmAcknowledgement,
    *,
    api: WebApi,
    newest_first: Callable[[], Generator[Sequence[Any]]],
    read: Callable[[Any], Alarm | None],
) -> Receipt:
    """
    Acknowledge the notification that the person saw, or the one that has taken its place since.

    :param newest_first: pages of raw events, from now backwards
    :param read: reads one raw event
    :raises SourceError: one of its kinds; `BadRecord` if the source has no such alarm
    """
    event_id = record.event_id
    status = _call(api, record, event_id)
    detail = ""
    if status.means("BadEventIdUnknown"):
        # The condition has had another notification since, or another client was faster (node-opcua says it
        # so).
        current = _current(record, newest_first, read)
        if current.acknowledged:
            return Receipt(reference=current.event_id, already_done=True, detail=ALREADY)
        event_id = current.event_id
        status = _call(api, record, event_id)
        detail = f"It had changed; its notification of {current.source_time:%H:%M:%S %Z} was acknowledged."
    if status.means("BadConditionBranchAlreadyAcked"):
        return Receipt(reference=event_id, already_done=True, detail=ALREADY)
    if status.means("BadEventIdUnknown"):
        raise Unreachable(f"The alarm {record.condition} changes faster than it can be acknowledged.")
    if status.means(*NOT_THERE):
        raise BadRecord(
            f"The OPC UA server answered {status.symbol}: it has no alarm {record.condition} to acknowledge.",
            external_id=record.condition,
        )
    require_good(status, doing=DOING)
    return Receipt(reference=event_id, detail=detail)


def _call(api: WebApi, record: AlarmAcknowledgement, event_id: str) -> StatusCode:
    """The server knows only its own client, so the person's name goes into the comment."""
    comment = f"{record.acknowledged_by}: {record.comment}" if record.comment else record.acknowledged_by
    arguments = [
        {"UaType": BYTE_STRING, "Value": event_id},
        {"UaType": LOCALIZED_TEXT, "Value": {"Text": comment, "Locale": "en"}},
    ]
    # The object is the condition, not the thing that has it (OPC 10000-9 §5.7.3).
    return api.call(record.condition, node_ids.ACKNOWLEDGE, arguments, doing=DOING)


def _current(
    record: AlarmAcknowledgement,
    newest_first: Callable[[], Generator[Sequence[Any]]],
    read: Callable[[Any], Alarm | None],
) -> Alarm:
    """
    The newest notification of the condition and branch.

    :raises BadRecord: if the history holds none
    """
    with closing(newest_first()) as pages:
        for page in pages:
            found = [alarm for alarm in map(_lenient(read), page) if alarm and _is_of(alarm, record)]
            if found:
                return max(found, key=lambda alarm: alarm.source_time)
    raise BadRecord(
        f"The OPC UA server no longer knows this notification, and its history has no other of {record.condition}.",
        external_id=record.condition,
    )


def _lenient(read: Callable[[Any], Alarm | None]) -> Callable[[Any], Alarm | None]:
    def read_if_possible(raw: Any) -> Alarm | None:
        try:
            return read(raw)
        except BadRecord:
            return None  # another alarm's trouble, which the alarms' stream reports

    return read_if_possible


def _is_of(alarm: Alarm, record: AlarmAcknowledgement) -> bool:
    return (alarm.condition, alarm.branch) == (record.condition, record.branch)
