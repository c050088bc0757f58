"""NodeIds, which are the keys of everything that comes from OPC UA."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.protocols.opcua.node_ids import is_standard, read_node_id


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("i=85", "i=85"),
        ("i=0085", "i=85"),
        ("ns=0;i=85", "i=85"),
        ("nsu=http://opcfoundation.org/UA/;i=85", "i=85"),
        ("svr=0;i=85", "i=85"),
        ("nsu=urn:utility:scada;s=SW-1.POS", "nsu=urn:utility:scada;s=SW-1.POS"),
        ("nsu=urn:utility:scada;s=a=b;c", "nsu=urn:utility:scada;s=a=b;c"),
        ("ns=2;s=SW-1.POS", "ns=2;s=SW-1.POS"),
        ("svr=1;nsu=urn:e;i=1000", "svr=1;nsu=urn:e;i=1000"),
        ("svu=opc.tcp://other;nsu=urn:e;i=1000", "svu=opc.tcp://other;nsu=urn:e;i=1000"),
        ("g=09087E75-8E5E-499B-954F-F2A9603DB28A", "g=09087e75-8e5e-499b-954f-f2a9603db28a"),
        ("nsu=urn:x;b=M/RbKBsRVkePCePcx24oRA==", "nsu=urn:x;b=M/RbKBsRVkePCePcx24oRA=="),
        ({"Id": 85}, "i=85"),
        ({"Id": "SW-1", "IdType": 1, "Namespace": 2}, "ns=2;s=SW-1"),
        ({"Id": "SW-1", "IdType": 1, "Namespace": "urn:utility:scada"}, "nsu=urn:utility:scada;s=SW-1"),
        ({"Id": 85, "Namespace": "http://opcfoundation.org/UA/"}, "i=85"),
        ({"Id": 7, "Namespace": 3, "ServerUri": 1}, "svr=1;ns=3;i=7"),
        ({"Id": 7, "ServerUri": "urn:other"}, "svu=urn:other;i=7"),
    ],
)
def test_one_node_has_one_name_however_it_is_written(written: Any, canonical: str) -> None:
    assert read_node_id(written) == canonical


@pytest.mark.parametrize("null", [None, "", "i=0", "ns=0;i=0", {}, {"Id": 0}, {"Namespace": 0}])
def test_the_null_node_is_no_node(null: Any) -> None:
    assert read_node_id(null) is None


@pytest.mark.parametrize(
    "wrong",
    [
        "SW-1",
        "x=1",
        "i=one",
        "i=-1",
        "g=1234",
        85,
        True,
        [],
        {"Name": "x"},
        {"Id": 1, "IdType": 9},
        {"Id": 1, "Namespace": []},
    ],
)
def test_what_is_no_node_id_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"NodeId|UUID"):
        read_node_id(wrong)


@given(st.text(min_size=1), st.from_regex(r"urn:[a-z:]+", fullmatch=True))
def test_the_canonical_name_is_its_own_canonical_name(identifier: str, uri: str) -> None:
    name = f"nsu={uri};s={identifier}"

    assert read_node_id(name) == name


def test_only_nodes_of_namespace_0_belong_to_the_standard() -> None:
    assert is_standard("i=2253")
    assert not is_standard("nsu=urn:utility:scada;i=2253")
    assert not is_standard("ns=1;i=2253")
