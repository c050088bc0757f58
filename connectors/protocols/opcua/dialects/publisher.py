"""
The REST API of Microsoft's OPC Publisher (formerly OPC Twin), version 2: services of OPC UA in camel case.

Each request names the OPC UA server that it is for. A value is read by itself: the API's only read of several brings no
moments with them.
"""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from connectors.protocols.errors import BadConfig, ContractBroken, SourceError, Unreachable
from connectors.protocols.http import Auth, HttpSession, Response
from connectors.protocols.opcua import node_ids
from connectors.protocols.opcua.dialects.gateway import OtherGateway
from connectors.protocols.opcua.status import GOOD, StatusCode, read_status
from connectors.protocols.opcua.web_api import MOST_BARREN_PAGES, Answer, Browsed, record_of

_HEADER = {"namespaceFormat": "Expanded"}
_BY_URI = re.compile(r"(?P<uri>[^;]+?)#(?P<kind>[isgb])=(?P<identifier>.*)", re.DOTALL)
_NODE_CLASSES = {"Object": 1, "Variable": 2}
_TYPES = {
    "Boolean": 1,
    "SByte": 2,
    "Byte": 3,
    "Int16": 4,
    "UInt16": 5,
    "Int32": 6,
    "UInt32": 7,
    "Int64": 8,
    "UInt64": 9,
    "Float": 10,
    "Double": 11,
    "String": 12,
    "DateTime": 13,
    "LocalizedText": 21,
    "ExtensionObject": 22,
    "EUInformation": 22,
}
_REFERENCES = {"HasProperty": node_ids.HAS_PROPERTY, "HasComponent": "i=47", "Organizes": "i=35"}


class OpcPublisher(OtherGateway):
    """
    :param endpoint: of the OPC UA server behind it, such as `opc.tcp://scada.example:4840`
    """

    name = "OPC Publisher"
    path = "/v2"

    def __init__(self, http: HttpSession, *, base_url: str, auth: Auth | None, endpoint: str) -> None:
        super().__init__(http, base_url=base_url, auth=auth)
        self._connection = {"endpoint": {"url": endpoint}}

    def read(self, nodes: Sequence[str], *, doing: str) -> Answer:
        results = []
        at = None
        for node in nodes:
            asked = {"nodeId": node, "timestampsToReturn": "Both", "header": _HEADER}
            response, body = self._post("read", asked, doing)
            results.append(_data_value(body))
            at = response.date or at
        return Answer(body={}, results=results, at=at)

    def browse(self, nodes: Sequence[str], *, per_node: int, doing: str) -> dict[str, Browsed]:
        return {node: self._browse_one(node, per_node, doing) for node in nodes}

    def _browse_one(self, node: str, per_node: int, doing: str) -> Browsed:
        browsed = Browsed()
        asked = {
            "nodeId": node,
            "direction": "Forward",
            "referenceTypeId": node_ids.HIERARCHICAL_REFERENCES,
            "noSubtypes": False,
            "nodeClassFilter": list(_NODE_CLASSES),
            "maxReferencesToReturn": per_node,
            "header": _HEADER,
        }
        _, body = self._post("browse/first", asked, doing)
        while self._take(body, node, browsed, doing):
            asked = {"continuationToken": body["continuationToken"], "header": _HEADER}
            _, body = self._post("browse/next", asked, doing, repeatable=False)
        return browsed

    def _take(self, body: dict[str, Any], node: str, browsed: Browsed, doing: str) -> bool:
        """Add a page of references; whether there is more. A token may be the same on every page."""
        status = _status(body.get("errorInfo"), doing)
        if status.is_bad:
            browsed.status = status
            browsed.incomplete = f"the server answered {status.symbol} for {node}"
            return False
        page = [_reference(record_of(raw, doing), doing) for raw in body.get("references") or []]
        browsed.barren_pages = 0 if page else browsed.barren_pages + 1
        if (page and page == browsed.last_page) or browsed.barren_pages > MOST_BARREN_PAGES:
            browsed.incomplete = f"the server repeats the same page below {node}"
            return False
        browsed.references += page
        browsed.last_page = page
        return bool(body.get("continuationToken"))

    def _post(
        self, operation: str, request: dict[str, Any], doing: str, *, repeatable: bool = True
    ) -> tuple[Response, dict[str, Any]]:
        response = self._http.post(
            f"{self.base_url}/{operation}",
            json={"connection": self._connection, "request": request},
            auth=self._auth,
            idempotent=repeatable,
            accept_status=(400, 404, 408),
        )
        if response.status == 404:
            raise BadConfig(
                "There is no OPC Publisher at this address. Give the address of its module with its port, without "
                "the name of a service.",
                field="base_url",
            )
        if response.status in (400, 408):
            raise self._problem(response, doing)
        return response, record_of(self._http.json(response), doing)

    def _problem(self, response: Response, doing: str) -> SourceError:
        """What a ProblemDetails says (RFC 7807)."""
        try:
            said = record_of(self._http.json(response), doing)
        except ContractBroken:
            said = {}
        detail = self._http.without_secrets(str(said.get("detail") or said.get("title") or "without a reason"))
        if response.status == 408:
            return Unreachable(f"The OPC UA server behind OPC Publisher did not answer while {doing}: {detail}")
        return BadConfig(
            f"OPC Publisher refused our request while {doing}: {detail} Check the address of the OPC UA server.",
            field="server_endpoint",
        )


def read_node_id(raw: Any) -> Any:
    """A NodeId as OPC Publisher writes it: as the standard does, or `http://plant.example/UA#s=Tag%201`."""
    found = _BY_URI.fullmatch(raw) if isinstance(raw, str) else None
    if found is None:
        return raw
    identifier = f"{found['kind']}={unquote(found['identifier'])}"
    return identifier if found["uri"] == "http://opcfoundation.org/UA/" else f"nsu={found['uri']};{identifier}"


def _reference(raw: dict[str, Any], doing: str) -> dict[str, Any]:
    target = record_of(raw.get("target"), doing)
    kind = str(raw.get("referenceTypeId") or "")
    name = str(target.get("browseName") or "")
    return {
        "ReferenceTypeId": _REFERENCES.get(kind) or read_node_id(kind),
        "NodeId": read_node_id(target.get("nodeId")),
        "BrowseName": {"Name": re.split(r"[#;]", name)[-1]},
        "DisplayName": {"Text": target.get("displayName") or ""},
        "NodeClass": _NODE_CLASSES.get(str(target.get("nodeClass")), 0),
        "TypeDefinition": read_node_id(target.get("typeDefinitionId")),
    }


def _data_value(body: dict[str, Any]) -> dict[str, Any]:
    """A value; what its status is, `errorInfo` says, and without one it is good. An absent value is none."""
    error = body.get("errorInfo") or {}
    value = {
        "StatusCode": error.get("statusCode", error.get("symbolicId")),
        "SourceTimestamp": body.get("sourceTimestamp"),
        "ServerTimestamp": body.get("serverTimestamp"),
    }
    if body.get("value") is None:
        return value
    type_number = _TYPES.get(str(body.get("dataType")))
    typed = {} if type_number is None else {"UaType": type_number}
    return {**value, **typed, "Value": body["value"]}


def _status(error: Any, doing: str) -> StatusCode:
    if not error:
        return GOOD
    said = record_of(error, doing)
    try:
        return read_status(said.get("statusCode", said.get("symbolicId")))
    except ValueError as fault:
        raise ContractBroken(f"OPC Publisher sent a status that cannot be read while {doing}: {fault}.") from fault
