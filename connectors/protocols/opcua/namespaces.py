"""
Names that outlast a restart. A server numbers its namespaces anew whenever it starts, so that `ns=2;s=MW` may be
another node tomorrow; by its table, what comes with an index is named by the URI that it stands for (OPC 10000-6
§5.4.2.10).
"""

import re
from collections.abc import Sequence
from typing import Any

from connectors.protocols.opcua.values import read_data_value

NAMESPACE_ARRAY = "i=2255"
_INDEX = re.compile(r"ns=(\d+);(?=[isgb]=)")
_SIGN = re.compile(rb'"ns=[1-9]|"Namespace"\s*:\s*[1-9]')


def has_indices(content: bytes) -> bool:
    """Whether an answer, as it came, may name nodes by an index. Most do not, and need no second look."""
    return _SIGN.search(content) is not None


def read_namespaces(raw: Any) -> Sequence[str]:
    """The URIs of a server's table, by index, from its DataValue; none if it does not tell."""
    try:
        data = read_data_value(raw)
    except ValueError:
        return ()
    uris = data.value if isinstance(data.value, list) and not data.status.is_bad else []
    return tuple(uri if isinstance(uri, str) else "" for uri in uris)


def named_by_uri(written: Any, uris: Sequence[str]) -> Any:
    """
    A JSON value in which each NodeId is named by URI, where the table has its index: the text of 1.05, or the object
    of 1.04. Other text stays as it is.
    """
    match written:
        case str():
            found = _INDEX.match(written)
            uri = _uri(int(found[1]), uris) if found else ""
            return f"nsu={uri};{written[found.end() :]}" if found and uri else written
        case {"Id": _, "Namespace": int() as index, **rest} if not isinstance(index, bool):
            return {"Id": written["Id"], **rest, "Namespace": _uri(index, uris) or index}
        case dict():
            return {name: named_by_uri(value, uris) for name, value in written.items()}
        case list():
            return [named_by_uri(value, uris) for value in written]
    return written


def named_by_index(written: Any, uris: Sequence[str]) -> Any:
    """A JSON value in which each NodeId that is named by a URI of the table, as text, is named by its index."""
    match written:
        case str() if written.startswith("nsu="):
            uri, _, rest = written.removeprefix("nsu=").partition(";")
            return f"ns={uris.index(uri)};{rest}" if uri in uris else written
        case dict():
            return {name: named_by_index(value, uris) for name, value in written.items()}
        case list():
            return [named_by_index(value, uris) for value in written]
    return written


def _uri(index: int, uris: Sequence[str]) -> str:
    return uris[index] if 0 < index < len(uris) else ""
