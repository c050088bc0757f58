"""Finding the variables of a server by walking its address space."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.protocols.errors import ContractBroken
from connectors.protocols.opcua import node_ids
from connectors.protocols.opcua.node_ids import read_node_id
from connectors.protocols.opcua.status import require_good
from connectors.protocols.opcua.values import read_enumeration, read_localized_text, read_qualified_name
from connectors.protocols.opcua.web_api import VARIABLE, Browsed, WebApi, in_batches

DOING = "browsing the address space"
_DEEPEST = 32
LONG_PAGE, SHORT_PAGE = 1_000, 9
_UNITS = "EngineeringUnits"


@dataclass(kw_only=True)
class Tree:
    """
    Variables by NodeId, each as its parent refers to it; the parent's name for a person; the node of each
    one's engineering units, where it has any; and why there may be more of them.
    """

    variables: dict[str, dict[str, Any]] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    incomplete: str = ""


@dataclass(frozen=True, kw_only=True)
class _Reference:
    node: str
    is_property: bool
    is_variable: bool
    name: str
    label: str


def walk_twice(api: WebApi, start: str, *, batch: int) -> Tree:
    """
    Walk in long pages and again in short ones. A server does not say how many nodes it has, so a page cut
    short looks like a last one; but it is not cut at the same node when the pages are of another length.

    :raises SourceError: if the start itself cannot be browsed
    """
    tree = walk(api, start, batch=batch, per_node=LONG_PAGE)
    again = walk(api, start, batch=batch, per_node=SHORT_PAGE)
    if not tree.incomplete and tree.variables.keys() != again.variables.keys():
        _leave_incomplete(tree, "a second walk did not find the same nodes")
    return Tree(
        variables=again.variables | tree.variables,
        parents=again.parents | tree.parents,
        units=again.units | tree.units,
        incomplete=tree.incomplete or again.incomplete,
    )


def walk(api: WebApi, start: str, *, batch: int, per_node: int) -> Tree:
    """
    Every variable below `start`, breadth first, each once however often the references lead to it. Nodes of the
    standard's own namespace are left out: they are the server's diagnostics, not the plant. So are those of other
    servers, which this one cannot tell of.

    :raises SourceError: if the start itself cannot be browsed
    """

    def ask(nodes: Sequence[str]) -> dict[str, Browsed]:
        return api.browse(nodes, per_node=per_node, doing=DOING)

    tree = Tree()
    seen = {start: ""}
    level = [start]
    for depth in range(_DEEPEST):
        following: list[str] = []
        for _, found, taken in in_batches(level, batch, ask):
            batch = taken
            for parent, browsed in found.items():
                if depth == 0:
                    require_good(browsed.status, doing=DOING, field="start_node")
                following += _take(tree, seen, parent, browsed)
        if not following:
            return tree
        level = following
    _leave_incomplete(tree, f"it is more than {_DEEPEST} levels deep")
    return tree


def _take(tree: Tree, seen: dict[str, str], parent: str, browsed: Browsed) -> list[str]:
    """Note what a node refers to; the nodes to go on with. `seen` has the names of the nodes found so far."""
    following = []
    if browsed.incomplete:
        _leave_incomplete(tree, browsed.incomplete)
    for raw in browsed.references:
        reference = _read_reference(raw)
        if reference.is_property:
            if reference.name == _UNITS:
                tree.units[parent] = reference.node
            continue
        if reference.node in seen or node_ids.is_standard(reference.node) or node_ids.is_elsewhere(reference.node):
            continue
        seen[reference.node] = reference.label
        following.append(reference.node)
        if reference.is_variable:
            tree.variables[reference.node] = raw
            tree.parents[reference.node] = seen[parent]
    return following


def _leave_incomplete(tree: Tree, reason: str) -> None:
    """The first reason stands: the others tend to follow from it."""
    tree.incomplete = tree.incomplete or f"The address space was not browsed to its end: {reason}."


def _read_reference(raw: dict[str, Any]) -> _Reference:
    try:
        node = read_node_id(raw.get("NodeId"))
        if node is None:
            raise ValueError("a reference to the null node")
        return _Reference(
            node=node,
            is_property=read_node_id(raw.get("ReferenceTypeId")) == node_ids.HAS_PROPERTY,
            is_variable=read_enumeration(raw.get("NodeClass")) == VARIABLE,
            name=read_qualified_name(raw.get("BrowseName")),
            label=read_localized_text(raw.get("DisplayName")).text,
        )
    except ValueError as error:
        raise ContractBroken(f"The server sent a reference that cannot be read while {DOING}: {error}.") from error
