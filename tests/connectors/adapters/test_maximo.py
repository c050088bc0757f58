"""The Maximo adapter: its records by captured payloads, its reads against the pretend utility."""

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from connectors.adapters.maximo.adapter import MaximoAdapter
from connectors.adapters.maximo.settings import MaximoForm
from connectors.contracts.base import Position
from connectors.contracts.crew import Crew, CrewStatus
from connectors.contracts.equipment import Equipment
from connectors.contracts.work_order import CrewAssignment, WorkOrder, WorkStatus
from connectors.protocols.adapter import Cursor, Mode, Page, SourceStream
from connectors.protocols.errors import (
    BadConfig,
    BadRecord,
    ContractBroken,
    SourceError,
    Throttled,
    Unauthorized,
    Unreachable,
)
from tests.connectors.adapters.wire import BASE, PretendUtility, build, pretend_utility

PAYLOADS = Path(__file__).parent.parent / "payloads" / "maximo"
HOST = "https://maximo.example/maximo/api"
EQUIPMENT = SourceStream(name="mxapiasset", contract="equipment/1")
WORK_ORDERS = SourceStream(name="mxapiwodetail", contract="work-order/1")
CREWS = SourceStream(name="mxapiamcrew", contract="crew/1")
AT = datetime(2026, 11, 24, 5, 59, 8, tzinfo=UTC)


def payload(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text())


def member(structure: str, index: int = 0, **changes: Any) -> dict[str, Any]:
    """A captured member; an attribute that is changed to None is left out, as Maximo leaves out nulls."""
    changed = {**payload(structure)["member"][index], **changes}
    return {name: value for name, value in changed.items() if value is not None}


def maximo(base: str = HOST, **changes: Any) -> MaximoAdapter:
    settings = {"base_url": base, "api_key": "maximo-demo-apikey", **changes}
    adapter: MaximoAdapter = build(MaximoAdapter, **settings)
    return adapter


def there(**changes: Any) -> MaximoAdapter:
    """The pretend utility's Maximo."""
    return maximo(f"{BASE}/maximo/api", **changes)


def work_order(raw: dict[str, Any], **changes: Any) -> WorkOrder:
    parsed = maximo(**changes).parse(raw, WORK_ORDERS)
    assert isinstance(parsed, WorkOrder)
    return parsed


def crew(raw: dict[str, Any], **changes: Any) -> Crew:
    parsed = maximo(**changes).parse(raw, CREWS)
    assert isinstance(parsed, Crew)
    return parsed


def test_an_asset_is_equipment_that_stands_for_an_element() -> None:
    assert maximo().parse(member("mxapiasset"), EQUIPMENT) == Equipment(
        external_id="0000008",
        source_time=datetime(2024, 11, 22, 12, tzinfo=UTC),
        name="Breaker LV1.101 Switch 9",
        status="Operating",
        location="LV1.101",
        element="SW-8",
    )


def test_an_attribute_that_is_not_there_is_null() -> None:
    bare = member("mxapiasset", gisid=None, description=None, location=None, status_description=None)

    read = maximo().parse(bare, EQUIPMENT)

    assert isinstance(read, Equipment)
    assert (read.element, read.name, read.location, read.status) == (None, "", "", "OPERATING")


def test_another_site_keeps_the_gis_id_elsewhere() -> None:
    read = maximo(element_attribute="eq24").parse(member("mxapiasset", eq24="SW-1"), EQUIPMENT)

    assert isinstance(read, Equipment)
    assert read.element == "SW-1"


def test_a_work_order_is_read_with_its_crew() -> None:
    assert work_order(member("mxapiwodetail")) == WorkOrder(
        external_id="WO20006",
        source_time=AT,
        summary="Breaker MV1.101 Switch 7 tripped",
        status=WorkStatus.DISPATCHED,
        status_label="Crew dispatched",
        work_type="EM",
        priority=1,
        equipment="0010770",
        reported_at=AT,
        scheduled_start=AT,
        scheduled_finish=AT + timedelta(hours=2),
        assignments=(CrewAssignment(crew="CREW-1", assigned_at=AT, status="ASSIGNED"),),
    )


@pytest.mark.parametrize(
    ("word", "internal", "status"),
    [
        ("WAPPR", "WAPPR", WorkStatus.WAITING),
        ("APPR", "APPR", WorkStatus.APPROVED),
        ("WSCH", "WSCH", WorkStatus.APPROVED),
        ("WMATL", "WMATL", WorkStatus.APPROVED),
        ("WPCOND", "WPCOND", WorkStatus.APPROVED),
        ("INPRG", "INPRG", WorkStatus.IN_PROGRESS),
        ("COMP", "COMP", WorkStatus.COMPLETED),
        ("CLOSE", "CLOSE", WorkStatus.CLOSED),
        ("CAN", "CAN", WorkStatus.CANCELLED),
        ("In Arbeit", "INPRG", WorkStatus.IN_PROGRESS),
        ("ONSITE", "INPRG", WorkStatus.IN_PROGRESS),
        ("ENROUTE", "INPRG", WorkStatus.DISPATCHED),
        ("Enroute", "INPRG", WorkStatus.DISPATCHED),
        ("DISPATCH", "APPR", WorkStatus.DISPATCHED),
        ("COMP", None, WorkStatus.COMPLETED),
    ],
)
def test_a_status_is_known_by_its_internal_value_unless_its_own_word_says_more(
    word: str, internal: str | None, status: WorkStatus
) -> None:
    read = work_order(member("mxapiwodetail", status=word, status_maxvalue=internal, status_description=None))

    assert (read.status, read.status_label) == (status, word)


def test_a_site_s_own_word_goes_before_the_internal_value() -> None:
    raw = member("mxapiwodetail", status="TEAM ROT", status_maxvalue="APPR")

    assert work_order(raw, work_statuses="TEAM ROT = DISPATCHED").status is WorkStatus.DISPATCHED


def test_an_unknown_status_is_set_aside_with_what_to_do() -> None:
    with pytest.raises(BadRecord, match=r"The status HISTEDIT is not known\. Add it") as refused:
        maximo().parse(member("mxapiwodetail", status="HISTEDIT", status_maxvalue=None), WORK_ORDERS)

    assert (refused.value.external_id, refused.value.path) == ("WO20006", "status")


def test_without_assignments_the_crew_of_the_order_is_the_one() -> None:
    assert work_order(member("mxapiwodetail", assignment=None)).assignments == (CrewAssignment(crew="CREW-1"),)
    assert work_order(member("mxapiwodetail", assignment=None, amcrew=None)).assignments == ()


def test_an_assignment_of_a_person_names_no_crew_and_one_of_two_people_names_it_once() -> None:
    people = [
        {"laborcode": "SMITH", "status": "ASSIGNED"},
        {"amcrew": "CREW-2", "laborcode": "A", "status": "ASSIGNED"},
        {"amcrew": "CREW-2", "laborcode": "B", "status": "STARTED"},
    ]

    assert work_order(member("mxapiwodetail", assignment=people)).assignments == (
        CrewAssignment(crew="CREW-2", status="STARTED"),
    )


def test_a_work_order_s_own_gis_id_is_used_where_it_has_one() -> None:
    assert work_order(member("mxapiwodetail", gisid="SW-1")).element == "SW-1"
    assert (
        work_order(member("mxapiwodetail", site_gis="SW-2"), work_order_element_attribute="site_gis").element == "SW-2"
    )
    assert work_order(member("mxapiwodetail")).element is None


@pytest.mark.parametrize("moment", ["2026-11-24T06:59:08", "last night", 20_261_124])
def test_a_time_without_an_offset_is_nobody_s_time(moment: Any) -> None:
    with pytest.raises(BadRecord) as refused:
        maximo().parse(member("mxapiwodetail", reportdate=moment), WORK_ORDERS)

    assert (refused.value.external_id, refused.value.path) == ("WO20006", "reportdate")


def test_a_record_without_a_key_is_set_aside() -> None:
    for structure, stream, key in (
        ("mxapiasset", EQUIPMENT, "assetnum"),
        ("mxapiwodetail", WORK_ORDERS, "wonum"),
        ("mxapiamcrew", CREWS, "amcrew"),
    ):
        raw = member(structure)
        del raw[key]
        with pytest.raises(BadRecord, match="external_id is missing"):
            maximo().parse(raw, stream)


def test_a_crew_is_read_with_its_state_and_place() -> None:
    assert crew(member("mxapiamcrew")) == Crew(
        external_id="CREW-1",
        source_time=AT,
        name="Line crew North",
        status=CrewStatus.ASSIGNED,
        position=Position(latitude=53.6551, longitude=11.4102),
    )


@pytest.mark.parametrize(
    ("state", "own", "status"),
    [
        ("AVAILABLE", "ACTIVE", CrewStatus.AVAILABLE),
        ("Enroute", "ACTIVE", CrewStatus.ENROUTE),
        ("ONSITE", "ACTIVE", CrewStatus.ONSITE),
        ("WORKING", "ACTIVE", CrewStatus.ONSITE),
        (None, "ACTIVE", CrewStatus.AVAILABLE),
        (None, "INACTIVE", CrewStatus.OFF_SHIFT),
        (None, None, CrewStatus.AVAILABLE),
    ],
)
def test_a_crew_s_state_is_looked_up(state: str | None, own: str | None, status: CrewStatus) -> None:
    assert crew(member("mxapiamcrew", fieldstatus=state, status=own)).status is status


def test_a_crew_whose_state_is_unknown_is_set_aside() -> None:
    with pytest.raises(BadRecord, match=r"The crew's state LUNCH is not known\. Add it") as refused:
        maximo().parse(member("mxapiamcrew", fieldstatus="LUNCH"), CREWS)

    assert (refused.value.external_id, refused.value.path) == ("CREW-1", "fieldstatus")


def test_half_a_position_is_none() -> None:
    assert crew(member("mxapiamcrew", latitudey=None)).position is None


@pytest.fixture
def eam() -> Iterator[PretendUtility]:
    with pretend_utility() as utility:
        yield utility


def read(
    adapter: MaximoAdapter, stream: SourceStream, *, mode: Mode = Mode.FULL, cursor: Cursor | None = None
) -> list[Page]:
    """All pages, their cursors as JSON keeps them."""
    pages = list(adapter.fetch(stream, cursor=cursor, mode=mode))
    return [replace(page, cursor=json.loads(json.dumps(page.cursor))) for page in pages]


def keys(pages: list[Page], name: str) -> list[str]:
    return [raw[name] for page in pages for raw in page.records]


def question(path: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}


def test_a_full_read_takes_all_pages_in_the_order_of_the_keys_and_proves_it(eam: PretendUtility) -> None:
    pages = read(there(), EQUIPMENT)

    assert [len(page.records) for page in pages] == [200, 200, 120]
    assert [page.complete for page in pages] == [False, False, True]
    assert pages[0].total == 520
    assert keys(pages, "assetnum") == sorted(set(keys(pages, "assetnum")))
    asked = question(eam.asked[1])
    assert asked["lean"] == "1"
    assert asked["oslc.orderBy"] == "+assetnum"
    assert asked["oslc.select"] == "assetnum,siteid,description,status,location,changedate,gisid"
    assert "apikey" not in "".join(eam.asked)


def test_every_record_of_the_pretend_utility_can_be_read(eam: PretendUtility) -> None:
    eam.utility.hv_fault("SW-10770")
    adapter = there()

    for stream in (EQUIPMENT, WORK_ORDERS, CREWS):
        pages = read(adapter, stream)
        parsed = [adapter.parse(raw, stream) for page in pages for raw in page.records]
        assert pages[-1].complete
        assert len({record.external_id for record in parsed if record}) == pages[-1].total

    trip = work_order(read(adapter, WORK_ORDERS)[-1].records[-1])
    assert trip.summary == "Breaker MV1.101 Switch 7 tripped"
    assert (trip.equipment, trip.status) == ("0010770", WorkStatus.DISPATCHED)
    assert [assignment.status for assignment in trip.assignments] == ["ASSIGNED"]


def test_a_full_read_that_broke_off_goes_on_after_its_last_page(eam: PretendUtility) -> None:
    whole = read(there(), EQUIPMENT)

    rest = read(there(), EQUIPMENT, cursor=whole[0].cursor)

    assert [len(page.records) for page in rest] == [200, 120]
    assert rest[-1].complete
    assert rest[-1].cursor == whole[-1].cursor


def test_what_changes_during_a_full_read_comes_with_the_next_incremental_one(eam: PretendUtility) -> None:
    adapter = there(page_size="10", overlap_minutes="0")
    pages = adapter.fetch(WORK_ORDERS, cursor=None, mode=Mode.FULL)
    next(pages)
    eam.clock.advance(minutes=30)
    eam.utility.hv_fault("SW-10770")

    *_, last = pages
    changes = read(adapter, WORK_ORDERS, mode=Mode.INCREMENTAL, cursor=last.cursor)

    assert any(summary == "Breaker MV1.101 Switch 7 tripped" for summary in keys(changes, "description"))


def test_a_record_that_came_during_a_full_read_leaves_it_unproven(eam: PretendUtility) -> None:
    adapter = there(page_size="10")
    pages = adapter.fetch(WORK_ORDERS, cursor=None, mode=Mode.FULL)
    next(pages)
    eam.utility.hv_fault("SW-10770")

    *_, last = pages

    assert not last.complete
    assert last.incomplete_reason.startswith("Records came or went while Maximo was being read")


def test_an_incremental_read_asks_for_what_has_changed_and_a_little_before(eam: PretendUtility) -> None:
    adapter = there(overlap_minutes="5", site="RURAL")
    cursor = read(adapter, WORK_ORDERS)[-1].cursor
    eam.asked.clear()
    eam.clock.advance(minutes=10)
    eam.utility.hv_fault("SW-10770")

    pages = read(adapter, WORK_ORDERS, mode=Mode.INCREMENTAL, cursor=cursor)

    since = datetime.fromisoformat((cursor or {})["changedate"]) - timedelta(minutes=5)
    asked = question(eam.asked[0])
    assert asked["oslc.where"] == f'siteid="RURAL" and changedate>="{since.isoformat()}"'
    assert asked["oslc.orderBy"] == "+changedate,+wonum"
    assert asked["internalvalues"] == "1"
    assert pages[-1].complete
    assert (pages[-1].cursor or {})["changedate"] == "2026-11-24T02:25:00+01:00"


def test_an_incremental_read_of_many_pages_misses_nothing(eam: PretendUtility) -> None:
    adapter = there(page_size="7", overlap_minutes="0")
    everything = set(keys(read(adapter, EQUIPMENT), "assetnum"))

    pages = read(adapter, EQUIPMENT, mode=Mode.INCREMENTAL)

    assert set(keys(pages, "assetnum")) == everything
    assert pages[-1].complete


def test_a_condition_of_the_stream_is_asked_for_too(eam: PretendUtility) -> None:
    emergencies = replace(WORK_ORDERS, options={"where": 'worktype="EM"'})
    eam.utility.hv_fault("SW-10770")

    pages = read(there(), emergencies)

    assert [raw["worktype"] for page in pages for raw in page.records] == ["EM"]
    assert pages[-1].complete


def test_crews_are_few_and_are_read_whole_each_time(eam: PretendUtility) -> None:
    first = read(there(), CREWS)

    second = read(there(), CREWS, mode=Mode.INCREMENTAL, cursor=first[-1].cursor)

    assert len(second[-1].records) == 6
    assert second[-1].complete


@pytest.mark.parametrize("mode", [Mode.FULL, Mode.INCREMENTAL])
def test_a_page_cut_short_is_no_complete_read(eam: PretendUtility, mode: Mode) -> None:
    eam.fault("maximo", "truncated")

    pages = read(there(), EQUIPMENT, mode=mode)

    assert not any(page.complete for page in pages)
    assert pages[-1].incomplete_reason.endswith("records and sent 100.")


def test_a_page_that_comes_again_ends_a_full_read_and_is_no_proof(eam: PretendUtility) -> None:
    eam.fault("maximo", "repeated")

    pages = read(there(), EQUIPMENT)

    assert len(pages) == 2
    assert pages[-1].incomplete_reason == "The source sends the same page again instead of the next one."


def test_a_link_that_leads_nowhere_does_not_keep_an_incremental_read_from_its_end(eam: PretendUtility) -> None:
    eam.fault("maximo", "repeated")

    pages = read(there(), EQUIPMENT, mode=Mode.INCREMENTAL)

    assert len(set(keys(pages, "assetnum"))) == 520
    assert pages[-1].complete


@pytest.mark.parametrize(
    ("fault", "reaction"),
    [
        ("500", Unreachable),
        ("429", Throttled),
        ("401", Unauthorized),
        ("garbage", ContractBroken),
        ("cut", ContractBroken),
    ],
)
@pytest.mark.parametrize("mode", [Mode.FULL, Mode.INCREMENTAL])
def test_a_fault_calls_for_its_reaction(
    eam: PretendUtility, mode: Mode, fault: str, reaction: type[SourceError]
) -> None:
    eam.fault("maximo", fault)

    with pytest.raises(reaction):
        read(there(), WORK_ORDERS, mode=mode)


def test_the_probe_says_who_we_are_and_what_cannot_be_read(eam: PretendUtility) -> None:
    probe = there(crew_structure="mxapicrews").probe()

    assert probe.summary == "IBM Maximo Manage (simulated) 9.0.0 knows us as Integration user (fabric)."
    assert probe.product_version == "9.0.0"
    (finding,) = probe.findings
    assert finding.startswith("Crews cannot be read. Maximo has no object structure mxapicrews")
    assert "BMXAA8721E" in finding


def test_a_wrong_key_is_refused_in_maximo_s_words(eam: PretendUtility) -> None:
    with pytest.raises(Unauthorized, match="BMXAA7901E"):
        there(api_key="stolen").probe()


def test_what_there_is_to_read_follows_the_settings(eam: PretendUtility) -> None:
    streams = list(there(crew_structure="mxapicrews").discover())

    assert [(stream.name, stream.contract) for stream in streams] == [
        ("mxapiasset", "equipment/1"),
        ("mxapiwodetail", "work-order/1"),
        ("mxapicrews", "crew/1"),
    ]
    assert eam.asked == []


@responses.activate
def test_a_user_name_and_password_are_sent_as_maxauth() -> None:
    responses.get(f"{HOST}/os/mxapiamcrew", json={"member": [], "responseInfo": {"totalCount": 0}})
    adapter: MaximoAdapter = build(
        MaximoAdapter, base_url=f"{HOST}/", sign_in="BASIC", username="fabric", password="secret"
    )

    (page,) = read(adapter, CREWS)

    assert page.complete
    headers = responses.calls[0].request.headers
    assert headers["maxauth"] == b64encode(b"fabric:secret").decode()
    assert headers["x-public-uri"] == HOST


@responses.activate
def test_a_link_to_another_address_is_not_followed_with_our_key() -> None:
    away = {"nextPage": {"href": "https://maximo.example/maximo/oslc/os/mxapiamcrew?pageno=2"}, "totalCount": 2}
    responses.get(f"{HOST}/os/mxapiamcrew", json={"member": [{"amcrew": "A"}], "responseInfo": away})

    with pytest.raises(ContractBroken, match="leads away from the address"):
        read(maximo(), CREWS)

    assert len(responses.calls) == 1


@responses.activate
def test_two_sites_are_not_taken_for_one() -> None:
    members = [{"assetnum": "1", "siteid": "NORTH"}, {"assetnum": "1", "siteid": "SOUTH"}]
    responses.get(f"{HOST}/os/mxapiasset", json={"member": members, "responseInfo": {"totalCount": 2}})

    with pytest.raises(BadConfig, match=r"several sites here \(NORTH, SOUTH\)") as refused:
        read(maximo(), EQUIPMENT)

    assert refused.value.field == "site"


@responses.activate
def test_a_question_that_maximo_refuses_is_a_wrong_setting() -> None:
    responses.get(f"{HOST}/os/mxapiamcrew", json=payload("error-bad-question"), status=400)

    with pytest.raises(BadConfig, match="Maximo refuses the question: BMXAA8727E"):
        read(maximo(), CREWS)


@responses.activate
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"rdfs:member": []}, "ignores lean=1"),
        ({"status": "ok"}, "no members"),
        ([], "no members"),
        ({"member": ["CREW-1"]}, "not an object"),
    ],
)
def test_an_answer_of_another_shape_stops_the_stream(body: Any, reason: str) -> None:
    responses.get(f"{HOST}/os/mxapiamcrew", json=body)

    with pytest.raises(ContractBroken, match=reason):
        read(maximo(), CREWS)


@responses.activate
def test_without_a_count_nothing_is_proven() -> None:
    responses.get(f"{HOST}/os/mxapiamcrew", json={"member": [{"amcrew": "A"}]})

    (page,) = read(maximo(), CREWS)

    assert (page.complete, page.incomplete_reason.startswith("Maximo sent no count")) == (False, True)


@pytest.mark.parametrize(
    ("field", "value", "advice"),
    [
        ("base_url", "maximo", "web address"),
        ("api_key", "", "API key in a header needs this"),
        ("site", 'A" or "1"="1', "letters, digits"),
        ("work_statuses", "ENROUTE", "Write one row a line"),
        ("work_statuses", "ENROUTE = GONE", "there is no GONE"),
        ("crew_statuses", "", "required"),
        ("page_size", "0", "greater than or equal to 1"),
        ("sign_in", "BEARER", "not one of the available choices"),
    ],
)
def test_a_wrong_setting_is_told_at_its_field(field: str, value: str, advice: str) -> None:
    form = MaximoForm(
        data={
            "base_url": HOST,
            "sign_in": "API_KEY",
            "api_key_header": "apikey",
            "api_key": "secret",
            "asset_structure": "mxapiasset",
            "work_order_structure": "mxapiwodetail",
            "crew_structure": "mxapiamcrew",
            "crew_statuses": "AVAILABLE = AVAILABLE",
            "page_size": "200",
            "overlap_minutes": "5",
            field: value,
        }
    )

    assert list(form.errors) == [field]
    assert advice in str(form.errors[field])
