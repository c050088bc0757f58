"""What an OPC UA server says about itself."""

from datetime import datetime
from typing import Any

from connectors.protocols.errors import ContractBroken
from connectors.protocols.opcua import node_ids
from connectors.protocols.opcua.values import DataValue, read_data_value
from connectors.protocols.opcua.web_api import WebApi


def clock_of(api: WebApi) -> datetime:
    """
    Now, by the server's clock: its stamps are compared with that and no other.

    :raises ContractBroken: if it does not say what time it is
    """
    answer = api.read([node_ids.CURRENT_TIME], doing="reading the server's clock")
    now = value_of(answer.results[0])
    if isinstance(now, datetime):
        return now
    if answer.at is not None:
        return answer.at
    raise ContractBroken("The server does not say what time it is, neither in i=2258 nor in its answers.")


def value_of(raw: Any) -> Any:
    """A value of the server about itself; what it does not tell, or tells unreadably, is nothing."""
    try:
        data: DataValue = read_data_value(raw)
    except ValueError:
        return None
    return None if data.status.is_bad else data.value
