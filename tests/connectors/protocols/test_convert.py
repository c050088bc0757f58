from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from connectors.contracts.equipment import Equipment
from connectors.contracts.feature import Feature
from connectors.contracts.network_element import ElementKind, NetworkElement
from connectors.contracts.restoration_estimate import RestorationEstimate
from connectors.contracts.service_point import ServicePoint, ServicePriority
from connectors.contracts.work_order import CrewAssignment, WorkOrder, WorkStatus
from connectors.protocols.convert import to_record
from connectors.protocols.errors import BadRecord


def test_ids_become_text_and_numbers_written_as_text_are_read() -> None:
    element = to_record(
        NetworkElement,
        {
            "external_id": 7,
            "kind": "LINE",
            "nominal_voltage_v": "20000",
            "terminals": ["a"],
            "normally_open": "true",
        },
    )

    assert element == NetworkElement(
        external_id="7",
        kind=ElementKind.LINE,
        nominal_voltage_v=20_000.0,
        terminals=("a",),
        normally_open=True,
    )


def test_null_and_empty_are_absence() -> None:
    point = to_record(
        ServicePoint,
        {
            "external_id": "SP-1",
            "source_time": "",
            "node": "",
            "priority": None,
            "position": {"longitude": None, "latitude": None},
        },
    )

    assert point == ServicePoint(external_id="SP-1", priority=ServicePriority.NORMAL)


def test_null_members_of_nested_records_are_absence_and_those_of_free_objects_stay() -> None:
    order = to_record(
        WorkOrder,
        {"external_id": "1", "status": "APPROVED", "assignments": [{"crew": "C-1", "assigned_at": None}]},
    )
    feature = to_record(Feature, {"external_id": "1", "collection": "x", "properties": {"a": None}})

    assert order.status is WorkStatus.APPROVED
    assert order.assignments == (CrewAssignment(crew="C-1"),)
    assert bytes(feature.properties) == b'{"a":null}'


def test_a_time_without_an_offset_is_meant_in_the_sources_zone() -> None:
    record = to_record(
        Equipment, {"external_id": "1", "source_time": "2026-07-01T12:00:00"}, zone=ZoneInfo("Europe/Berlin")
    )

    assert record.source_time == datetime(2026, 7, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "path", "message"),
    [
        ({"kind": "LINE", "terminals": ["a"]}, "external_id", "external_id is missing"),
        ({"external_id": "", "kind": "LINE", "terminals": ["a"]}, "external_id", "length >= 1"),
        ({"external_id": "1", "kind": "CABLE", "terminals": ["a"]}, "kind", "Invalid enum value 'CABLE'"),
        ({"external_id": "1", "kind": "LINE", "terminals": []}, "terminals", "length"),
        ({"external_id": "1", "kind": "LINE", "terminals": ["a", 7]}, "terminals[1]", "Expected `str`"),
        (
            {"external_id": "1", "kind": "LINE", "terminals": ["a"], "nominal_voltage_v": -1},
            "nominal_voltage_v",
            ">=",
        ),
        (
            {"external_id": "1", "kind": "LINE", "terminals": ["a"], "source_time": "soon"},
            "source_time",
            "Invalid",
        ),
        ({"external_id": True, "kind": "LINE", "terminals": ["a"]}, "external_id", "Expected `str`"),
    ],
)
def test_what_does_not_fit_the_contract_is_a_bad_record_with_its_path(
    fields: dict[str, object], path: str, message: str
) -> None:
    with pytest.raises(BadRecord) as caught:
        to_record(NetworkElement, fields)

    assert caught.value.path == path
    assert message in str(caught.value)


def test_a_rule_across_fields_is_a_bad_record_too() -> None:
    with pytest.raises(BadRecord, match="name the element or the work order") as caught:
        to_record(
            RestorationEstimate,
            {"external_id": "E-1", "source_time": "2026-11-22T02:00Z", "estimated_at": "2026-11-22T04:00Z"},
        )

    assert caught.value.external_id == "E-1"
