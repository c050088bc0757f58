from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from graphql_relay import to_global_id

from organisation.models import Organisation
from organisation.scope import Scope, acting_for
from outage.models import Cause, Outage, Status
from tests.api.conftest import Ask

pytestmark = pytest.mark.django_db

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

NOTHING_KNOWN = {
    "source": None,
    "sourceTime": None,
    "landedAt": None,
    "ageSeconds": None,
    "freshness": "UNKNOWN",
}


def outage(number: str, *, now: datetime, **given: Any) -> Outage:
    return Outage.objects.create(
        number=number,
        confidence=0.7,
        detected_at=now,
        recorded_at=now,
        context_since=now,
        updated_at=now,
        **given,
    )


def test_a_fact_without_data_is_not_null(ask: Ask, utility: Organisation, now: datetime) -> None:
    with acting_for(Scope(organisation_id=utility.pk)):
        outage("2026-0001", now=now)

    node = ask(BOARD)["outages"]["edges"][0]["node"]

    assert node["number"] == "2026-0001"
    assert node["detectedAt"] == "2026-11-24T02:15:00+00:00"
    assert node["timeline"] == []
    assert node["context"] == {
        "location": {
            "elementId": None,
            "name": None,
            "kind": None,
            "longitude": None,
            "latitude": None,
            "zone": None,
            **NOTHING_KNOWN,
        },
        "customers": {"affected": None, "critical": None, **NOTHING_KNOWN},
        "crew": {"name": None, "status": None, "workOrderNumber": None, **NOTHING_KNOWN},
        "restoration": {"estimatedAt": None, "confidence": None, **NOTHING_KNOWN},
        "telemetry": [],
    }


def test_the_board_is_one_statement(ask: Ask, utility: Organisation, now: datetime) -> None:
    with acting_for(Scope(organisation_id=utility.pk)):
        for index in range(5):
            outage(f"2026-000{index}", now=now)

    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert len(ask(BOARD)["outages"]["edges"]) == 5

    assert len([query for query in captured if "outage_outage" in query["sql"]]) == 1


def test_open_means_neither_restored_verified_closed_nor_cancelled(
    ask: Ask, utility: Organisation, now: datetime
) -> None:
    with acting_for(Scope(organisation_id=utility.pk)):
        for index, status in enumerate(Status.values):
            outage(f"2026-00{index:02}", now=now, status=status)

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
def test_paging_meets_every_outage_once(ask: Ask, utility: Organisation, now: datetime, order: str) -> None:
    with acting_for(Scope(organisation_id=utility.pk)):
        for index in range(7):
            outage(f"2026-000{index}", now=now, customers_off=index % 3, critical_customers_off=index % 2)

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


def test_a_cursor_of_another_list_is_refused(ask: Ask, utility: Organisation, now: datetime) -> None:
    with acting_for(Scope(organisation_id=utility.pk)):
        outage("2026-0001", now=now)
    cursor = ask("{ outages(open: true) { pageInfo { endCursor } } }")["outages"]["pageInfo"]["endCursor"]

    answer = ask(
        "query($after: String) { outages(open: false, after: $after) { totalCount } }",
        expect_errors=True,
        after=cursor,
    )

    assert answer["errors"][0]["extensions"] == {"code": "BAD_CURSOR"}


def test_a_neighbours_outage_is_nobodys(ask: Ask, neighbour: Organisation, now: datetime) -> None:
    with acting_for(Scope(organisation_id=neighbour.pk)):
        hidden = outage("2026-0001", now=now, cause=Cause.WEATHER)

    assert ask("{ outages { totalCount edges { node { id } } } }") == {"outages": {"totalCount": 0, "edges": []}}
    assert ask("query($id: ID) { outage(id: $id) { number } }", id=to_global_id("Outage", hidden.pk)) == {
        "outage": None
    }
