"""The REST server of Kepware's IoT Gateway, by answers in the shapes that are known of it; it was never run."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import responses
from requests import PreparedRequest

from connectors.adapters.opcua_rest.adapter import OpcUaRestAdapter
from connectors.contracts.alarm_acknowledgement import AlarmAcknowledgement
from connectors.contracts.reading import Quality, Reading
from connectors.contracts.signal import Signal, SignalKind
from connectors.protocols.adapter import Mode, Page, SourceStream
from connectors.protocols.errors import BadConfig, BadRecord, CannotListen, ContractBroken
from tests.connectors.adapters.wire import build

BASE = "https://kepware.example:39320"
DEVICE = "nsu=KEPServerEX;s=Substation12.CB-0301"
SIGNALS = SourceStream(name="signals", contract="signal/1")
READINGS = SourceStream(name="readings", contract="reading/1")
ALARMS = SourceStream(name="alarms", contract="alarm/1")

Answer = tuple[int, dict[str, str], str]


class Kepware:
    """Tags and what is read of them, which a test may change; `asked` are the tags of each read."""

    def __init__(self, wire: responses.RequestsMock) -> None:
        self.tags: dict[str, dict[str, Any]] = {
            "Substation12.CB-0301.POS": {"s": True, "r": "", "v": 2, "t": 1608117831416},
            "Substation12.CB-0301.P": {"s": True, "r": "", "v": 7.25, "t": 1608117831416},
            "Substation12.CB-0301.U": {"s": False, "r": "Bad_NotConnected", "v": 0, "t": 1608117831000},
            "Substation12._System._Error": {"s": True, "r": "", "v": False, "t": 1608117831416},
        }
        self.browse: dict[str, Any] = {"succeeded": True, "reason": ""}
        self.asked: list[list[str]] = []
        wire.add_callback("GET", f"{BASE}/iotgateway/browse", self._browse)
        wire.add_callback("POST", f"{BASE}/iotgateway/read", self._read)

    def _browse(self, request: PreparedRequest) -> Answer:
        return 200, {}, json.dumps({"browseResults": [{"id": tag} for tag in self.tags], **self.browse})

    def _read(self, request: PreparedRequest) -> Answer:
        asked = json.loads(request.body or "")
        self.asked.append(asked)
        told = [{"id": tag, **self.tags[tag]} for tag in reversed(asked) if tag in self.tags]
        return 200, {"Date": "Wed, 16 Dec 2020 11:23:52 GMT"}, json.dumps({"readResults": told})


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def kepware(wire: responses.RequestsMock) -> Kepware:
    return Kepware(wire)


def gateway(**changes: Any) -> OpcUaRestAdapter:
    settings = {
        "dialect": "KEPWARE",
        "base_url": BASE,
        "sign_in": "BASIC",
        "username": "reader",
        "password": "secret-word",
        "element_pattern": r"\.([^.;]+)\.[^.]+$",
        **changes,
    }
    adapter: OpcUaRestAdapter = build(OpcUaRestAdapter, **settings)
    return adapter


def read(adapter: OpcUaRestAdapter, stream: SourceStream) -> list[Page]:
    return list(adapter.fetch(stream, cursor=None, mode=Mode.FULL))


def records(adapter: OpcUaRestAdapter, stream: SourceStream, pages: list[Page]) -> list[Any]:
    return [adapter.parse(raw, stream) for page in pages for raw in page.records]


@pytest.mark.parametrize("address", [BASE, f"{BASE}/", f"{BASE}/iotgateway"])
def test_it_says_what_it_is_and_what_it_cannot(kepware: Kepware, address: str) -> None:
    probe = gateway(base_url=address).probe()

    assert probe.summary == "Kepware's IoT Gateway answers, with 3 nodes below the start node."
    assert probe.findings == (
        "Kepware's IoT Gateway knows neither alarms nor changes: signals are read, and their values are polled.",
    )


def test_it_offers_signals_and_values_that_are_polled() -> None:
    assert [(one.contract, one.modes) for one in gateway().discover()] == [
        ("signal/1", (Mode.FULL,)),
        ("reading/1", (Mode.FULL, Mode.INCREMENTAL)),
    ]


def test_tags_are_signals_named_as_its_opc_ua_server_names_them(kepware: Kepware) -> None:
    adapter = gateway()

    pages = read(adapter, SIGNALS)

    assert pages[-1].complete
    assert records(adapter, SIGNALS, pages) == [
        Signal(external_id=f"{DEVICE}.P", name="Substation12.CB-0301.P", element="CB-0301"),
        Signal(
            external_id=f"{DEVICE}.POS",
            name="Substation12.CB-0301.POS",
            kind=SignalKind.SWITCH_POSITION,
            element="CB-0301",
        ),
        Signal(external_id=f"{DEVICE}.U", name="Substation12.CB-0301.U", element="CB-0301"),
    ]


def test_values_are_told_apart_by_name_and_not_by_place(kepware: Kepware) -> None:
    adapter = gateway()

    power, position, voltage = records(adapter, READINGS, read(adapter, READINGS))

    assert power == Reading(
        external_id=f"{DEVICE}.P",
        signal=f"{DEVICE}.P",
        source_time=datetime(2020, 12, 16, 11, 23, 51, 416_000, tzinfo=UTC),
        value=7.25,
    )
    assert (position.state, position.quality) == ("CLOSED", Quality.GOOD)
    assert (voltage.value, voltage.quality, voltage.reason) == (None, Quality.BAD, "BadNotConnected")
    assert kepware.asked == [["Substation12.CB-0301.P", "Substation12.CB-0301.POS", "Substation12.CB-0301.U"]]


@pytest.mark.parametrize("reason", ["", None, "the device is asleep", "Good"])
def test_a_reason_that_names_no_status_is_just_bad(kepware: Kepware, reason: str | None) -> None:
    kepware.tags = {"Substation12.CB-0301.U": {"s": False, "r": reason, "v": 1, "t": 1608117831416}}
    adapter = gateway()

    [voltage] = records(adapter, READINGS, read(adapter, READINGS))

    assert (voltage.value, voltage.quality, voltage.reason) == (None, Quality.BAD, "Bad")


def test_a_tag_that_is_not_mentioned_is_a_bad_reading_and_no_silence(kepware: Kepware) -> None:
    adapter = gateway()
    cursor = read(adapter, READINGS)[-1].cursor
    del kepware.tags["Substation12.CB-0301.P"]

    pages = list(adapter.fetch(READINGS, cursor=cursor, mode=Mode.INCREMENTAL))

    power = records(adapter, READINGS, pages)[0]
    assert (power.quality, power.reason) == (Quality.BAD, "BadNodeIdUnknown")
    assert power.source_time == datetime(2020, 12, 16, 11, 23, 52, tzinfo=UTC)


@pytest.mark.parametrize("moment", ["soon", True, 10**30, [1]])
def test_a_moment_that_is_none_is_set_aside(kepware: Kepware, moment: Any) -> None:
    kepware.tags["Substation12.CB-0301.P"]["t"] = moment
    adapter = gateway()

    [page] = read(adapter, READINGS)

    with pytest.raises(BadRecord):
        adapter.parse(page.records[0], READINGS)
    assert adapter.parse(page.records[1], READINGS) is not None


def test_it_is_read_below_a_device(kepware: Kepware) -> None:
    kepware.tags["Substation13.CB-0401.POS"] = {"s": True, "v": 1, "t": 1608117831416}
    adapter = gateway(start_node="nsu=KEPServerEX;s=Substation13")

    [one] = records(adapter, SIGNALS, read(adapter, SIGNALS))

    assert one.external_id == "nsu=KEPServerEX;s=Substation13.CB-0401.POS"


def test_a_device_that_is_not_there_is_a_wrong_setting(kepware: Kepware) -> None:
    with pytest.raises(BadConfig, match="BadNodeIdUnknown") as refused:
        read(gateway(start_node="nsu=KEPServerEX;s=Substation1"), SIGNALS)

    assert refused.value.field == "start_node"


def test_no_tags_at_all_prove_nothing(kepware: Kepware) -> None:
    kepware.tags.clear()

    [page] = read(gateway(), SIGNALS)

    assert (page.complete, page.incomplete_reason) == (
        False,
        "No variable was found below i=85, which proves nothing.",
    )


def test_a_refusal_to_list_is_told_without_our_secrets(kepware: Kepware) -> None:
    kepware.browse = {"succeeded": False, "reason": "reader:secret-word may not browse"}

    with pytest.raises(BadConfig, match="did not list its tags: ") as refused:
        gateway().probe()

    assert "secret-word" not in str(refused.value)


@pytest.mark.parametrize("answer", [{}, {"browseResults": {}}, {"browseResults": [{"name": "A"}]}, []])
def test_an_answer_of_another_shape_breaks_the_contract(wire: responses.RequestsMock, answer: Any) -> None:
    wire.get(f"{BASE}/iotgateway/browse", json=answer)

    with pytest.raises(ContractBroken):
        gateway().probe()


def test_an_address_without_it_is_a_wrong_setting(wire: responses.RequestsMock) -> None:
    wire.get(f"{BASE}/iotgateway/browse", status=404)

    with pytest.raises(BadConfig, match="no REST server of Kepware's IoT Gateway") as refused:
        gateway().probe()

    assert refused.value.field == "base_url"


def test_what_it_cannot_it_refuses_in_words(kepware: Kepware) -> None:
    adapter = gateway()
    seen = AlarmAcknowledgement(condition="i=1", branch="", event_id="AAAA", comment="", acknowledged_by="me")

    with pytest.raises(CannotListen, match="Kepware's IoT Gateway tells of no changes by itself"):
        next(adapter.listen(READINGS, cursor=None))
    with pytest.raises(BadConfig, match="offers signals and their present values, and nothing for"):
        read(adapter, ALARMS)
    with pytest.raises(BadConfig, match="nothing for reading the server's clock"):
        read(adapter, SourceStream(name="readings", contract="reading/1", options={"values": "HISTORY"}))
    with pytest.raises(BadConfig, match="nothing for acknowledging the alarm"):
        adapter.deliver(seen)
