"""Events as the history of a notifier tells them (OPC 10000-11 §6.5.2)."""

from dataclasses import dataclass
from typing import Any

from connectors.protocols.errors import ContractBroken
from connectors.protocols.opcua import node_ids
from connectors.protocols.opcua.values import ExtensionObject, read_extension_object


@dataclass(frozen=True, kw_only=True)
class EventPage:
    """
    Events, each as it was written: `{"EventFields": […]}`. `incomplete` says why the history may hold more.
    """

    events: list[Any]
    is_last: bool
    incomplete: str = ""


def events_of(result: dict[str, Any], doing: str) -> list[Any]:
    """
    The events of one result.

    :raises ContractBroken: if it holds something else
    """
    match read_extension_object(result.get("HistoryData")):
        case None:
            return []  # with GoodNoData
        case ExtensionObject(type_id, {"Events": list() as events}) if type_id in (
            None,
            *node_ids.HISTORY_EVENT,
        ):
            return events
        case ExtensionObject(type_id, body) if not body and type_id in (None, *node_ids.HISTORY_EVENT):
            return []
        case other:
            raise ContractBroken(f"The server sent {other.type_id} where events were promised while {doing}.")
