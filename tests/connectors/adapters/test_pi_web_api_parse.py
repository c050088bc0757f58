"""What the PI Web API adapter makes of single records, and of settings."""

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.adapters.pi_web_api.adapter import PiWebApiAdapter
from connectors.adapters.pi_web_api.settings import PiStreamForm, PiWebApiForm
from connectors.contracts.alarm import Alarm, AlarmCategory
from connectors.contracts.reading import Quality, Reading
from connectors.contracts.signal import Signal, SignalKind
from connectors.protocols.adapter import SourceStream
from connectors.protocols.errors import BadRecord
from connectors.protocols.tables import initial_values
from tests.connectors.adapters.wire import build

DATABASE = "\\\\AF1\\Grid"
MW, POS = f"{DATABASE}\\SUB12\\SW-10771|MW", f"{DATABASE}\\SUB12\\SW-10771|POS"
SIGNALS = SourceStream(name=DATABASE, contract="signal/1")
READINGS = SourceStream(name=DATABASE, contract="reading/1")
ALARMS = SourceStream(name=DATABASE, contract="alarm/1", options={"alarm_types": {"Trip": "TRIP"}})
AT = "2026-11-20T10:00:00.2475263Z"


def historian(**changes: Any) -> PiWebApiAdapter:
    adapter: PiWebApiAdapter = build(PiWebApiAdapter, base_url="https://pi.example/piwebapi", **changes)
    return adapter


def reading(value: Any, *, path: str = MW, adapter: PiWebApiAdapter | None = None, **changes: Any) -> Reading:
    timed = {"Timestamp": AT, "Value": value, "Good": True, "Questionable": False, "Substituted": False, **changes}
    record = (adapter or historian()).parse({"Path": path, "Value": timed}, READINGS)
    assert isinstance(record, Reading)
    return record


def state(name: str, value: int, *, is_system: bool = False) -> dict[str, Any]:
    return {"Name": name, "Value": value, "IsSystem": is_system}


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        (AT, datetime(2026, 11, 20, 10, 0, 0, 247_526, tzinfo=UTC)),
        ("2026-11-20T10:00:36Z", datetime(2026, 11, 20, 10, 0, 36, tzinfo=UTC)),
        ("2026-11-20T12:00:00.5+02:00", datetime(2026, 11, 20, 10, 0, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_times_have_up_to_seven_digits(text: str, moment: datetime) -> None:
    assert reading(7.25, Timestamp=text).source_time == moment


@pytest.mark.parametrize(
    ("value", "number", "word"),
    [
        (7.25, 7.25, None),
        (0, 0.0, None),
        (True, 1.0, None),
        ("Running", None, "Running"),
        (state("Running", 3), None, "Running"),
    ],
)
def test_a_good_value_is_a_number_or_a_word(value: Any, number: float | None, word: str | None) -> None:
    read = reading(value)

    assert (read.value, read.state, read.quality, read.reason) == (number, word, Quality.GOOD, "")


@pytest.mark.parametrize(
    ("value", "changes", "reason"),
    [
        (state("Bad Input", 255, is_system=True), {"Good": False}, "Bad Input"),
        (state("Pt Created", 253, is_system=True), {}, "Pt Created"),
        (state("I/O Timeout", 246), {"Good": False}, "I/O Timeout"),
        (12.5, {"Good": False}, "Bad"),
        ("Calc Failed", {"Good": False}, "Calc Failed"),
        ({"Errors": ["PI Point not found"]}, {"Good": False}, "PI Point not found"),
        (None, {"Errors": [{"FieldName": "Value", "Message": ["No access.", "Ask."]}]}, "No access.; Ask."),
        (None, {}, "NoValue"),
        ("NaN", {}, "NotANumber"),
    ],
)
def test_what_is_no_good_keeps_its_reason_and_no_number(value: Any, changes: dict[str, Any], reason: str) -> None:
    read = reading(value, **changes)

    assert (read.value, read.state, read.quality, read.reason) == (None, None, Quality.BAD, reason)


def test_a_questionable_value_is_uncertain_and_a_substituted_one_good() -> None:
    assert (reading(1, Questionable=True).quality, reading(1, Questionable=True).value) == (Quality.UNCERTAIN, 1.0)
    assert (reading(1, Substituted=True).quality, reading(1, Substituted=True).value) == (Quality.GOOD, 1.0)


@pytest.mark.parametrize(
    ("value", "position", "reason"),
    [
        (state("OPEN", 0), "OPEN", ""),
        (state("closed", 1), "CLOSED", ""),
        (state("Travel", 2), "INTERMEDIATE", ""),
        (state("Racked out", 7), None, "FaultyPosition Racked out"),
        ("Open", "OPEN", ""),
        (2, "CLOSED", ""),
        (3.0, None, "FaultyPosition 3"),
    ],
)
def test_positions_are_read_by_name_and_by_number(value: Any, position: str | None, reason: str) -> None:
    adapter = historian(position_states="Open = OPEN\nClosed = CLOSED\nTravel = INTERMEDIATE\n2 = CLOSED")

    read = reading(value, path=POS, adapter=adapter)

    assert (read.state, read.value, read.reason) == (position, None, reason)
    assert read.quality is (Quality.GOOD if position else Quality.BAD)


@pytest.mark.parametrize(
    "value",
    [
        {"Timestamp": AT, "Value": [1, 2], "Good": True},
        {"Timestamp": AT, "Value": {"Something": "else"}, "Good": True},
        {"Timestamp": AT, "Value": "x" * 401, "Good": True},
        {"Timestamp": "yesterday", "Value": 1, "Good": True},
        {"Value": 1, "Good": True},
        "7.25",
    ],
)
def test_a_value_that_is_neither_number_nor_word_is_set_aside_by_its_path(value: Any) -> None:
    with pytest.raises(BadRecord) as raised:
        historian().parse({"Path": MW, "Value": value}, READINGS)

    assert raised.value.external_id == MW


def signal(**raw: Any) -> Signal:
    record = historian().parse({"WebId": "F1AbE", "Path": MW, **raw}, SIGNALS)
    assert isinstance(record, Signal)
    return record


@pytest.mark.parametrize(
    ("unit", "code"), [("MW", "MW"), ("°C", "Cel"), ("Mvar", "MV.A{reactive}"), ("furlong", "furlong"), ("", "")]
)
def test_units_become_ucum_and_unknown_ones_stay(unit: str, code: str) -> None:
    assert signal(DefaultUnitsNameAbbreviation=unit).unit == code
    assert signal(EngineeringUnits=unit).unit == code


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ({"Type": "Double"}, SignalKind.MEASUREMENT),
        ({"Type": "EnumerationValue"}, SignalKind.STATUS),
        ({"PointType": "Digital"}, SignalKind.STATUS),
        ({"PointType": "Float32"}, SignalKind.MEASUREMENT),
        ({"Path": POS, "Type": "Int32"}, SignalKind.SWITCH_POSITION),
    ],
)
def test_kinds_are_told_by_type_and_positions_by_path(raw: dict[str, Any], kind: SignalKind) -> None:
    assert signal(**raw).kind is kind


@pytest.mark.parametrize(
    ("path", "name", "element"),
    [
        (MW, "SW-10771 MW", "SW-10771"),
        (f"{DATABASE}\\SUB12\\SW-10771|Power|MW", "SW-10771 Power MW", "SW-10771"),
        ("\\\\da1.utility.example\\SW-10771.MW", "SW-10771.MW", "SW-10771"),
        ("\\\\DA1\\SINUSOID", "SINUSOID", "SINUSOID"),
    ],
)
def test_names_and_elements_come_from_the_path(path: str, name: str, element: str) -> None:
    found = signal(Path=path)

    assert (found.external_id, found.name, found.element) == (path, name, element)


def test_a_signal_without_a_path_is_set_aside() -> None:
    with pytest.raises(BadRecord, match="no path"):
        historian().parse({"WebId": "F1AbE"}, SIGNALS)


def frame(**changes: Any) -> Alarm:
    raw = {
        "WebId": "F1Fm",
        "Id": "96f9a00e-4d80-471f-0000-00000004b002",
        "Name": "Trip 1",
        "TemplateName": "Trip",
        "StartTime": "2026-11-20T10:00:00Z",
        "EndTime": "9999-12-31T23:59:59Z",
        "Severity": "Critical",
        "CanBeAcknowledged": True,
        "IsAcknowledged": False,
        "Elements": [f"{DATABASE}\\SUB12\\SW-10771"],
        **changes,
    }
    record = historian().parse(raw, ALARMS)
    assert isinstance(record, Alarm)
    return record


def test_a_frame_without_an_end_is_an_active_alarm() -> None:
    alarm = frame()

    assert (alarm.condition, alarm.event_id) == ("96f9a00e-4d80-471f-0000-00000004b002", "F1Fm")
    assert (alarm.active, alarm.acknowledged, alarm.retained) == (True, False, True)
    assert alarm.active_since == alarm.source_time == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert (alarm.category, alarm.severity, alarm.element) == (AlarmCategory.TRIP, 900, "SW-10771")
    assert alarm.message == "Trip 1"


@pytest.mark.parametrize(
    ("changes", "states", "hour"),
    [
        ({"EndTime": "2026-11-20T11:00:00Z"}, (False, False, True), 11),
        ({"EndTime": "2026-11-20T11:00:00Z", "CanBeAcknowledged": False}, (False, True, False), 11),
        ({"IsAcknowledged": True, "AcknowledgedDate": "2026-11-20T12:00:00Z"}, (True, True, True), 12),
        (
            {"EndTime": "2026-11-20T13:00:00Z", "IsAcknowledged": True, "AcknowledgedDate": "2026-11-20T12:00:00Z"},
            (False, True, False),
            13,
        ),
    ],
)
def test_a_frame_leaves_the_list_when_it_has_ended_and_nobody_has_to_see_it(
    changes: dict[str, Any], states: tuple[bool, bool, bool], hour: int
) -> None:
    alarm = frame(**changes)

    assert (alarm.active, alarm.acknowledged, alarm.retained) == states
    assert alarm.source_time == datetime(2026, 11, 20, hour, tzinfo=UTC)


@pytest.mark.parametrize("changes", [{"StartTime": None}, {"StartTime": "soon"}, {"Id": None}, {"WebId": None}])
def test_a_frame_that_lacks_what_an_alarm_needs_is_set_aside(changes: dict[str, Any]) -> None:
    with pytest.raises(BadRecord):
        frame(**changes)


def test_a_frame_of_an_unknown_severity_or_template_is_still_an_alarm() -> None:
    alarm = frame(Severity="Dreadful", TemplateName="Something", Elements=[])

    assert (alarm.severity, alarm.category, alarm.element) == (1, AlarmCategory.OTHER, None)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("element_pattern", "[", "not a regular expression"),
        ("element_pattern", r"\\[^|]+", "in brackets"),
        ("position_pattern", "(", "not a regular expression"),
        ("position_states", "Open = AJAR", "there is no AJAR"),
        ("base_url", "pi.example/piwebapi", "Write a web address"),
        ("values_per_signal", "1", "greater than or equal to 2"),
        ("password", "", "needs this"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(field: str, value: str, said: str) -> None:
    data = {
        "base_url": "https://pi.example/piwebapi",
        "sign_in": "BASIC",
        "username": "u",
        "password": "p",
        field: value,
    }

    form = PiWebApiForm(data)

    assert not form.is_valid()
    assert said in str(form.errors[field])


def test_a_setting_that_begins_at_nothing_has_that_for_a_value() -> None:
    settings = initial_values(PiWebApiForm)

    assert (settings["history_hours"], settings["overlap_seconds"]) == (0, 60)


def test_a_stream_needs_no_settings() -> None:
    assert initial_values(PiStreamForm)["data_references"] == "PI Point"
    assert "there is no BANG" in str(PiStreamForm({"alarm_types": "Trip = BANG"}).errors["alarm_types"])
