"""Read and Browse (OPC 10000-4 §5.11.2, §5.9.2) without a session."""

import base64
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from secrets import token_bytes
from typing import Any

from simulator.opcua import codes
from simulator.opcua.address_space import (
    MAX_NODES_PER_BROWSE,
    MAX_NODES_PER_READ,
    OBJECT,
    AddressSpace,
    Node,
    Reference,
)
from simulator.opcua.encoding import (
    DataValue,
    Encoder,
    Json,
    Undecodable,
    Variant,
    canonical_node_id,
    enumeration,
    objects,
    own,
    whole_number,
)
from simulator.opcua.sessions import Sessions
from simulator.utility import Utility

ACCESS_HISTORY_DATA = "i=11193"
MAX_REFERENCES = 25
MAX_CONTINUATION_POINTS = 200


class ServiceFault(Exception):
    """The service as a whole was refused, with a 200 and this ServiceResult."""

    def __init__(self, code: int) -> None:
        super().__init__(codes.SYMBOLS[code])
        self.code = code


class ContinuationPoints:
    """What is still to be sent. Each point is good once; the oldest go when there are too many."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Any] = OrderedDict()

    def keep(self, rest: Any) -> str:
        point = base64.b64encode(token_bytes(9)).decode()
        self._kept[point] = rest
        while len(self._kept) > MAX_CONTINUATION_POINTS:
            self._kept.popitem(last=False)
        return point

    def take(self, point: Any) -> Any:
        """None if it is not, or no longer, one of ours."""
        return self._kept.pop(point, None) if isinstance(point, str) else None


@dataclass(frozen=True)
class Call:
    """One request: who asks, in which session, when, in which form, and which injected fault to act out."""

    utility: Utility
    space: AddressSpace
    points: ContinuationPoints
    sessions: Sessions
    token: str
    encoder: Encoder
    now: datetime
    user: str
    fault: str | None

    def node(self, text: Any) -> tuple[Node | None, int]:
        """The node, or why not."""
        node_id = canonical_node_id(text, own_index=self.utility.gateway_index)
        if node_id is None:
            return None, codes.BAD_NODE_ID_INVALID
        node = self.space.nodes.get(node_id)
        return (node, codes.GOOD) if node else (None, codes.BAD_NODE_ID_UNKNOWN)


@dataclass(frozen=True)
class _RestOfBrowse:
    references: list[Json]
    at: int
    size: int


def read(call: Call, body: Mapping[str, Any]) -> Json:
    wanted = objects(body, "NodesToRead")
    timestamps = enumeration(body.get("TimestampsToReturn", 0))
    check_number(wanted, MAX_NODES_PER_READ)
    if timestamps not in {0, 1, 2, 3}:
        raise ServiceFault(codes.BAD_TIMESTAMPS_TO_RETURN_INVALID)
    values = [_read_one(call, item) for item in wanted]
    results = [call.encoder.data_value(value, now=call.now, timestamps=timestamps) for value in values]
    return {"Results": results}


def _read_one(call: Call, item: Mapping[str, Any]) -> DataValue:
    node, code = call.node(item.get("NodeId"))
    if node is None:
        return DataValue(None, status=code)
    attribute = whole_number(item, "AttributeId") or 13
    if call.fault == "unrecorded" and (node.id, attribute) == (ACCESS_HISTORY_DATA, 13):
        return DataValue(Variant(codes.BOOLEAN, False))
    if attribute == 13 and node.read is not None:
        return node.read(call.utility, call.now)
    variant = _attribute(node, attribute)
    if variant is None:
        return DataValue(None, status=codes.BAD_ATTRIBUTE_ID_INVALID)
    return DataValue(variant)


def _attribute(node: Node, attribute: int) -> Variant | None:
    common = {
        1: Variant(codes.NODE_ID, node.id),
        2: Variant(codes.INT32, node.node_class),
        3: Variant(codes.QUALIFIED_NAME, node.browse_name),
        4: Variant(codes.LOCALIZED_TEXT, {"Text": node.display_name}),
        5: Variant(codes.LOCALIZED_TEXT, {"Text": node.display_name}),
    }
    if node.node_class == OBJECT:
        has_events = node.id == "i=2253" or (node.switch is not None and node.id == own(node.switch.id))
        # Subscribe (bit 0) and read the history (bit 2).
        return {**common, 12: Variant(codes.BYTE, 5 if has_events else 0)}.get(attribute)
    access = 5 if node.is_historic else 1
    return {
        **common,
        14: Variant(codes.NODE_ID, node.data_type),
        15: Variant(codes.INT32, node.value_rank),
        17: Variant(codes.BYTE, access),
        18: Variant(codes.BYTE, access),
        20: Variant(codes.BOOLEAN, node.is_historic),
    }.get(attribute)


def browse(call: Call, body: Mapping[str, Any]) -> Json:
    wanted = objects(body, "NodesToBrowse")
    check_number(wanted, MAX_NODES_PER_BROWSE)
    asked = whole_number(body, "RequestedMaxReferencesPerNode")
    size = min(asked or MAX_REFERENCES, MAX_REFERENCES)
    return {"Results": [_browse_one(call, item, size) for item in wanted]}


def browse_next(call: Call, body: Mapping[str, Any]) -> Json:
    points = body.get("ContinuationPoints") or []
    if not isinstance(points, list):
        raise Undecodable
    check_number(points, MAX_NODES_PER_BROWSE)
    rests = [call.points.take(point) for point in points]
    if body.get("ReleaseContinuationPoints"):
        return {"Results": [call.encoder.structure({"StatusCode": call.encoder.status(codes.GOOD)}) for _ in rests]}
    return {"Results": [_browse_page(call, rest) for rest in rests]}


def _browse_one(call: Call, item: Mapping[str, Any], size: int) -> Json:
    node, code = call.node(item.get("NodeId"))
    if node is None:
        return failed(call, code)
    direction = enumeration(item.get("BrowseDirection", 0))
    if direction not in {0, 1, 2}:
        return failed(call, codes.BAD_BROWSE_DIRECTION_INVALID)
    kind = item.get("ReferenceTypeId")
    wanted = canonical_node_id(kind) if kind is not None else codes.REFERENCES
    if wanted not in {*codes.PARENT_OF_REFERENCE, codes.REFERENCES}:
        return failed(call, codes.BAD_REFERENCE_TYPE_ID_INVALID)
    with_subtypes = kind is None or bool(item.get("IncludeSubtypes", False))
    classes = whole_number(item, "NodeClassMask")
    mask = whole_number(item, "ResultMask") if "ResultMask" in item else 63
    references = []
    for reference in node.references:
        target = call.space.nodes.get(reference.target)
        if direction != 2 and reference.is_forward is not (direction == 0):
            continue
        if reference.type != wanted and not (with_subtypes and codes.is_kind_of_reference(reference.type, wanted)):
            continue
        if classes and not (target and classes & target.node_class):
            continue
        references.append(_described(call, reference, target, mask))
    return _browse_page(call, _RestOfBrowse(references, at=0, size=size))


def _browse_page(call: Call, rest: Any) -> Json:
    if not isinstance(rest, _RestOfBrowse):
        return failed(call, codes.BAD_CONTINUATION_POINT_INVALID)
    end = rest.at + rest.size
    page = rest.references[rest.at : end]
    point = None
    if call.fault == "truncated":
        page = page[: len(page) // 2]
    elif end < len(rest.references):
        following = rest.at if call.fault == "repeated" else end
        point = call.points.keep(_RestOfBrowse(rest.references, at=following, size=rest.size))
    encoder = call.encoder
    return {
        **encoder.structure({"StatusCode": encoder.status(codes.GOOD), "ContinuationPoint": point}),
        "References": page,
    }


def _described(call: Call, reference: Reference, target: Node | None, mask: int) -> Json:
    described: Json = {"NodeId": reference.target}
    if mask & 1:
        described["ReferenceTypeId"] = reference.type
    if mask & 2:
        described |= call.encoder.structure({"IsForward": reference.is_forward})
    if target is None:  # a type, which this gateway does not show
        return described
    if mask & 4:
        described["NodeClass"] = call.encoder.enum(target.node_class, codes.NODE_CLASSES)
    if mask & 8:
        described["BrowseName"] = target.browse_name
    if mask & 16:
        described["DisplayName"] = {"Text": target.display_name}
    if mask & 32:
        described["TypeDefinition"] = target.type_definition
    return described


def failed(call: Call, code: int) -> Json:
    return {"StatusCode": call.encoder.status(code)}


def check_number(wanted: list[Any], most: int) -> None:
    if not wanted:
        raise ServiceFault(codes.BAD_NOTHING_TO_DO)
    if len(wanted) > most:
        raise ServiceFault(codes.BAD_TOO_MANY_OPERATIONS)
