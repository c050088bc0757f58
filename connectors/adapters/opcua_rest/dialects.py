"""Which gateway is asked, what it can bring, and what it says when it is tested."""

from collections.abc import Mapping
from typing import Any

from connectors.adapters.opcua_rest.settings import Dialect, Encoding, Names
from connectors.contracts.alarm import Alarm
from connectors.protocols.adapter import Emission, Mode, Probe
from connectors.protocols.http import HttpSession
from connectors.protocols.opcua.dialects.gateway import OtherGateway
from connectors.protocols.opcua.dialects.kepware import Kepware
from connectors.protocols.opcua.dialects.publisher import OpcPublisher
from connectors.protocols.opcua.status import require_good
from connectors.protocols.opcua.walk import LONG_PAGE
from connectors.protocols.opcua.web_api import WebApi
from connectors.protocols.sign_in import auth_of


def api_of(config: Mapping[str, Any], http: HttpSession) -> WebApi:
    """The gateway that the settings name; those from before there was a choice name none, and mean the standard's."""
    base_url, auth = config["base_url"], auth_of(config)
    match config.get("dialect"):
        case Dialect.KEPWARE:
            return Kepware(http, base_url=base_url, auth=auth)
        case Dialect.OPC_PUBLISHER:
            return OpcPublisher(http, base_url=base_url, auth=auth, endpoint=config["server_endpoint"])
        case _:
            return WebApi(
                http,
                base_url=base_url,
                auth=auth,
                verbose=config["encoding"] == Encoding.VERBOSE,
                by_index=config["node_names"] == Names.INDEX,
            )


def modes_of(api: WebApi, emission: Emission) -> tuple[Mode, ...]:
    """How a gateway can bring a contract; not at all, if empty."""
    if not isinstance(api, OtherGateway):
        return emission.modes
    if emission.contract is Alarm:
        return ()
    return tuple(mode for mode in emission.modes if mode is not Mode.EVENT)


def probe_other(api: OtherGateway, start: str) -> Probe:
    """
    Whether a gateway of another dialect has anything below the start node.

    :raises SourceError: one of its kinds; `BadConfig` if it does not know the node
    """
    doing = "browsing the start node"
    below = api.browse([start], per_node=LONG_PAGE, doing=doing)[start]
    require_good(below.status, doing=doing, field="start_node")
    findings = [f"{api.name} knows neither alarms nor changes: signals are read, and their values are polled."]
    if not below.references:
        findings.append(f"Nothing is below the start node {start}: there will be no signals.")
    return Probe(
        summary=f"{api.name} answers, with {len(below.references)} nodes below the start node.",
        product=api.name,
        findings=tuple(findings),
    )
