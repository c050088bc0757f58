"""The ArcGIS adapter and changes: what servers may answer, and what they must not get from us."""

from collections.abc import Iterator
from urllib.parse import parse_qsl

import pytest
import responses

from connectors.protocols.adapter import Mode, Page
from connectors.protocols.errors import (
    BadConfig,
    BadRecord,
    ContractBroken,
    SourceError,
    Unreachable,
)
from tests.connectors.adapters.odd_arcgis import KEY, PATH, SERVICE, Answer, OddServer, arcgis, features, read


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def server(wire: responses.RequestsMock) -> OddServer:
    return OddServer(wire)


def test_no_edit_during_a_read_is_missed_though_the_read_broke_off_meanwhile(server: OddServer) -> None:
    """The row may have been read before it was edited, and one that is read later may be stamped later still."""
    by_date = features(modified_property="EditDate", changes="EDIT_DATE")
    server.date = "Tue, 24 Nov 2026 01:00:00 GMT"
    first = next(iter(arcgis().fetch(by_date, cursor=None, mode=Mode.FULL)))
    server.date = "Tue, 24 Nov 2026 02:00:00 GMT"
    server.pole = lambda number: {"OBJECTID": number, "EditDate": 1_795_485_300_000}  # 01:55

    pages = read(by_date, cursor=first.cursor)

    assert pages[-1].complete
    assert pages[-1].cursor is not None
    assert pages[-1].cursor["watermark"] == "2026-11-24T01:00:00Z"


def test_a_layer_that_was_not_edited_is_not_read_again(wire: responses.RequestsMock) -> None:
    server = OddServer(wire, editingInfo={"lastEditDate": 1_700_000_000_001})
    by_date = features(modified_property="EditDate", changes="EDIT_DATE")
    full = read(by_date)
    server.asked.clear()

    (unchanged,) = read(by_date, cursor=full[-1].cursor, mode=Mode.INCREMENTAL)

    assert (list(unchanged.records), unchanged.complete, server.asked) == ([], True, [])
    assert unchanged.cursor == full[-1].cursor
    server.described["editingInfo"]["lastEditDate"] += 1
    read(by_date, cursor=full[-1].cursor, mode=Mode.INCREMENTAL)
    assert server.asked[0]["where"] == "EditDate >= TIMESTAMP '2023-11-14 22:08:20'"


def test_a_server_that_does_not_heed_the_condition_is_found_out(server: OddServer) -> None:
    """As koop does with a field that it does not know."""
    by_date = features(modified_property="EditDate", changes="EDIT_DATE", overlap_s=0)
    cursor = {"watermark": "2026-10-01T00:00:00Z"}

    with pytest.raises(
        BadConfig, match="asked for what was edited since 2026-10-01T00:00:00Z and also sends"
    ) as caught:
        read(by_date, cursor=cursor, mode=Mode.INCREMENTAL)

    assert caught.value.field == "changes"


def test_a_layer_that_reads_dates_in_another_zone_wants_it_named(wire: responses.RequestsMock) -> None:
    zone = {"timeZone": "Pacific Standard Time", "respectsDaylightSaving": True}
    server = OddServer(wire, dateFieldsTimeReference=zone)
    options = {"modified_property": "EditDate", "changes": "EDIT_DATE", "overlap_s": 0}
    cursor = {"watermark": "2023-11-14T22:13:20Z"}

    with pytest.raises(BadConfig, match="reads dates in Pacific Standard Time") as caught:
        read(features(**options), cursor=cursor, mode=Mode.INCREMENTAL)
    read(features(**options, time_zone="America/Los_Angeles"), cursor=cursor, mode=Mode.INCREMENTAL)

    assert caught.value.field == "time_zone"
    assert server.asked[0]["where"] == "EditDate >= TIMESTAMP '2023-11-14 14:13:20'"


@pytest.fixture
def tracking(wire: responses.RequestsMock) -> OddServer:
    server = OddServer(wire)
    server.service["changeTrackingInfo"] = {"layerServerGens": [{"id": 0, "minServerGen": 5, "serverGen": 9}]}
    return server


GUID = "3f250000-0000-4000-8000-00000000000{}"
CHANGES: Answer = {
    "layerServerGens": [{"id": 0, "serverGen": 9}],
    "edits": [
        {"id": 7, "features": {"adds": [{"attributes": {"OBJECTID": 1}}]}},
        {
            "id": 0,
            "features": {
                "adds": [{"attributes": {"OBJECTID": 1}}, {"attributes": {"OBJECTID": 2}}],
                "updates": [{"attributes": {"OBJECTID": 1, "EditDate": 7}}],
                "deleteIds": [3],
            },
        },
    ],
}


def changes(cursor: Answer) -> list[Page]:
    return read(features(changes="TRACKING"), cursor=cursor, mode=Mode.INCREMENTAL)


def test_changes_may_come_at_once_each_feature_as_it_is_now(wire: responses.RequestsMock, tracking: OddServer) -> None:
    wire.post(f"{SERVICE}/extractChanges", json=CHANGES)

    (page,) = changes({"generation": 7})

    assert [(one.id, one.property("EditDate")) for one in page.records] == [("1", 7), ("2", None)]
    assert (page.complete, page.cursor) == (True, {"generation": 9})
    form = dict(parse_qsl(str(wire.calls[-1].request.body)))
    assert (form["layers"], form["layerServerGens"]) == ("0", '[{"id":0,"serverGen":7}]')


def test_many_changes_come_in_pages_and_count_only_together(wire: responses.RequestsMock, tracking: OddServer) -> None:
    updates = [{"attributes": {"OBJECTID": number}} for number in range(25)]
    wire.post(f"{SERVICE}/extractChanges", json={**CHANGES, "edits": [{"id": 0, "features": {"updates": updates}}]})

    pages = read(features(changes="TRACKING", page_size=10), cursor={"generation": 7}, mode=Mode.INCREMENTAL)

    assert [(len(page.records), page.complete, page.cursor) for page in pages] == [
        (10, False, {"generation": 7}),
        (10, False, {"generation": 7}),
        (5, True, {"generation": 9}),
    ]


def test_our_token_does_not_follow_a_result_to_another_host(wire: responses.RequestsMock, tracking: OddServer) -> None:
    wire.post(f"{SERVICE}/extractChanges", json={"statusUrl": f"{SERVICE}/jobs/1"})
    wire.post(f"{SERVICE}/jobs/1", json={"status": "Completed", "resultUrl": f"{SERVICE}/results/1"})
    wire.get(f"{SERVICE}/results/1", status=302, headers={"Location": "https://storage.example/1?signature=x"})
    wire.get("https://storage.example/1", json=CHANGES)

    (page,) = changes({"generation": 7})

    assert len(page.records) == 2
    header = "X-Esri-Authorization"
    assert wire.calls[-2].request.headers[header] == f"Bearer {KEY}"
    assert header not in wire.calls[-1].request.headers


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        ({"status": "Failed", "statusMessage": f"Disk full {KEY}"}, Unreachable, "could not collect .*Disk full •••"),
        ({"status": "CompletedWithErrors"}, Unreachable, "it says: CompletedWithErrors"),
        ({"status": "InProgress"}, Unreachable, "still collecting what has changed after 4 minutes"),
        ({"status": "Completed", "resultUrl": ""}, Unreachable, "still collecting"),
        ({"error": {"code": 404, "message": "Job not found"}}, BadConfig, "Job not found"),
    ],
)
def test_a_job_that_does_not_end_well_is_told(
    wire: responses.RequestsMock, tracking: OddServer, status: Answer, error: type[SourceError], said: str
) -> None:
    wire.post(f"{SERVICE}/extractChanges", json={"statusUrl": f"{SERVICE}/jobs/1"})
    wire.post(f"{SERVICE}/jobs/1", json=status)

    with pytest.raises(error, match=said):
        changes({"generation": 7})


def test_changes_of_another_layer_break_the_contract(wire: responses.RequestsMock, tracking: OddServer) -> None:
    wire.post(f"{SERVICE}/extractChanges", json={**CHANGES, "layerServerGens": [{"id": 1, "serverGen": 9}]})

    with pytest.raises(ContractBroken, match="does not say what has changed"):
        changes({"generation": 7})


@pytest.mark.parametrize("known", [4, 10], ids=["purged", "of a service that was published anew"])
def test_a_generation_that_the_server_does_not_know_leads_to_everything(
    wire: responses.RequestsMock, tracking: OddServer, known: int
) -> None:
    pages = changes({"generation": known})

    assert [len(page.records) for page in pages] == [10, 10, 5]
    assert pages[-1].cursor is not None
    assert pages[-1].cursor["generation"] == 9


def test_what_is_deleted_is_told_by_the_key_that_names_it(wire: responses.RequestsMock, tracking: OddServer) -> None:
    tracking.described["fields"] += [{"name": "GlobalID", "type": "esriFieldTypeGlobalID"}, {"name": "tag", "type": ""}]
    tracking.described["globalIdField"] = "GlobalID"
    drawn_anew = {"attributes": {"OBJECTID": 9, "GlobalID": f"{{{GUID.format(9)}}}", "tag": "T-2"}}
    edits = {
        "adds": [drawn_anew],
        "deletes": [{"attributes": {"GlobalID": GUID.format(number), "tag": f"T-{number}"}} for number in (1, 2)],
        "deleteIds": [f"{{{GUID.format(3)}}}".upper(), 4],
    }
    wire.post(f"{SERVICE}/extractChanges", json={**CHANGES, "edits": [{"id": 0, "features": edits}]})

    told = {
        key: read(features(changes="TRACKING", id_property=key), cursor={"generation": 7}, mode=Mode.INCREMENTAL)[0]
        for key in ("", "tag")
    }

    assert told[""].gone == [f"{PATH}/{GUID.format(number)}" for number in (1, 2, 3)]
    assert told[""].records[1:] == [{"deleted": "4"}]
    assert told["tag"].gone == [f"{PATH}/T-1"], "what is drawn anew under the same key is not gone"
    assert told["tag"].records[1:] == [{"deleted": GUID.format(3)}, {"deleted": "4"}]
    with pytest.raises(BadRecord, match="the next full read retires it"):
        arcgis().parse({"deleted": "4"}, features())
