"""What a test of the connection finds out."""

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.adapters.opcua_rest.event_history import EventHistory
from connectors.protocols.adapter import Probe
from connectors.protocols.errors import BadConfig, ContractBroken, Unauthorized
from connectors.protocols.opcua import node_ids
from connectors.protocols.opcua.server import value_of
from connectors.protocols.opcua.status import require_good
from connectors.protocols.opcua.values import read_enumeration
from connectors.protocols.opcua.walk import LONG_PAGE
from connectors.protocols.opcua.web_api import WebApi

SERVER_STATES = (
    "is running",
    "has failed",
    "has no configuration",
    "is suspended",
    "is shutting down",
    "is in test",
    "has lost its devices",
    "does not know its own state",
)
"""By number (OPC 10000-5 §12.6)."""

NO_HISTORY = (
    "The server says that it reads no history of values to us: what is missed in a break, and what comes and goes "
    "between two reads, cannot be read later. Present values can."
)


def probe(api: WebApi, config: Mapping[str, Any]) -> Probe:
    """Who answers, how it is, and what would keep a stream from being read."""
    asked = (
        node_ids.SERVER_STATE,
        node_ids.PRODUCT_NAME,
        node_ids.MANUFACTURER_NAME,
        node_ids.SOFTWARE_VERSION,
        node_ids.ACCESS_HISTORY_DATA,
    )
    answer = api.read(asked, doing="reading the server's state")
    state, product, manufacturer, version, has_history = map(value_of, answer.results)
    name = str(product or "An OPC UA server")
    findings = [
        _worry(state),
        *_tried_streams(api, config),
        NO_HISTORY if has_history is False else "",  # most do not say
    ]
    made_by = f" of {manufacturer}" if manufacturer else ""
    return Probe(
        summary=f"{name} {version or ''}".strip() + f"{made_by} {_state_words(state)}.",
        product=str(product or ""),
        product_version=str(version or ""),
        findings=tuple(filter(None, findings)),
    )


def _tried_streams(api: WebApi, config: Mapping[str, Any]) -> Iterator[str]:
    """What would keep a stream from being read, as sentences."""
    start = config["start_node"]
    try:
        doing = "browsing the start node"
        below = api.browse([start], per_node=LONG_PAGE, doing=doing)[start]
        require_good(below.status, doing=doing, field="start_node")
        if not below.references:
            yield f"Nothing is below the start node {start}: there will be no signals."
    except (BadConfig, ContractBroken, Unauthorized) as error:
        yield f"Signals cannot be read. {error}"
    try:
        yield EventHistory(api, config).try_out()
    except (BadConfig, ContractBroken, Unauthorized) as error:
        yield f"Alarms cannot be read. {error}"


def _state_words(state: Any) -> str:
    try:
        return SERVER_STATES[read_enumeration(state)] if state is not None else "answers"
    except (ValueError, IndexError):
        return "answers"


def _worry(state: Any) -> str:
    """What a state other than running means for us."""
    words = _state_words(state)
    if words in ("answers", SERVER_STATES[0]):
        return ""
    return f"The server {words}: its values may be old. Ask the SCADA administrator."
