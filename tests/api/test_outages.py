from datetime import datetime, timedelta
from math import ceil

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from graphql_relay import to_global_id

from connectors.models import Outcome, State
from gis.models import NetworkElement
from organisation.models import Organisation
from organisation.scope import Scope, acting_for
from outage.models import Cause, RestorationEstimate, Status
from telemetry.models import LatestReading, Signal
from tests import rows
from tests.api.conftest import Ask
from work.models import Assignment, Crew, WorkOrder

pytestmark = pytest.mark.django_db

Breakers = list[NetworkElement]

BOARD = """
query Board($first: Int, $after: String, $open: Boolean) {
  outages(first: $first, after: $after, open: $open) {
    edges { node {
      id number type status cause confidence detectedAt customersAffected criticalCustomersAffected
      context {
        location { elementId name kind longitude latitude zone { name } ...fact }
        customers { affected critical ...fact }
        crew { name status workOrderNumber ...fact }
        restoration { estimatedAt confidence ...fact }
        telemetry { signal value unit quality ...fact }
      }
      timeline { at kind actor summary customersAffected }
    } }
    pageInfo { endCursor hasNextPage }
  }
}
fragment fact on ContextFact { source { name kind state } sourceTime landedAt ageSeconds freshness }
"""

NOTHING_KNOWN = {"source": None, "sourceTime": None, "landedAt": None, "ageSeconds": None, "freshness": "UNKNOWN"}
GIS = {"name": "Network GIS", "kind": "ogc-api-features", "state": "ACTIVE"}


@pytest.fixture
def breakers(utility: Organisation) -> list[NetworkElement]:
    """Ten breakers in the GIS, which told of them half a minute ago."""
    told = timezone.now() - timedelta(seconds=30)
    with acting_for(Scope(organisation_id=utility.pk)):
        gis = rows.stream(
            rows.connector("Network GIS", kind="ogc-api-features"), "network-element/1", proved_at=told, read_at=told
        )
        return [rows.element(gis, f"SW-{index}", at=told) for index in range(10)]


def test_a_fact_without_data_is_not_null(ask: Ask, utility: Organisation, breakers: Breakers, now: datetime) -> None:
    with acting_for(Scope(organisation_id=utility.pk)):
        rows.outage("2026-0001", breakers[0], now=now)

    node = ask(BOARD)["outages"]["edges"][0]["node"]

    assert node["number"] == "2026-0001"
    assert node["detectedAt"] == "2026-11-24T02:15:00+00:00"
    assert node["timeline"] == []
    assert node["context"] == {
        "location": node["context"]["location"],
        "customers": {"affected": None, "critical": None, **NOTHING_KNOWN},
        "crew": {"name": None, "status": None, "workOrderNumber": None, **NOTHING_KNOWN},
        "restoration": {"estimatedAt": None, "confidence": None, **NOTHING_KNOWN},
        "telemetry": [],
    }


def test_the_board_is_one_statement(ask: Ask, utility: Organisation, breakers: Breakers, now: datetime) -> None:
    with acting_for(Scope(organisation_id=utility.pk)):
        for index in range(5):
            rows.outage(f"2026-000{index}", breakers[index], now=now)

    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert len(ask(BOARD)["outages"]["edges"]) == 5

    assert len([query for query in captured if "outage_outage" in query["sql"]]) == 1


def test_open_means_neither_restored_verified_closed_nor_cancelled(
    ask: Ask, utility: Organisation, breakers: Breakers, now: datetime
) -> None:
    with acting_for(Scope(organisation_id=utility.pk)):
        for index, status in enumerate(Status.values):
            rows.outage(f"2026-00{index:02}", breakers[index], now=now, status=status)

    query = "query($open: Boolean) { outages(open: $open) { edges { node { status } } totalCount } }"
    opened, ended = ask(query, open=True)["outages"], ask(query, open=False)["outages"]

    assert {edge["node"]["status"] for edge in ended["edges"]} == {
        "RESTORED",
        "VERIFIED",
        "CLOSED",
        "CANCELLED",
    }
    assert (opened["totalCount"], ended["totalCount"]) == (5, 4)


@pytest.mark.parametrize("order", ["NEWEST", "WORST"])
def test_paging_meets_every_outage_once(
    ask: Ask, utility: Organisation, breakers: Breakers, now: datetime, order: str
) -> None:
    with acting_for(Scope(organisation_id=utility.pk)):
        for index in range(7):
            rows.outage(
                f"2026-000{index}", breakers[index], now=now, customers_off=index % 3, critical_customers_off=index % 2
            )

    query = """query($after: String, $order: OutageOrder) { outages(first: 3, after: $after, order: $order) {
        edges { node { number } } pageInfo { endCursor hasNextPage } } }"""
    seen, after, more = [], None, True
    while more:
        page = ask(query, after=after, order=order)["outages"]
        seen += [edge["node"]["number"] for edge in page["edges"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]

    assert sorted(seen) == [f"2026-000{index}" for index in range(7)]
    if order == "NEWEST":
        assert seen == sorted(seen, reverse=True)
    else:
        assert seen[0] == "2026-0005"


def test_a_cursor_of_another_list_is_refused(
    ask: Ask, utility: Organisation, breakers: Breakers, now: datetime
) -> None:
    with acting_for(Scope(organisation_id=utility.pk)):
        rows.outage("2026-0001", breakers[0], now=now)
    cursor = ask("{ outages(open: true) { pageInfo { endCursor } } }")["outages"]["pageInfo"]["endCursor"]

    answer = ask(
        "query($after: String) { outages(open: false, after: $after) { totalCount } }",
        expect_errors=True,
        after=cursor,
    )

    assert answer["errors"][0]["extensions"] == {"code": "BAD_CURSOR"}


def test_a_neighbours_outage_is_nobodys(ask: Ask, neighbour: Organisation, now: datetime) -> None:
    with acting_for(Scope(organisation_id=neighbour.pk)):
        gis = rows.stream(rows.connector("GIS"), "network-element/1", proved_at=now)
        hidden = rows.outage("2026-0001", rows.element(gis, at=now), now=now, cause=Cause.WEATHER)

    assert ask("{ outages { totalCount edges { node { id } } } }") == {"outages": {"totalCount": 0, "edges": []}}
    assert ask("query($id: ID) { outage(id: $id) { number } }", id=to_global_id("Outage", hidden.pk)) == {
        "outage": None
    }


def test_each_fact_says_where_it_came_from_when_it_was_true_and_whether_it_is_fresh(
    ask: Ask, utility: Organisation, breakers: Breakers
) -> None:
    # Whole seconds: of a fraction, PostgreSQL writes no zeros at the end, and Python does.
    now = timezone.now().replace(microsecond=0)
    read, long_ago = now - timedelta(seconds=5), now - timedelta(hours=1)
    with acting_for(Scope(organisation_id=utility.pk)):
        scada = rows.connector("SCADA gateway", kind="opcua-rest", state=State.DEGRADED)
        work = rows.connector("Work management", kind="maximo")
        tablets = rows.connector("Field tablets", kind="push")
        readings = rows.stream(scada, "reading/1", proved_at=long_ago, read_at=long_ago)
        orders = rows.stream(work, "work-order/1", proved_at=read, read_at=read)
        crews = rows.stream(work, "crew/1", proved_at=read, read_at=read, outcome=Outcome.UNAUTHORIZED)
        estimates = rows.stream(tablets, "restoration-estimate/1", proved_at=now)
        rows.stream(rows.connector("CIS"), "service-point/1", proved_at=read, read_at=read)
        broken = rows.outage("2026-0001", breakers[0], now=now, is_charged=True, customers_affected=7)
        in_scada, in_work = rows.alias(scada, breakers[0], at=now), rows.alias(work, breakers[0], at=now)
        signal = Signal.objects.create(
            name="Current", kind="MEASUREMENT", unit="A", alias=in_scada, **rows.landed(readings, "SW-0.I", at=now)
        )
        LatestReading.objects.create(
            signal=signal, source_time=long_ago, landed_at=long_ago, value=9.2, quality="UNCERTAIN"
        )
        Crew.objects.create(name="N-12", status="ENROUTE", **rows.landed(crews, "CREW-2", at=read))
        order = WorkOrder.objects.create(
            status="DISPATCHED", alias=in_work, reported_at=now, **rows.landed(orders, "WO-1", at=read)
        )
        Assignment.objects.create(work_order=order, crew_external_id="CREW-2", assigned_at=now)
        RestorationEstimate.objects.create(
            work_order_external_id="WO-1",
            estimated_at=now + timedelta(hours=2),
            confidence="LOW",
            **rows.landed(estimates, "E-1", at=now),
        )

    context = ask(BOARD)["outages"]["edges"][0]["node"]["context"]

    assert {name: (fact["source"], fact["freshness"]) for name, fact in context.items() if name != "telemetry"} == {
        "location": (GIS, "FRESH"),
        "customers": ({"name": "CIS", "kind": "rest-json", "state": "ACTIVE"}, "FRESH"),
        "crew": ({"name": "Work management", "kind": "maximo", "state": "ACTIVE"}, "UNAVAILABLE"),
        "restoration": ({"name": "Field tablets", "kind": "push", "state": "ACTIVE"}, "FRESH"),
    }
    assert (context["customers"]["affected"], context["customers"]["critical"]) == (7, 0)
    assert (context["crew"]["name"], context["crew"]["status"], context["crew"]["workOrderNumber"]) == (
        "N-12",
        "ENROUTE",
        "WO-1",
    )
    assert (context["restoration"]["confidence"], context["restoration"]["estimatedAt"]) == (
        "LOW",
        (now + timedelta(hours=2)).isoformat(),
    )
    assert broken.number == "2026-0001"
    [telemetry] = context["telemetry"]
    assert (telemetry["signal"], telemetry["value"], telemetry["unit"], telemetry["quality"]) == (
        "Current",
        9.2,
        "A",
        "UNCERTAIN",
    )
    assert (telemetry["freshness"], telemetry["sourceTime"]) == ("STALE", long_ago.isoformat())
    assert 3_600 <= telemetry["ageSeconds"] <= ceil((timezone.now() - long_ago).total_seconds())
