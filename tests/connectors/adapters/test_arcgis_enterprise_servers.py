"""The ArcGIS adapter and what real servers answered, from 10.0 to Online, and what odd ones do."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import responses

from connectors.contracts.feature import Feature
from connectors.protocols.adapter import Mode
from connectors.protocols.arcgis.faults import error_of, fault_in
from connectors.protocols.arcgis.layers import layer
from connectors.protocols.errors import (
    BadConfig,
    BadRecord,
    ContractBroken,
    SourceError,
    Throttled,
    Unauthorized,
    Unreachable,
)
from connectors.protocols.wire import RequestRefused
from tests.connectors.adapters.arcgis import stream
from tests.connectors.adapters.odd_arcgis import (
    KEY,
    PATH,
    ROOT,
    SERVICE,
    Answer,
    OddServer,
    arcgis,
    features,
    read,
    recorded,
    replay,
)


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def server(wire: responses.RequestsMock) -> OddServer:
    return OddServer(wire)


@pytest.mark.parametrize(
    ("name", "object_id", "global_id", "most", "pages", "sorts", "geojson"),
    [
        ("servers/ca-carson", "OBJECTID", "", 500, False, False, False),
        ("servers/ca-tuolumne", "SHAPE.fid", "", 1000, False, True, False),
        ("servers/mo-columbia", "OBJECTID", "", 500, False, False, False),
        ("servers/fl-polk", "OBJECTID", "GlobalID", 1000, False, True, False),
        ("servers/esri-test", "objectid", "globalid", 1000, True, True, False),
        ("servers/il-chicago", "OBJECTID", "", 100_000, True, True, True),
        ("koop/", "asset_id", "", 1000, True, True, True),
    ],
)
def test_layers_of_all_ages_say_how_they_can_be_asked(
    wire: responses.RequestsMock,
    name: str,
    object_id: str,
    global_id: str,
    most: int,
    pages: bool,
    sorts: bool,
    geojson: bool,
) -> None:
    wire.post(f"{SERVICE}/0", json=recorded(f"{name}-layer" if "servers" in name else "koop/layer"))

    found = layer(arcgis().rest, PATH)

    assert (found.object_id, found.global_id, found.most_records) == (object_id, global_id, most)
    assert (found.pages, found.sorts, found.speaks_geojson) == (pages, sorts, geojson)


@pytest.mark.parametrize(
    ("described", "page", "key", "kind"),
    [
        ("servers/fl-polk-layer", "servers/fl-polk-page", "bf7bc90e-0fbf-4634-9391-dbeba357911b", "Point"),
        ("servers/mo-columbia-layer", "servers/mo-columbia-page", "64579816", "Point"),
        ("servers/ms-madison-layer", "servers/ms-madison-page", "26353", "Polygon"),
        ("koop/layer", "koop/query_p1", "1", "Point"),
        ("koop/layer", "koop/query_3857", "1", "Point"),
    ],
)
def test_pages_of_real_servers_are_read(
    wire: responses.RequestsMock, described: str, page: str, key: str, kind: str
) -> None:
    count = replay(wire, described, page)
    one = features()

    (read_page,) = read(one)

    assert (read_page.complete, read_page.incomplete_reason) == (True, "")
    first, *others = map(arcgis().reader(one), read_page.records)
    assert isinstance(first, Feature)
    assert first.external_id == f"{PATH}/{key}"
    assert first.geometry is not None
    assert json.loads(bytes(first.geometry))["type"] == kind
    assert len(others) == count - 1


def test_a_server_that_sends_a_record_twice_proves_nothing(wire: responses.RequestsMock) -> None:
    """As that of Carson did."""
    replay(wire, "servers/ca-carson-layer", "servers/ca-carson-page")

    (page,) = read()

    assert len(page.records) == 6
    assert page.incomplete_reason == "The source sent a record twice: it changed while it was being read."


def test_geojson_of_online_and_of_koop_is_read(wire: responses.RequestsMock) -> None:
    """Online has the flag among the properties of the collection; koop has none, and no id but among a feature's."""
    wire.post(f"{SERVICE}/0", json=recorded("koop/layer"))
    wire.post(f"{SERVICE}/0/query", json={"count": 2})
    wire.post(f"{SERVICE}/0/query", json=recorded("koop/query_geojson"))
    wire.post(f"{SERVICE}/0/query", json={"count": 2})
    one = features(geometry_format="GEOJSON", modified_property="last_modified")

    (page,) = read(one)

    first = arcgis().reader(one)(page.records[0])
    assert isinstance(first, Feature)
    assert (first.external_id, str(first.source_time)) == (f"{PATH}/1", "2026-09-01 00:11:00+00:00")
    assert page.complete


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (recorded("koop/e498_invalid_token"), Unauthorized, "does not accept our token, though it is new"),
        (recorded("koop/e499_token_required"), Unauthorized, "it says: Token Required"),
        (recorded("koop/bad_where"), RequestRefused, "Check the names of fields and the condition"),
        (recorded("koop/no_such_service"), BadConfig, "has no such service or layer"),
        (recorded("servers/mi-kent-error"), RequestRefused, "it says: Unable to complete operation"),
        ({"error": {"code": 403, "message": "User does not have permissions."}}, Unauthorized, "forbids this"),
        ({"error": {"code": 400, "messageCode": "CONT_0001", "message": "Item does not exist"}}, BadConfig, "share"),
        ({"error": {"code": 429, "message": "Too many requests"}}, Throttled, "slow down"),
        ({"error": {"code": 504, "message": "Timeout"}}, Unreachable, "an error of its own"),
        ({"error": {"message": "Something"}}, ContractBroken, "answered with an error .it says: Something"),
        ({"error": {}}, ContractBroken, "that it does not explain"),
        ({"status": "error", "messages": ["Token Expired."], "code": 498}, Unauthorized, "it says: Token Expired"),
        ({"code": 500, "message": "Oops", "status": "failure"}, Unreachable, "it says: Oops"),
        ({"error": "invalid_request", "error_description": "No client"}, ContractBroken, "invalid_request: No client"),
    ],
)
def test_an_error_inside_an_answer_is_named_by_who_must_act(
    answer: Answer, error: type[SourceError], said: str
) -> None:
    fault = fault_in(answer)

    assert fault is not None
    found = error_of(fault, host="gis.example", said=fault.words, signs_in=True)
    assert type(found) is error
    assert said in str(found).replace("(", ".")


@pytest.mark.parametrize("answer", [{"count": 0}, {"features": []}, {"status": "Completed"}, [], None])
def test_other_answers_hold_no_error(answer: Any) -> None:
    assert fault_in(answer) is None


def test_what_a_server_quotes_of_our_key_is_not_shown(server: OddServer) -> None:
    server.spoil = lambda page: {"error": {"code": 400, "message": f"Bad token {KEY}"}}

    with pytest.raises(RequestRefused) as caught:
        read()

    assert "Bad token •••" in str(caught.value)


def test_an_object_id_may_be_a_float_and_above_32_bits(server: OddServer) -> None:
    server.pole = lambda number: {"OBJECTID": 4.0e9 + number}
    server.spoil = lambda page: {"features": page["features"]}

    first = next(iter(arcgis().fetch(features(), cursor=None, mode=Mode.FULL)))

    assert first.records[0].id == "4000000001"
    assert first.cursor is not None
    assert first.cursor["place"]["last"] == 4_000_000_010


def test_coordinates_that_come_in_another_reference_system_than_asked_for_are_transformed(server: OddServer) -> None:
    """MapServers before 10.1 ignore outSR on some sources."""
    metres = {"x": 1_269_042.2, "y": 7_101_170.0}
    server.spoil = lambda page: {
        "features": [{**one, "geometry": metres} for one in page["features"]],
        "spatialReference": {"wkid": 102100, "latestWkid": 3857},
    }
    one = features()

    page = read(one)[0]

    record = arcgis().reader(one)(page.records[0])
    assert isinstance(record, Feature)
    assert record.geometry is not None
    geometry = json.loads(bytes(record.geometry))
    assert geometry["coordinates"] == [pytest.approx(11.4, abs=1e-4), pytest.approx(53.6341, abs=1e-4)]


def test_a_page_that_says_it_goes_on_and_is_empty_proves_nothing(server: OddServer) -> None:
    server.spoil = lambda page: {"features": [], "exceededTransferLimit": True}

    (page,) = read()

    assert not page.complete
    assert page.incomplete_reason == "The source leads in a circle: a page points to one that was read before."


def test_a_feature_without_its_object_id_breaks_the_contract(server: OddServer) -> None:
    server.pole = lambda number: {"EditDate": None}

    with pytest.raises(ContractBroken, match="without their object id OBJECTID"):
        read()


def test_what_is_no_page_of_features_breaks_the_contract(server: OddServer) -> None:
    server.spoil = lambda page: {"layers": []}

    with pytest.raises(ContractBroken, match="something else than a page of features"):
        read()


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({"id": None, "properties": {}}, "id"),
        ({"id": "1", "properties": [1]}, "properties"),
        ({"id": "1", "geometry": {"curveRings": []}, "properties": {}}, "geometry"),
        ({"id": "1", "geometry": {"x": 1_269_042, "y": 7_101_170}, "properties": {}}, "geometry"),
        ({"id": "1", "properties": {"edited": 9e99}}, "source_time"),
        ({"id": "1", "properties": {"edited": "lately"}}, "source_time"),
    ],
)
def test_a_feature_that_does_not_fit_is_set_aside(raw: Answer, path: str) -> None:
    with pytest.raises(BadRecord) as caught:
        arcgis().parse(raw, features(modified_property="edited"))

    assert caught.value.path == path


def test_keys_of_other_features_are_written_as_their_own_ids() -> None:
    """A server writes a GlobalID with braces in one place and without in another."""
    guid = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
    properties = {"kind": "fuse", "from_node": f"{{{guid.upper()}}}", "to_node": guid, "zone": guid.upper()}

    element: Any = arcgis().parse({"id": guid, "properties": properties}, stream(PATH))

    assert (element.terminals, element.zone) == ((guid, guid), guid)


def test_a_folder_that_is_not_ours_does_not_hide_the_others(wire: responses.RequestsMock, server: OddServer) -> None:
    refused = {"error": {"code": 403, "message": "Forbidden"}}
    wire.post(ROOT, json={"folders": ["Secret"], "services": [{"name": "Grid", "type": "FeatureServer"}]})
    wire.post(f"{ROOT}/Secret", json=refused)

    assert [one.name for one in arcgis().discover()] == [PATH]


def test_the_test_names_a_service_that_cannot_be_read(wire: responses.RequestsMock) -> None:
    wire.post("https://gis.example/server/rest/info", json=recorded("koop/rest_info"))
    wire.post(ROOT, json={"services": [{"name": "Grid", "type": "MapServer"}, {"name": "A", "type": "GPServer"}]})
    wire.post(f"{ROOT}/Grid/MapServer", json={"error": {"code": 403, "message": "Forbidden"}})

    probe = arcgis().probe()

    assert probe.summary == "ArcGIS Server 11.2.0 at gis.example shows us 1 service of features."
    assert probe.findings == (
        "Grid/MapServer cannot be read. gis.example accepts our credentials but forbids this (it says: Forbidden).",
    )


def test_the_test_says_where_it_stopped_looking(wire: responses.RequestsMock, server: OddServer) -> None:
    wire.post("https://gis.example/server/rest/info", json=recorded("koop/rest_info"))
    names = ["Grid", *(f"Grid{number}" for number in range(20))]
    wire.post(ROOT, json={"services": [{"name": name, "type": "FeatureServer"} for name in names]})
    for number in range(19):
        wire.post(f"{ROOT}/Grid{number}/FeatureServer", json={"layers": []})

    findings = arcgis().probe().findings

    assert findings[0] == "Grid0/FeatureServer has no layer that may be queried."
    assert (len(findings), findings[-1]) == (20, "Only the first 20 services were looked into.")
