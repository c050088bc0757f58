"""
What people do to alarms, told to the source by the methods of conditions (OPC 10000-9 §5.5.6, §5.7.3, §5.7.4, §5.8.17).

An answer that is lost leaves the outcome unknown, so the condition is read back before anybody tries again.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from connectors.adapters.opcua_rest.shown import shelving_method, shown_now
from connectors.contracts.alarm import Alarm
from connectors.contracts.alarm_acknowledgement import AlarmAcknowledgement
from connectors.contracts.alarm_comment import AlarmComment
from connectors.contracts.alarm_confirmation import AlarmConfirmation
from connectors.contracts.alarm_shelving import AlarmShelving, ShelvingAction
from connectors.contracts.base import OutboundRecord, contract_id
from connectors.protocols.adapter import Receipt
from connectors.protocols.errors import BadConfig, BadRecord, ContractBroken, SourceError, Unreachable
from connectors.protocols.opcua import node_ids
from connectors.protocols.opcua.server import clock_of
from connectors.protocols.opcua.status import StatusCode, require_good
from connectors.protocols.opcua.web_api import WebApi

DOUBLE, BYTE_STRING, LOCALIZED_TEXT = 11, 15, 21
NOT_THERE = ("BadNodeIdUnknown", "BadNodeIdInvalid", "BadMethodInvalid", "BadConditionDisabled", "BadNotSupported")
NOT_FOR_THE_CONDITION = ("BadInternalError", "BadMethodInvalid", "BadNotImplemented", "BadNotSupported")
NOT_POSSIBLE = ("BadInvalidState", "BadShelvingTimeOutOfRange", "BadInvalidArgument", "BadOutOfRange")
ANSWER_LOST = "The answer was lost, but the source shows that it was done."
SAME_TIME = timedelta(minutes=5)
"""How far the source's clock may be from ours when a comment is looked for that may have been written already."""


@dataclass(frozen=True, kw_only=True)
class Deed:
    """
    What is done to a condition.

    :ivar doing: what it is, as the end of a sentence
    :ivar method: the NodeId of its method on the type, which is called with the condition for its object
    :ivar already: how a server says that it was done before
    :ivar is_done: whether a notification shows that it was
    :ivar said: what to say where it was done before
    """

    doing: str
    method: str
    already: str
    is_done: Callable[[Alarm], bool]
    said: str


def _is_shelved(alarm: Alarm) -> bool:
    return alarm.shelving is not None


ACKNOWLEDGING = Deed(
    doing="acknowledging the alarm",
    method=node_ids.ACKNOWLEDGE,
    already="BadConditionBranchAlreadyAcked",
    is_done=lambda alarm: alarm.acknowledged,
    said="It was acknowledged before.",
)
CONFIRMING = Deed(
    doing="confirming the alarm",
    method=node_ids.CONFIRM,
    already="BadConditionBranchAlreadyConfirmed",
    is_done=lambda alarm: alarm.confirmed is True,
    said="It was confirmed before.",
)
SHELVING = {
    ShelvingAction.ONE_SHOT: Deed(
        doing="shelving the alarm",
        method=node_ids.ONE_SHOT_SHELVE,
        already="BadConditionAlreadyShelved",
        is_done=_is_shelved,
        said="It was shelved before.",
    ),
    ShelvingAction.TIMED: Deed(
        doing="shelving the alarm for a time",
        method=node_ids.TIMED_SHELVE,
        already="BadConditionAlreadyShelved",
        is_done=_is_shelved,
        said="It was shelved before.",
    ),
    ShelvingAction.UNSHELVE: Deed(
        doing="unshelving the alarm",
        method=node_ids.UNSHELVE,
        already="BadConditionNotShelved",
        is_done=lambda alarm: alarm.shelving is None,
        said="It was not shelved any more.",
    ),
}


class Deliveries:
    """
    :param newest_first: pages of raw events, from now backwards
    :param read: reads one raw event
    """

    def __init__(
        self,
        api: WebApi,
        *,
        newest_first: Callable[[], Generator[Sequence[Any]]],
        read: Callable[[Any], Alarm | None],
    ) -> None:
        self._api, self._newest_first, self._read = api, newest_first, read

    def deliver(self, record: OutboundRecord) -> Receipt:
        """
        Do to the condition what the record asks for: to the notification that the person saw, or to the one that has
        taken its place since.

        :raises SourceError: one of its kinds; `BadRecord` if the source has no such alarm, or it cannot be done to it
        """
        match record:
            case AlarmAcknowledgement():
                return self._to_notification(record, ACKNOWLEDGING, _signed(record.acknowledged_by, record.comment))
            case AlarmConfirmation():
                return self._to_notification(record, CONFIRMING, _signed(record.confirmed_by, record.comment))
            case AlarmComment():
                return self._comment(record)
            case AlarmShelving():
                return self._shelve(record)
        raise BadConfig(f"An OPC UA gateway takes no {contract_id(type(record))}.")

    def _to_notification(
        self, record: AlarmAcknowledgement | AlarmConfirmation | AlarmComment, deed: Deed, comment: str
    ) -> Receipt:
        event_id, detail = record.event_id, ""
        try:
            status = self._call(record.condition, deed, _about(event_id, comment))
            if status.means("BadEventIdUnknown"):
                # The condition has had another notification since, or another client was faster (node-opcua says it
                # so).
                current = self._current(record.condition, record.branch, deed)
                if deed.is_done(current):
                    return Receipt(reference=current.event_id, already_done=True, detail=deed.said)
                event_id = current.event_id
                detail = f"It had changed; its notification of {current.source_time:%H:%M:%S %Z} was taken instead."
                status = self._call(record.condition, deed, _about(event_id, comment))
        except (Unreachable, ContractBroken) as error:
            return self._read_back(record.condition, record.branch, deed, error)
        if status.means(deed.already):
            return Receipt(reference=event_id, already_done=True, detail=deed.said)
        if status.means("BadEventIdUnknown"):
            raise Unreachable(f"The alarm {record.condition} changes faster than this can be done: {deed.doing}.")
        _require_done(status, record.condition, deed)
        return Receipt(reference=event_id, detail=detail)

    def _comment(self, record: AlarmComment) -> Receipt:
        """A comment has no state that would tell whether it was written: only its words do."""
        comment = _signed(record.commented_by, record.comment)
        since = record.commented_at - SAME_TIME

        def is_written(alarm: Alarm) -> bool:
            return alarm.comment == comment and alarm.source_time >= since

        deed = Deed(
            doing="commenting on the alarm",
            method=node_ids.ADD_COMMENT,
            already="",
            is_done=is_written,
            said="It was written before.",
        )
        with suppress(BadRecord, BadConfig):  # what has no history is asked without it
            current = self._current(record.condition, record.branch, deed)
            if is_written(current):
                return Receipt(reference=current.event_id, already_done=True, detail=deed.said)
        return self._to_notification(record, deed, comment)

    def _shelve(self, record: AlarmShelving) -> Receipt:
        deed = SHELVING[record.action]
        arguments = []
        if record.action is ShelvingAction.TIMED:
            if record.until is None:
                raise BadRecord("It does not say until when the alarm is shelved.", external_id=record.condition)
            left = record.until - clock_of(self._api)
            if left <= timedelta():
                raise BadRecord(
                    "The time for which the alarm was to be shelved was over before the source could be told.",
                    external_id=record.condition,
                )
            arguments = [{"UaType": DOUBLE, "Value": left / timedelta(milliseconds=1)}]
        try:
            # Conditions need not be in the address space, so that the condition itself stands for its shelving state.
            status = self._call(record.condition, deed, arguments)
            if status.means(*NOT_FOR_THE_CONDITION):  # node-opcua's conditions are shelved at their own nodes alone
                own = shelving_method(self._api, record.condition, deed.method, doing=deed.doing)
                if own:
                    status = self._api.call(*own, arguments, doing=deed.doing)
        except (Unreachable, ContractBroken) as error:
            return self._read_back(record.condition, "", deed, error)
        if status.means(deed.already):
            return Receipt(reference=record.condition, already_done=True, detail=deed.said)
        _require_done(status, record.condition, deed)
        return Receipt(reference=record.condition)

    def _call(self, condition: str, deed: Deed, arguments: list[dict[str, Any]]) -> StatusCode:
        return self._api.call(condition, deed.method, arguments, doing=deed.doing)

    def _read_back(self, condition: str, branch: str, deed: Deed, error: SourceError) -> Receipt:
        """
        What became of a call whose answer was lost.

        :raises Unreachable: if the source cannot be asked now: it is to be tried again
        :raises SourceError: the error itself, if it was not done
        """
        try:
            current = self._current(condition, branch, deed)
        except SourceError:
            raise Unreachable(str(error)) from error
        if deed.is_done(current):
            return Receipt(reference=current.event_id, detail=ANSWER_LOST)
        raise error

    def _current(self, condition: str, branch: str, deed: Deed) -> Alarm:
        """
        The newest notification of the condition and branch; of several with one time, one that shows the deed done.

        :raises BadRecord: if the history holds none
        """
        for page in self._newest_pages(condition, deed):
            alarms = filter(None, map(self._read_if_possible, page))
            found = [alarm for alarm in alarms if (alarm.condition, alarm.branch) == (condition, branch)]
            if found:
                return max(found, key=lambda alarm: (alarm.source_time, deed.is_done(alarm)))
        raise BadRecord(
            f"The OPC UA server no longer knows this notification, and shows no other of {condition}.",
            external_id=condition,
        )

    def _newest_pages(self, condition: str, deed: Deed) -> Generator[Sequence[Any]]:
        """Pages of raw events from now backwards; of a server without a history, the condition as its node shows it."""
        try:
            with closing(self._newest_first()) as pages:
                yield from pages
        except BadConfig:
            yield [shown_now(self._api, condition, doing=deed.doing)]

    def _read_if_possible(self, raw: Any) -> Alarm | None:
        try:
            return self._read(raw)
        except BadRecord:
            return None  # another alarm's trouble, which the alarms' stream reports


def _signed(person: str, comment: str) -> str:
    """The server knows only its own client, so the person's name goes into the comment."""
    return f"{person}: {comment}" if comment else person


def _about(event_id: str, comment: str) -> list[dict[str, Any]]:
    return [
        {"UaType": BYTE_STRING, "Value": event_id},
        {"UaType": LOCALIZED_TEXT, "Value": {"Text": comment, "Locale": "en"}},
    ]


def _require_done(status: StatusCode, condition: str, deed: Deed) -> None:
    if status.means(*NOT_THERE):
        raise BadRecord(
            f"The OPC UA server answered {status.symbol} while {deed.doing}: it has no alarm {condition}, or none that "
            "this can be done to.",
            external_id=condition,
        )
    if status.means(*NOT_POSSIBLE):
        raise BadRecord(
            f"The OPC UA server answered {status.symbol} while {deed.doing}: as the alarm stands, this cannot be done.",
            external_id=condition,
        )
    require_good(status, doing=deed.doing)
