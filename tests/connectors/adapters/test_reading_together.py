"""Records that are read together are read as each would be by itself, and one that is bad does not spoil the others."""

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.adapters.opcua_rest.adapter import OpcUaRestAdapter
from connectors.adapters.pi_web_api.adapter import PiWebApiAdapter
from connectors.contracts.reading import Quality, Reading
from connectors.protocols.adapter import Adapter, SourceStream
from connectors.services.pages import read_page
from tests.connectors.adapters.wire import build

VALUES = SourceStream(name="\\\\AF\\Grid", contract="reading/1")
FEEDER, SWITCH = "\\\\AF\\Grid\\FDR03|MW", "\\\\AF\\Grid\\SW-1|Position"
AT = "2026-11-20T10:00:00.2475269Z"
MOMENT = datetime(2026, 11, 20, 10, 0, 0, 247_526, tzinfo=UTC)
NODE = "nsu=urn:utility:scada;s=BAY-1.MW"


def historian() -> Adapter:
    adapter: Adapter = build(PiWebApiAdapter, base_url="https://pi.example/piwebapi")
    return adapter


def gateway() -> Adapter:
    adapter: Adapter = build(OpcUaRestAdapter, base_url="https://gateway.example/opcua")
    return adapter


def recorded(value: Any = 7.25, *, path: Any = FEEDER, **changes: Any) -> dict[str, Any]:
    return {"Path": path, "Value": {"Timestamp": AT, "Value": value, "Good": True, **changes}}


def present(value: Any = 7.25, *, node: Any = NODE, **changes: Any) -> dict[str, Any]:
    data = {"UaType": 11, "Value": value, "SourceTimestamp": AT, **changes}
    return {"NodeId": node, "DataValue": data, "At": "2026-11-20T10:00:01Z"}


PI_ODDITIES = [
    recorded(),
    recorded(8),
    recorded(Good=False),
    recorded(Questionable=True),
    recorded(Errors=["no such unit"]),
    recorded({"Name": "Shutdown", "Value": 254, "IsSystem": True}),
    recorded(Timestamp="2026-11-20T10:00:00"),
    recorded(1.0, path=SWITCH),
    {"Path": FEEDER, "Refusal": "gone", "At": AT},
]
OPCUA_ODDITIES = [
    present(),
    present(8),
    present("NaN"),
    present(UaType=10),
    present("Running", UaType=12),
    present(StatusCode={"Code": 0x80310000}),
    present(Status=0x40000000),
    present(SourceTimestamp="9999-12-31T23:59:59Z"),
    present(SourceTimestamp="0001-01-01T00:00:00Z"),
    present(SourceTimestamp="2026-11-20T12:00:00+02:00"),
    {"NodeId": NODE, "DataValue": 7.25, "At": "2026-11-20T10:00:01Z"},
]


@pytest.mark.parametrize(("adapter", "raw"), [(historian(), PI_ODDITIES), (gateway(), OPCUA_ODDITIES)])
def test_a_page_is_read_as_each_of_its_records_is(adapter: Adapter, raw: list[Any]) -> None:
    page = read_page(adapter.reader(VALUES), raw)

    assert page.records == [adapter.parse(one, VALUES) for one in raw]
    assert page.indexes == list(range(len(raw)))
    assert page.rejections == []


@pytest.mark.parametrize(("adapter", "plain", "signal"), [(historian(), recorded, FEEDER), (gateway(), present, NODE)])
def test_a_plain_value_is_a_good_reading(adapter: Adapter, plain: Any, signal: str) -> None:
    page = read_page(adapter.reader(VALUES), [plain()])

    assert page.records == [
        Reading(external_id=signal, signal=signal, source_time=MOMENT, value=7.25, quality=Quality.GOOD)
    ]


@pytest.mark.parametrize(
    ("adapter", "raw", "reason"),
    [
        (historian(), recorded(Timestamp="yesterday"), "Invalid isoformat string: 'yesterday'"),
        (historian(), recorded(path=7), "it has no path"),
        (historian(), "no object", "It is no object"),
        (gateway(), present(SourceTimestamp="2026-11-20 10:00:00Z"), "'2026-11-20 10:00:00Z' is not a DateTime"),
        (gateway(), present(node=7), "It names no node"),
        (gateway(), present(UaType=99), "99 is not a type of OPC UA"),
    ],
)
def test_a_bad_record_is_set_aside_alone(adapter: Adapter, raw: Any, reason: str) -> None:
    good = recorded() if isinstance(adapter, PiWebApiAdapter) else present()

    page = read_page(adapter.reader(VALUES), [good, raw, good])

    assert [(one.index, one.reason) for one in page.rejections] == [(1, reason)]
    assert page.records == [adapter.parse(good, VALUES)] * 2
    assert page.indexes == [0, 2]


@pytest.mark.parametrize("text", ["half a pair \ud800", "a nul \0"])
def test_a_reading_whose_words_no_database_keeps_is_set_aside_alone(text: str) -> None:
    words = [present("Running", UaType=12), present(text, UaType=12)]

    page = read_page(gateway().reader(VALUES), words)

    assert [one.index for one in page.rejections] == [1]
    assert [record.external_id for record in page.records] == [NODE]
