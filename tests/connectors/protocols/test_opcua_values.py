"""The JSON of OPC UA, as others wrote it and as we read it."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.protocols.opcua.status import GOOD, StatusCode
from connectors.protocols.opcua.values import (
    NEVER,
    DataValue,
    ExtensionObject,
    LocalizedText,
    read_byte_string,
    read_data_value,
    read_date_time,
    read_enumeration,
    read_extension_object,
    read_localized_text,
    read_moment,
    read_qualified_name,
    read_variant,
    write_byte_string,
    write_date_time,
)

PAYLOADS = Path(__file__).parent.parent / "payloads" / "opcua"
AT = datetime(2026, 11, 22, 1, 15, 2, 118_000, tzinfo=UTC)

NODE_OPCUA: dict[str, dict[str, Any]] = json.loads((PAYLOADS / "node-opcua-json.json").read_text())
VALUES: dict[str, Any] = {
    "double": 7.25,
    "double of zero": 0.0,
    "false": False,
    "true": True,
    "int32": -3,
    "int32 of zero": 0,
    "int64": 4_000_000_000,
    "uint64": 4_294_967_298,
    "string": "Leitung",
    "datetime": AT,
    "bytes": bytes.fromhex("abcdef1234567890"),
    "nodeid": "nsu=urn:utility:scada;s=SW-10770.Trip",
    "numeric nodeid": "i=10751",
    "localized text": LocalizedText("Aktiv", "de"),
    "status code": StatusCode(0x809B0000),
    "uncertain": 2,
    "array": [1.5, 0.0, 2.0],
}
STATUSES = {"uncertain": 0x40900000, "bad": 0x808C0000, "null": 0x80340000}


def load(name: str) -> Any:
    return json.loads((PAYLOADS / f"uanet-verbose-{name}.json").read_text())


@pytest.mark.parametrize("encoding", ["compact", "verbose"])
@pytest.mark.parametrize("name", VALUES)
def test_what_node_opcua_writes_in_today_s_encodings_is_read_with_its_type(name: str, encoding: str) -> None:
    read = read_data_value(NODE_OPCUA[name][encoding])

    assert read.value == VALUES[name]
    assert type(read.value) is type(VALUES[name])
    assert read.status == STATUSES.get(name, 0)
    assert read.source_timestamp == AT


@pytest.mark.parametrize("name", VALUES)
def test_what_node_opcua_writes_in_the_reversible_encoding_of_1_04_is_read_with_its_type(name: str) -> None:
    read = read_data_value(NODE_OPCUA[name]["reversible"])

    # Only the server's table says what namespace index 2 is.
    expected = "ns=2;s=SW-10770.Trip" if name == "nodeid" else VALUES[name]
    assert read.value == expected
    assert type(read.value) is type(expected)
    assert read.status == STATUSES.get(name, 0)


@pytest.mark.parametrize("name", ["double", "double of zero", "false", "true", "int32", "string", "array"])
def test_plain_values_of_the_non_reversible_encoding_are_read(name: str) -> None:
    assert read_data_value(NODE_OPCUA[name]["nonreversible"]).value == VALUES[name]


@pytest.mark.parametrize("encoding", ["compact", "verbose", "reversible", "nonreversible"])
@pytest.mark.parametrize("name", ["bad", "null"])
def test_a_bad_status_is_found_in_every_encoding(name: str, encoding: str) -> None:
    read = read_data_value(NODE_OPCUA[name][encoding])

    assert read.status == STATUSES[name]
    assert read.status.is_bad


def test_a_bad_value_that_is_left_out_is_not_taken_for_a_zero() -> None:
    assert read_data_value(NODE_OPCUA["bad"]["compact"]).value is None


def test_the_dot_net_stack_s_answer_to_a_read_is_read() -> None:
    results = load("readresponse")["UaBody"]["Results"]

    text, lost, octets, byte = map(read_data_value, results)

    assert text == DataValue(
        value="Hello World",
        source_timestamp=datetime(2026, 6, 9, 10, 4, 56, 92_550, tzinfo=UTC),
        server_timestamp=datetime(2026, 6, 9, 10, 3, 56, 92_550, tzinfo=UTC),
    )
    assert (lost.value, lost.status.symbol) == (12_345_678, "BadDataLost")
    assert octets.value == bytes(range(7))[0:7]
    assert (byte.value, byte.status) == (42, GOOD)


def test_the_dot_net_stack_s_other_samples_are_read() -> None:
    assert read_qualified_name(load("qualifiedname")["Value"]) == "Temperature"
    assert read_localized_text(load("localizedtext")["Value"]) == LocalizedText("Hello World", "en-US")
    assert read_variant(load("variant")["Value"]) == LocalizedText("Hello World", "en-US")
    assert read_data_value(load("datavalue")["Value"]).value == "Temperature"
    assert read_extension_object(load("extensionobject")["Value"]) == ExtensionObject(
        "i=626", {"NodeId": "i=2253", "AttributeId": 13, "IndexRange": None, "DataEncoding": None}
    )


@pytest.mark.parametrize("member", ["Status", "StatusCode"])
def test_the_status_is_read_by_either_of_its_names(member: str) -> None:
    assert read_data_value({"UaType": 11, "Value": 1.0, member: {"Code": 0x808C0000}}).status.is_bad


@pytest.mark.parametrize(("one", "other"), [("Status", "StatusCode"), ("StatusCode", "Status")])
def test_the_worse_of_two_statuses_counts(one: str, other: str) -> None:
    raw = {"UaType": 11, "Value": 1.0, one: {"Code": 0x40900000}, other: {"Code": 0x80340000}}

    assert read_data_value(raw).status.symbol == "BadNodeIdUnknown"


@pytest.mark.parametrize("good", [None, {}, 0, "0", "Good", {"Code": 0}, {"Code": 0, "Symbol": "Good"}])
def test_good_is_written_in_many_ways(good: Any) -> None:
    assert read_data_value({"UaType": 1, "Value": True, "Status": good}).status == GOOD


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-11-20T10:00:01Z", datetime(2026, 11, 20, 10, 0, 1, tzinfo=UTC)),
        ("2026-11-20T10:00:01.4Z", datetime(2026, 11, 20, 10, 0, 1, 400_000, tzinfo=UTC)),
        ("2026-11-20T10:00:00.1234567Z", datetime(2026, 11, 20, 10, 0, 0, 123_456, tzinfo=UTC)),
        ("2000-01-23T04:56:07.000+00:00", datetime(2000, 1, 23, 4, 56, 7, tzinfo=UTC)),
        ("2026-11-22T02:15:00+01:00", datetime(2026, 11, 22, 1, 15, tzinfo=UTC)),
        ("2026-11-22T01:15:00", datetime(2026, 11, 22, 1, 15, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("1601-01-01T00:00:00Z", None),
        ("", None),
        (None, None),
        ("9999-12-31T23:59:59Z", NEVER),
        ("9999-12-31T23:59:59.9999999Z", NEVER),
    ],
)
def test_times_have_up_to_seven_digits_and_two_values_that_mean_none(
    written: str | None, moment: datetime | None
) -> None:
    assert read_date_time(written) == moment


def test_never_is_no_moment() -> None:
    assert read_moment("9999-12-31T23:59:59Z") is None


@pytest.mark.parametrize("wrong", ["2026-11-20", "yesterday", "2026-13-01T00:00:00Z", 1_608_117_831_416, True])
def test_what_is_no_time_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"DateTime|isoformat|month"):
        read_date_time(wrong)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ({"UaType": 11, "Value": "NaN"}, "nan"),
        ({"UaType": 11, "Value": "Infinity"}, "inf"),
        ({"UaType": 11, "Value": "-Infinity"}, "-inf"),
    ],
)
def test_numbers_that_json_lacks_are_text(raw: Any, value: str) -> None:
    assert str(read_variant(raw)) == value


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ({}, None),
        (None, None),
        ({"UaType": 0}, None),
        ({"UaType": 1}, False),
        ({"UaType": 5}, 0),
        ({"UaType": 11}, 0.0),
        ({"UaType": 12}, None),
        ({"UaType": 17}, None),
        ({"UaType": 17, "Value": "i=0"}, None),
        ({"UaType": 19}, GOOD),
        ({"UaType": 6, "Value": [1, None, 3]}, [1, 0, 3]),
        ({"UaType": 6, "Dimensions": [0, 0]}, []),
        ({"UaType": 6, "UaDimensions": [0, 0]}, []),
        ({"UaType": 24, "Value": {"UaType": 10, "Value": 1.5}}, 1.5),
        ({"UaType": 23, "Value": {"UaType": 10, "Value": 1.5}}, DataValue(value=1.5)),
    ],
)
def test_what_is_left_out_is_the_type_s_default(raw: Any, value: Any) -> None:
    assert read_variant(raw) == value


@pytest.mark.parametrize(
    "raw",
    [
        {"UaType": 1, "Value": 1},
        {"UaType": 6, "Value": "two"},
        {"UaType": 6, "Value": 1.5},
        {"UaType": 11, "Value": True},
        {"UaType": 12, "Value": 12},
        {"UaType": 15, "Value": "not base64!"},
        {"UaType": 17, "Value": "SW-1"},
        {"UaType": 26, "Value": 1},
        {"UaType": "Double", "Value": 1},
    ],
)
def test_a_value_that_is_not_of_its_type_is_refused(raw: Any) -> None:
    with pytest.raises(ValueError, match=r"not|invalid|base64"):
        read_variant(raw)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("MW", "MW"),
        ("2:MW", "MW"),
        ("nsu=urn:utility:scada;MW", "MW"),
        ({"Name": "MW", "Uri": 2}, "MW"),
        ("EURange: high", "EURange: high"),
        ({}, ""),
        (None, ""),
    ],
)
def test_a_qualified_name_is_its_name(raw: Any, name: str) -> None:
    assert read_qualified_name(raw) == name


@pytest.mark.parametrize(
    "raw",
    [
        {"UaTypeId": "i=887", "UnitId": 4_937_556},
        {"UaTypeId": "i=887", "UaBody": {"UnitId": 4_937_556}},
        {"TypeId": {"Id": 887}, "Body": {"UnitId": 4_937_556}},
    ],
)
def test_a_structure_is_read_in_its_three_forms(raw: Any) -> None:
    assert read_extension_object(raw) == ExtensionObject("i=887", {"UnitId": 4_937_556})


@pytest.mark.parametrize(("raw", "number"), [(2, 2), ("Variable_2", 2), ("Some_Name_12", 12), (None, 0)])
def test_an_enumeration_is_its_number(raw: Any, number: int) -> None:
    assert read_enumeration(raw) == number


@pytest.mark.parametrize("raw", ["Variable", True, 1.5, ""])
def test_an_enumeration_without_a_number_is_refused(raw: Any) -> None:
    with pytest.raises(ValueError, match="not an enumeration"):
        read_enumeration(raw)


ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1602, 1, 1), datetime(9998, 12, 31), timezones=ZONES)  # noqa: DTZ001 - hypothesis adds the zone


@given(MOMENTS)
def test_a_moment_survives_being_written(moment: datetime) -> None:
    assert read_date_time(write_date_time(moment)) == moment


@given(st.binary())
def test_octets_survive_being_written(octets: bytes) -> None:
    assert read_byte_string(write_byte_string(octets)) == octets


@given(st.integers(-(2**63), 2**64 - 1))
def test_integers_of_64_bits_survive_as_text_and_as_numbers(number: int) -> None:
    assert read_variant({"UaType": 8, "Value": str(number)}) == number
    assert read_variant({"UaType": 8, "Value": number}) == number


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "UaType",
                    "Value",
                    "Type",
                    "Body",
                    "Status",
                    "StatusCode",
                    "SourceTimestamp",
                    "Id",
                    "Code",
                    "x",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_whatever_json_comes_it_is_read_or_refused_with_a_reason(raw: Any) -> None:
    try:
        read = read_data_value(raw)
    except ValueError:
        return  # every refusal is a ValueError

    assert isinstance(read, DataValue)


@pytest.mark.parametrize(
    "raw",
    [
        {"UaType": 11, "Value": 10**400},
        {"UaType": 13, "Value": "9999-12-30T23:59:59-24:00"},
    ],
)
def test_what_no_number_and_no_clock_can_hold_is_refused(raw: Any) -> None:
    with pytest.raises(ValueError, match=r"large|range|offset"):
        read_variant(raw)
