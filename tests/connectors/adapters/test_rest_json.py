"""Any JSON service, mapped by tables: records, settings, and the pretend CIS as captured."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import responses

from connectors.adapters.rest_json.adapter import RestJsonAdapter
from connectors.adapters.rest_json.settings import RestStreamForm
from connectors.contracts.base import Position
from connectors.contracts.catalogue import INBOUND
from connectors.contracts.service_point import ServicePoint, ServicePriority
from connectors.contracts.work_order import CrewAssignment, WorkOrder, WorkStatus
from connectors.protocols.adapter import Mode, SourceStream
from connectors.protocols.errors import (
    BadConfig,
    BadRecord,
    ContractBroken,
)
from tests.connectors.adapters.rest_service import (
    BASE,
    BY_CURSOR,
    BY_PAGE,
    MAPPING,
    POINTS,
    Service,
    adapter_for,
    captured,
    point,
    stream,
)


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def service(wire: responses.RequestsMock) -> Service:
    return Service(wire)


def errors(options: dict[str, Any], contract: str | None = "service-point/1") -> dict[str, list[str]]:
    return {
        name: [str(one) for one in found] for name, found in RestStreamForm(options, contract=contract).errors.items()
    }


@pytest.mark.parametrize(
    ("payload", "options"),
    [("service-points-page-1", BY_PAGE), ("service-points-cursor-1", BY_CURSOR)],
)
def test_the_cis_as_captured(wire: responses.RequestsMock, payload: str, options: dict[str, Any]) -> None:
    wire.get(POINTS, json=captured(payload))
    cis, one = adapter_for(), stream(options)

    first = next(iter(cis.fetch(one, cursor=None, mode=Mode.FULL)))

    assert first.total == 5_373
    assert cis.parse(first.records[0], one) == ServicePoint(
        external_id="SP-0",
        source_time=datetime(2024, 2, 27, 19, tzinfo=UTC),
        name="LV1.101 Load 1",
        node="N-9",
        customer_class="agricultural",
        priority=ServicePriority.NORMAL,
        account_number="700000001",
        position=Position(longitude=11.4085, latitude=53.6397),
    )


def test_words_of_the_source_become_those_of_the_contract() -> None:
    one = stream(BY_PAGE | {"mapping": f"{MAPPING}\npriority : VIP = CRITICAL\npriority: false = NORMAL"})

    vip = adapter_for().parse(point(1) | {"priority": "VIP"}, one)
    plain = adapter_for().parse(point(1) | {"priority": False}, one)

    assert isinstance(vip, ServicePoint)
    assert isinstance(plain, ServicePoint)
    assert (vip.priority, plain.priority) == (ServicePriority.CRITICAL, ServicePriority.NORMAL)


def test_a_place_that_is_unknown_is_left_out() -> None:
    record = adapter_for().parse(point(1) | {"location": None}, stream(BY_PAGE))

    assert isinstance(record, ServicePoint)
    assert record.position is None
    assert record.account_number == "1"


def test_words_that_were_stored_beside_the_fields_still_count() -> None:
    stored = dict(stream(BY_PAGE).options) | {"words": {"priority: VIP": "CRITICAL"}}
    one = SourceStream(name="service-points", contract="service-point/1", options=stored)

    record = adapter_for().parse(point(1) | {"priority": "VIP"}, one)

    assert isinstance(record, ServicePoint)
    assert record.priority is ServicePriority.CRITICAL


def test_nested_records_are_mapped_by_one_expression() -> None:
    mapping = """
    external_id = id
    status = state
    status_label = state
    status: in progress = IN_PROGRESS
    assignments = crews[].{crew: name, assigned_at: since}
    """
    one = stream({"mapping": mapping}, "work-order/1")
    raw = {"id": 17, "state": "in progress", "crews": [{"name": "C-1", "since": None}]}

    assert adapter_for().parse(raw, one) == WorkOrder(
        external_id="17",
        status=WorkStatus.IN_PROGRESS,
        status_label="in progress",
        assignments=(CrewAssignment(crew="C-1"),),
    )


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"servicePointId": None}, "external_id"),
        ({"priority": "VIP"}, "priority"),
        ({"location": {"lon": 200, "lat": 1}}, "position.longitude"),
        ({"location": {"lon": 1}}, "latitude"),
        ({"updatedAt": "yesterday"}, "source_time"),
        ({"name": {"de": "Haus"}}, "name"),
    ],
)
def test_a_record_that_does_not_fit_is_set_aside_with_its_path(change: dict[str, Any], path: str) -> None:
    with pytest.raises(BadRecord) as caught:
        adapter_for().parse(point(1) | change, stream(BY_PAGE))

    assert caught.value.path.endswith(path)


def test_an_expression_that_does_not_suit_a_record_sets_it_aside() -> None:
    one = stream(BY_PAGE | {"mapping": "external_id = servicePointId\nname = join(' ', name)"})

    with pytest.raises(BadRecord, match="does not suit it") as caught:
        adapter_for().parse(point(1) | {"name": 7}, one)

    assert (caught.value.external_id, caught.value.path) == ("SP-1", "name")


def test_parsing_twice_gives_the_same() -> None:
    raw = point(1)

    assert adapter_for().parse(raw, stream(BY_PAGE)) == adapter_for().parse(raw, stream(BY_PAGE))
    assert raw == point(1)


def test_a_table_of_another_contract_is_refused_before_anything_is_asked(service: Service) -> None:
    one = SourceStream(name="service-points", contract="crew/1", options=dict(stream(BY_PAGE).options))

    with pytest.raises(BadConfig, match="There is no field node") as caught:
        list(adapter_for().fetch(one, cursor=None, mode=Mode.FULL))

    assert caught.value.field == "mapping"
    assert service.asked == []


@pytest.mark.parametrize(
    ("options", "field", "message"),
    [
        ({"mapping": ""}, "mapping", "required"),
        ({"mapping": "external_id = a[["}, "mapping", "“external_id = a[[”: not a JMESPath expression"),
        ({"mapping": "external_id = id\nterminals = t"}, "mapping", "There is no field terminals here."),
        ({"mapping": "name = n"}, "mapping", "A row is missing for: external_id."),
        ({"mapping": "external_id"}, "mapping", "is not a row"),
        ({"records": "data[?"}, "records", "not a JMESPath expression"),
        ({"mapping": "external_id = id\npriority: VIP = CRITICAL"}, "mapping", "neither a path nor a default"),
        ({"mapping": "external_id = id\nname = n\nname.unit = kV"}, "mapping", "“name” has no unit"),
        ({"mapping": "external_id = id\nname.colour = red"}, "mapping", "may stand .unit or .default"),
        ({"mapping": {"external_id": {"path": "id", "colour": "red"}}}, "mapping", "has a part colour"),
        ({"mapping": "external_id.default = SP-1"}, "mapping", "needs a path"),
        ({"words": "priority: VIP = CRITICAL"}, "mapping", "Words stand with their field now"),
        ({"paging": "NEXT"}, "next_page", "needed"),
        ({"since_parameter": "since"}, "updated", "needed"),
        ({"paging": "GUESS"}, "paging", "valid choice"),
        ({"path": "https://elsewhere.example/"}, "path", "Write only the path"),
        ({"path": "../admin"}, "path", "Write only the path"),
        ({"time_zone": "Mars"}, "time_zone", "no time zone"),
        ({"page_size": 0}, "page_size", "greater than or equal to 1"),
    ],
)
def test_a_wrong_setting_is_an_error_on_its_field(options: dict[str, Any], field: str, message: str) -> None:
    found = errors({"mapping": "external_id = id"} | options)

    assert found.keys() == {field}
    assert message in found[field][0]


def test_one_definition_serves_every_contract_that_comes_in() -> None:
    assert {emission.contract for emission in RestJsonAdapter.emits} == set(INBOUND.values())


def test_a_test_of_the_connection_asks_for_the_path_that_was_named(wire: responses.RequestsMock) -> None:
    wire.get(BASE + "/ping", json={}, headers={"Server": "cis/7"})

    probe = adapter_for(probe_path="/ping").probe()

    assert (probe.summary, probe.product, probe.findings) == ("cis.example answers.", "cis/7", ())


def test_a_test_that_shows_little_says_so(wire: responses.RequestsMock) -> None:
    wire.get(BASE, status=404)

    [finding] = adapter_for().probe().findings

    assert finding.endswith("Name a path to test.")


def test_a_test_against_a_web_page_fails(wire: responses.RequestsMock) -> None:
    wire.get(BASE, body="<html>Welcome</html>")

    with pytest.raises(ContractBroken, match="a web page where JSON was expected"):
        adapter_for().probe()
