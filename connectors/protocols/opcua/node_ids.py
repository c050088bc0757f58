"""NodeIds in their one canonical form (OPC 10000-6 §5.4.2.10), and those of the standard that we use."""

import uuid
from typing import Any

CURRENT_TIME = "i=2258"
SERVER = "i=2253"
SERVER_STATE = "i=2259"
PRODUCT_NAME = "i=2261"
MANUFACTURER_NAME = "i=2263"
SOFTWARE_VERSION = "i=2264"
ACCESS_HISTORY_DATA = "i=11193"

OBJECTS_FOLDER = "i=85"
HIERARCHICAL_REFERENCES = "i=33"
HAS_PROPERTY = "i=46"
DISCRETE_ITEM_TYPES = frozenset({"i=2372", "i=2373", "i=2376", "i=11238"})

BASE_EVENT_TYPE = "i=2041"
CONDITION_TYPE = "i=2782"
ACKNOWLEDGEABLE_CONDITION_TYPE = "i=2881"
ALARM_CONDITION_TYPE = "i=2915"
ACKNOWLEDGE = "i=9111"
CONFIRM = "i=9113"
ADD_COMMENT = "i=9029"
ONE_SHOT_SHELVE = "i=9212"
TIMED_SHELVE = "i=9213"
UNSHELVE = "i=9211"
TIMED_SHELVED = "i=2932"
ONE_SHOT_SHELVED = "i=2933"
CONDITION_REFRESH = "i=3875"
REFRESH_START_EVENT_TYPE = "i=2787"
REFRESH_END_EVENT_TYPE = "i=2788"
REFRESH_REQUIRED_EVENT_TYPE = "i=2789"
EVENT_QUEUE_OVERFLOW_EVENT_TYPE = "i=3035"
EVENT_FILTER = "i=725"
STATUS_CHANGE = frozenset({"i=818", "i=15350"})  # the data type, and its "Default JSON" encoding

READ_EVENT_DETAILS = "i=644"
READ_RAW_MODIFIED_DETAILS = "i=647"
HISTORY_DATA = frozenset({"i=656", "i=15270"})  # the data type, and its "Default JSON" encoding
HISTORY_EVENT = frozenset({"i=659", "i=15273"})  # the data type, and its "Default JSON" encoding
EU_INFORMATION = frozenset({"i=887", "i=15376"})

_STANDARD_URI = "http://opcfoundation.org/UA/"
_KINDS_BY_NUMBER = {0: "i", 1: "s", 2: "g", 3: "b"}


def read_node_id(raw: Any) -> str | None:
    """
    A NodeId or ExpandedNodeId of any encoding as text: `i=85`, `nsu=urn:utility:scada;s=SW-1.POS`; `None` if
    it is null.

    A namespace index is kept (`ns=2;s=…`), because only the server's own table says what it stands for.

    :raises ValueError: if it is not a NodeId
    """
    match raw:
        case None | "":
            return None
        case str():
            return _read_text(raw)
        case {"Id": identifier}:
            return _read_object(raw, identifier)
        case dict() if not raw or raw.keys() <= {"IdType", "Namespace", "ServerUri"}:
            return None  # every member at its default is the null NodeId
    raise ValueError(f"{raw!r} is not a NodeId")


def _read_text(text: str) -> str | None:
    server = namespace = ""
    rest = text
    if rest.startswith(("svr=", "svu=")):
        server, _, rest = rest.partition(";")
    if rest.startswith(("nsu=", "ns=")):
        namespace, _, rest = rest.partition(";")
    kind, separator, identifier = rest.partition("=")
    if not separator:
        raise ValueError(f"{text!r} is not a NodeId")
    return _join(
        "" if server == "svr=0" else server,
        "" if namespace in ("ns=0", f"nsu={_STANDARD_URI}") else namespace,
        kind,
        identifier,
        text,
    )


def _read_object(raw: dict[str, Any], identifier: Any) -> str | None:
    """
    The 1.04 form `{"Id", "IdType", "Namespace"}`, whose namespace is an index or, non-reversible, a URI.
    """
    kind = _KINDS_BY_NUMBER.get(raw.get("IdType", 0))
    if kind is None:
        raise ValueError(f"{raw!r} is not a NodeId")
    match raw.get("Namespace", 0):
        case int() as index:
            namespace = f"ns={index}" if index else ""
        case str() as uri:
            namespace = "" if uri == _STANDARD_URI else f"nsu={uri}"
        case _:
            raise ValueError(f"{raw!r} is not a NodeId")
    match raw.get("ServerUri", 0):
        case int() as index:
            server = f"svr={index}" if index else ""
        case str() as uri:
            server = f"svu={uri}"
        case _:
            raise ValueError(f"{raw!r} is not a NodeId")
    return _join(server, namespace, kind, str(identifier), raw)


def _join(server: str, namespace: str, kind: str, identifier: str, raw: object) -> str | None:
    match kind:
        case "i" if identifier.isascii() and identifier.isdecimal():
            if not (server or namespace) and int(identifier) == 0:
                return None
            identifier = str(int(identifier))
        case "g":
            identifier = str(uuid.UUID(identifier))
        case "s" | "b":
            pass
        case _:
            raise ValueError(f"{raw!r} is not a NodeId")
    return ";".join(filter(None, (server, namespace, f"{kind}={identifier}")))


def is_standard(node_id: str) -> bool:
    """Whether it is a node of the standard's own namespace, such as the server's diagnostics."""
    return not node_id.startswith(("nsu=", "ns=", "svr=", "svu="))


def is_elsewhere(node_id: str) -> bool:
    """Whether it is a node of another server, which this one only refers to."""
    return node_id.startswith(("svr=", "svu="))
