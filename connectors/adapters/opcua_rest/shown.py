"""
A condition as its own node shows it (OPC 10000-9 §5.5.2, §5.8.17): its state now, for servers that keep no history of
events, and its own methods, for those that know no others. Not every server has a node for each condition.
"""

from collections.abc import Sequence
from typing import Any

from connectors.adapters.opcua_rest.alarms import CLAUSES
from connectors.protocols.opcua import node_ids
from connectors.protocols.opcua.node_ids import read_node_id
from connectors.protocols.opcua.values import read_data_value, read_qualified_name
from connectors.protocols.opcua.walk import LONG_PAGE
from connectors.protocols.opcua.web_api import NODE_ID_ATTRIBUTE, WebApi, record_of, results_of

Path = tuple[str, ...]
NODE_ID, NULL = 17, {"UaType": 0}
METHOD, EVERYTHING = 4, 63
SHELVING_METHODS = {
    node_ids.ONE_SHOT_SHELVE: "OneShotShelve",
    node_ids.TIMED_SHELVE: "TimedShelve",
    node_ids.UNSHELVE: "Unshelve",
}


def shown_now(api: WebApi, condition: str, *, doing: str) -> Any:
    """
    What the newest event of a condition would hold, as history would write it: `{"EventFields": […]}`. What the node
    does not show is null, and so is everything but the condition's id where there is no such node.

    :raises SourceError: if the server cannot be asked
    """
    nodes = _nodes_of_fields(api, condition, doing=doing)
    answer = api.read(list(nodes.values()), doing=doing) if nodes else None
    values = dict(zip(nodes, answer.results if answer else [], strict=True))
    itself = {"UaType": NODE_ID, "Value": condition}
    fields = [
        itself if clause.attribute == NODE_ID_ATTRIBUTE else _variant(values.get(clause.path)) for clause in CLAUSES
    ]
    return {"EventFields": fields}


def shelving_method(api: WebApi, condition: str, method: str, *, doing: str) -> tuple[str, str] | None:
    """
    The shelving state of a condition and its own method, in place of the type's; none if the server does not show them.

    :param method: the NodeId of the type's method
    """
    state = _below(api, [condition], doing=doing)[condition].get("ShelvingState")
    if state is None:
        return None
    asked = {"NodeId": state, "ReferenceTypeId": node_ids.HIERARCHICAL_REFERENCES, "IncludeSubtypes": True}
    request = {"NodesToBrowse": [{**asked, "NodeClassMask": METHOD, "ResultMask": EVERYTHING}]}
    reply = api.ask("browse", request, doing=doing, repeatable=True)
    result = record_of(results_of(reply, expected=1, doing=doing)[0], doing)
    own = _names_of(result.get("References") or []).get(SHELVING_METHODS[method])
    return (state, own) if own else None


def _nodes_of_fields(api: WebApi, condition: str, *, doing: str) -> dict[Path, str]:
    """The node of each field that is found below the condition's, by the field's path."""
    paths = [clause.path for clause in CLAUSES if clause.path]
    nodes: dict[Path, str] = {(): condition}
    for depth in range(max(map(len, paths))):
        parents = {path[:depth] for path in paths if len(path) > depth and path[:depth] in nodes}
        below = _below(api, [nodes[parent] for parent in parents], doing=doing) if parents else {}
        nodes |= {(*parent, name): node for parent in parents for name, node in below[nodes[parent]].items()}
    return {path: nodes[path] for path in paths if path in nodes}


def _below(api: WebApi, parents: list[str], *, doing: str) -> dict[str, dict[str, str]]:
    """For each node the nodes below it, by their names."""
    found = api.browse(parents, per_node=LONG_PAGE, doing=doing)
    return {parent: _names_of(browsed.references) for parent, browsed in found.items()}


def _names_of(references: Sequence[dict[str, Any]]) -> dict[str, str]:
    return {
        read_qualified_name(reference.get("BrowseName")): node
        for reference in references
        if (node := read_node_id(reference.get("NodeId")))
    }


def _variant(raw: Any) -> Any:
    """The variant in a DataValue of any encoding; null if its status is bad."""
    if not isinstance(raw, dict) or read_data_value(raw).status.is_bad:
        return NULL
    return raw if "UaType" in raw else raw.get("Value")
