"""Landing is idempotent, for every contract: the same records again change nothing, in any order, in any table."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from msgspec import Raw

from config.wiring import WIRING
from connectors.contracts.alarm import Alarm, AlarmCategory
from connectors.contracts.base import Position, Record
from connectors.contracts.crew import Crew
from connectors.contracts.equipment import Equipment
from connectors.contracts.feature import Feature
from connectors.contracts.network_element import ElementKind, NetworkElement
from connectors.contracts.reading import Reading, SwitchState
from connectors.contracts.restoration_estimate import RestorationEstimate
from connectors.contracts.service_point import ServicePoint, ServicePriority
from connectors.contracts.signal import Signal, SignalKind
from connectors.contracts.work_order import CrewAssignment, WorkOrder, WorkStatus
from connectors.contracts.zone import Zone, ZoneLevel
from connectors.landing import Landed, Landing
from tests.gis.networks import make_landing
from tests.telemetry.days import make_days

POINT = {"type": "Point", "coordinates": [11.4, 53.6]}
AREA = {"type": "Polygon", "coordinates": [[[11, 53], [12, 53], [12, 54], [11, 54], [11, 53]]]}
Make = Callable[[datetime], Sequence[Record]]

RECORDS: dict[str, Make] = {
    "zone/1": lambda at: [
        Zone(external_id="Z-1", name="North", level=ZoneLevel.COMPANY, geometry=AREA),
        Zone(external_id="Z-2", name="Town", level=ZoneLevel.FEEDER_AREA, parent="Z-1", source_time=at),
    ],
    "feature/1": lambda at: [
        Feature(external_id="poles/1", collection="poles", geometry=Raw(b'{"type":"Point","coordinates":[11.4,53.6]}')),
        Feature(external_id="poles/2", collection="poles", properties=Raw(b'{"height_m": 9}'), source_time=at),
    ],
    "network-element/1": lambda at: [
        NetworkElement(external_id="SRC", kind=ElementKind.SOURCE, terminals=("a",), geometry=POINT),
        NetworkElement(
            external_id="SW-1", kind=ElementKind.BREAKER, terminals=("a", "b"), zone="Z-2", nominal_voltage_v=20_000.0
        ),
    ],
    "service-point/1": lambda at: [
        ServicePoint(external_id="SP-1", node="b", priority=ServicePriority.CRITICAL, name="Hospital"),
        ServicePoint(external_id="SP-2", node="b", position=Position(longitude=11.4, latitude=53.6), source_time=at),
    ],
    "signal/1": lambda at: [
        Signal(external_id="SW-1.Position", name="Position", kind=SignalKind.SWITCH_POSITION, element="SW-1"),
        Signal(external_id="F-1.Current", name="Current", unit="A"),
    ],
    "reading/1": lambda at: [
        Reading(external_id="r1", signal="SW-1.Position", source_time=at, state=SwitchState.OPEN),
        Reading(external_id="r2", signal="F-1.Current", source_time=at, value=12.5),
        Reading(external_id="r3", signal="F-1.Current", source_time=at - timedelta(seconds=1), value=12.0),
    ],
    "alarm/1": lambda at: [
        Alarm(
            external_id="c1",
            condition="c1",
            event_id="e1",
            source_time=at,
            category=AlarmCategory.TRIP,
            severity=900,
            active=True,
            acknowledged=False,
            active_since=at,
            element="SW-1",
        )
    ],
    "equipment/1": lambda at: [Equipment(external_id="0010770", name="Breaker", element="SW-1", source_time=at)],
    "crew/1": lambda at: [Crew(external_id="CREW-1", name="Line crew 1", source_time=at)],
    "work-order/1": lambda at: [
        WorkOrder(
            external_id="WO1",
            status=WorkStatus.DISPATCHED,
            element="SW-1",
            reported_at=at,
            source_time=at,
            assignments=(CrewAssignment(crew="CREW-1", assigned_at=at),),
        )
    ],
    "restoration-estimate/1": lambda at: [
        RestorationEstimate(external_id="E1", source_time=at, estimated_at=at + timedelta(hours=2), work_order="WO1")
    ],
}


def contents() -> dict[str, list[Any]]:
    found = {}
    with connection.cursor() as cursor:
        for table in sorted(model._meta.db_table for model in apps.get_models(include_auto_created=True)):
            cursor.execute(f'SELECT t::text FROM "{table}" AS t ORDER BY 1')  # noqa: S608  # our own name
            found[table] = cursor.fetchall()
    return found


def land(contract: str, records: Sequence[Record], landing: Landing) -> Landed:
    wiring = WIRING.inbound[contract]
    return wiring.land(records if wiring.prepare is None else wiring.prepare(records), landing)


@pytest.fixture
def prepared(db: None, scope: object, now: datetime) -> datetime:
    """What the contract under test may refer to has landed."""
    make_days(now)
    for contract, make in RECORDS.items():
        if contract in ("network-element/1", "signal/1"):
            land(contract, make(now), make_landing(contract=contract, now=now))
    return now


def test_there_is_one_of_each() -> None:
    assert RECORDS.keys() == WIRING.inbound.keys()


@pytest.mark.parametrize("contract", RECORDS)
def test_the_same_again_changes_nothing(prepared: datetime, contract: str) -> None:
    records = RECORDS[contract](prepared)
    first = land(contract, records, make_landing(contract=contract, now=prepared))
    before = contents()
    later = make_landing(contract=contract, now=prepared + timedelta(minutes=1))

    again = land(contract, records, later)
    reversed_ = land(contract, list(reversed(records)), later)

    assert first.set_aside == ()
    for landed in (again, reversed_):
        assert (landed.created, landed.updated, tuple(landed.touched)) == (0, 0, ())
        assert landed.unchanged == len(records)
    assert contents() == before
