"""
The REST server of Kepware's IoT Gateway: tags by name, good or bad, at milliseconds since 1970.

`GET /iotgateway/browse` lists all tags at once, `POST /iotgateway/read` takes a list of names. Kepware's own OPC UA
server calls the same tags `nsu=KEPServerEX;s=Channel.Device.Tag`, and so do we.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.protocols.errors import BadConfig, ContractBroken
from connectors.protocols.http import Auth, HttpSession, Response
from connectors.protocols.opcua import node_ids
from connectors.protocols.opcua.dialects.gateway import OtherGateway
from connectors.protocols.opcua.status import read_status
from connectors.protocols.opcua.values import write_date_time
from connectors.protocols.opcua.web_api import VARIABLE, Answer, Browsed, record_of

PREFIX = "nsu=KEPServerEX;s="

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HAS_COMPONENT, _BASE_DATA_VARIABLE_TYPE = "i=47", "i=63"
_UNKNOWN: dict[str, Any] = {"StatusCode": "BadNodeIdUnknown"}


class Kepware(OtherGateway):
    name = "Kepware's IoT Gateway"
    path = "/iotgateway"

    def __init__(self, http: HttpSession, *, base_url: str, auth: Auth | None) -> None:
        super().__init__(http, base_url=base_url, auth=auth)
        self._listed: frozenset[str] = frozenset()

    def read(self, nodes: Sequence[str], *, doing: str) -> Answer:
        """A tag that the gateway does not mention is a bad value, and not a silence."""
        tags = [node.removeprefix(PREFIX) for node in nodes if node.startswith(PREFIX)]
        if all(map(node_ids.is_standard, nodes)):
            self.ask("read", {}, doing=doing)  # of the server itself it tells nothing
        if not tags:
            return Answer(body={}, results=[_UNKNOWN for _ in nodes], at=None)
        response = self._http.post(
            f"{self.base_url}/read", json=tags, auth=self._auth, idempotent=True, accept_status=(404,)
        )
        body = self._body(response, doing)
        told = {
            result.get("id"): _data_value(result)
            for result in (record_of(raw, doing) for raw in _list_in(body, "readResults", doing))
        }
        results = [told.get(node.removeprefix(PREFIX), _UNKNOWN) for node in nodes]
        return Answer(body=body, results=results, at=response.date)

    def browse(self, nodes: Sequence[str], *, per_node: int, doing: str) -> dict[str, Browsed]:
        """All tags whose names begin with the node's, at once. A tag has nothing below it."""
        if self._listed.issuperset(nodes):
            return {node: Browsed() for node in nodes}
        tags = self._tags(doing)
        self._listed = frozenset(PREFIX + tag for tag in tags)
        return {node: self._below(node, tags) for node in nodes}

    def _tags(self, doing: str) -> list[str]:
        response = self._http.get(f"{self.base_url}/browse", auth=self._auth, accept_status=(404,))
        body = self._body(response, doing)
        if body.get("succeeded") is False:
            reason = self._http.without_secrets(str(body.get("reason") or "without a reason"))
            raise BadConfig(f"{self.name} did not list its tags: {reason}.")
        tags = [_name_of(raw, doing) for raw in _list_in(body, "browseResults", doing)]
        return sorted(tag for tag in tags if not _is_diagnostic(tag))

    def _below(self, node: str, tags: Sequence[str]) -> Browsed:
        if node == node_ids.OBJECTS_FOLDER:
            found = list(tags)
        else:
            found = [tag for tag in tags if tag.startswith(node.removeprefix(PREFIX) + ".")]
        if not found and node != node_ids.OBJECTS_FOLDER and node not in self._listed:
            return Browsed(status=read_status("BadNodeIdUnknown"))
        return Browsed(references=[_reference(tag) for tag in found])

    def _body(self, response: Response, doing: str) -> dict[str, Any]:
        if response.status == 404:
            raise BadConfig(
                f"There is no REST server of {self.name} at this address. Give the address of the machine with the "
                "port of the REST server, such as https://kepware.example:39320.",
                field="base_url",
            )
        return record_of(self._http.json(response), doing)


def _reference(tag: str) -> dict[str, Any]:
    return {
        "ReferenceTypeId": _HAS_COMPONENT,
        "NodeId": PREFIX + tag,
        "BrowseName": {"Name": tag.rpartition(".")[2]},
        "DisplayName": {"Text": tag},
        "NodeClass": VARIABLE,
        "TypeDefinition": _BASE_DATA_VARIABLE_TYPE,
    }


def _data_value(result: dict[str, Any]) -> dict[str, Any]:
    """`s` is good or bad and nothing between, `r` why, `v` the value, `t` its moment in milliseconds."""
    value = {"SourceTimestamp": _moment(result.get("t"))}
    if result.get("s") is True:
        return {**value, "Value": result.get("v")}
    return {**value, "StatusCode": _reason(result.get("r"))}


def _moment(milliseconds: Any) -> str | None:
    """What is no moment is handed on as it is, for whoever reads the value to set it aside."""
    if milliseconds is None or milliseconds == 0:
        return None
    if isinstance(milliseconds, int) and not isinstance(milliseconds, bool):
        with suppress(OverflowError):
            return write_date_time(_EPOCH + timedelta(milliseconds=milliseconds))
    return str(milliseconds)


def _reason(text: Any) -> int:
    """The bad status that a reason names, such as `Bad_NotConnected`; without one it is just bad."""
    try:
        status = read_status("".join(str(text).split()))
    except ValueError:
        status = None
    return status if status is not None and status.is_bad else read_status("Bad")


def _name_of(raw: Any, doing: str) -> str:
    name = record_of(raw, doing).get("id")
    if isinstance(name, str) and name:
        return name
    raise ContractBroken(f"{Kepware.name} listed a tag without a name while {doing}.")


def _is_diagnostic(tag: str) -> bool:
    """Whether a tag tells of the gateway itself: one part of its name begins with an underscore."""
    return any(part.startswith("_") for part in tag.split("."))


def _list_in(body: dict[str, Any], member: str, doing: str) -> list[Any]:
    found = body.get(member)
    if isinstance(found, list):
        return found
    raise ContractBroken(f"{Kepware.name} sent no {member} while {doing}.")
