"""Status codes and units."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.protocols.errors import (
    BadConfig,
    ContractBroken,
    SourceError,
    Throttled,
    Unauthorized,
    Unreachable,
)
from connectors.protocols.opcua.status import (
    NotOffered,
    Severity,
    StatusCode,
    TooManyOperations,
    error_for,
    read_status,
    require_good,
)
from connectors.protocols.opcua.units import read_unit, unece_code
from connectors.protocols.opcua.values import ExtensionObject


@pytest.mark.parametrize(
    ("code", "severity", "symbol"),
    [
        (0, Severity.GOOD, "Good"),
        (0x00000480, Severity.GOOD, "Good"),  # with the overflow bit of a DataValue
        (0x00A60000, Severity.GOOD, "GoodMoreData"),
        (0x40900000, Severity.UNCERTAIN, "UncertainLastUsableValue"),
        (0x80340000, Severity.BAD, "BadNodeIdUnknown"),
        (0xC0000000, Severity.BAD, "0xC0000000"),  # reserved
        (0x8FFF0001, Severity.BAD, "0x8FFF0000"),
    ],
)
def test_a_code_tells_its_severity_and_its_name(code: int, severity: Severity, symbol: str) -> None:
    assert StatusCode(code).severity is severity
    assert StatusCode(code).symbol == symbol


@pytest.mark.parametrize(
    "written",
    [
        2_157_641_728,
        "2157641728",
        -2_137_325_568,
        "BadNoData",
        "Bad_NoData",
        {"Code": 2_157_641_728},
        {"Code": 2_157_641_728, "Symbol": "BadNoData"},
        {"Symbol": "BadNoData"},
    ],
)
def test_a_code_is_read_however_it_is_written(written: Any) -> None:
    assert read_status(written).symbol == "BadNoData"


@pytest.mark.parametrize("wrong", ["Splendid", True, 1 << 32, 1.5, [], {"Status": 1}, {"Code": "x"}])
def test_what_is_no_status_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="not a status code"):
        read_status(wrong)


@given(st.integers(0, 0xFFFFFFFF))
def test_every_code_of_32_bits_has_a_severity_and_a_name(code: int) -> None:
    status = read_status(code)

    assert status == code
    assert status.symbol
    assert status.is_good + status.is_bad + (status.severity is Severity.UNCERTAIN) == 1


@pytest.mark.parametrize(
    ("symbol", "reaction"),
    [
        ("BadUserAccessDenied", Unauthorized),
        ("BadIdentityTokenRejected", Unauthorized),
        ("BadServerTooBusy", Throttled),
        ("BadTooManyOperations", TooManyOperations),
        ("BadTimeout", Unreachable),
        ("BadSessionIdInvalid", Unreachable),
        ("BadContinuationPointInvalid", Unreachable),
        ("BadNoContinuationPoints", Unreachable),
        ("BadServiceUnsupported", NotOffered),
        ("BadHistoryOperationUnsupported", NotOffered),
        ("BadNodeIdUnknown", BadConfig),
        ("BadDecodingError", ContractBroken),
        ("BadHistoryOperationInvalid", NotOffered),
    ],
)
def test_a_bad_status_asks_for_its_reaction(symbol: str, reaction: type[SourceError]) -> None:
    error = error_for(read_status(symbol), doing="reading the alarms")

    assert type(error) is reaction
    assert f"answered {symbol} while reading the alarms" in str(error)


def test_a_wrong_setting_blames_its_field() -> None:
    with pytest.raises(BadConfig) as refused:
        require_good(read_status("BadNodeIdUnknown"), doing="browsing", field="start_node")

    assert refused.value.field == "start_node"


@pytest.mark.parametrize("status", ["Good", "GoodNoData", "UncertainLastUsableValue"])
def test_what_is_not_bad_passes(status: str) -> None:
    require_good(read_status(status), doing="reading")


@pytest.mark.parametrize(
    ("unit_id", "code", "ucum"),
    [
        (4_937_556, "KWT", "kW"),
        (4_279_632, "AMP", "A"),
        (5_655_636, "VLT", "V"),
        (4_937_300, "KVT", "kV"),
        (4_740_186, "HTZ", "Hz"),
        (4_408_652, "CEL", "Cel"),
        (20_529, "P1", "%"),
        (4_937_298, "KVR", "kV.A{reactive}"),
    ],
)
def test_a_unit_is_its_ucum_code(unit_id: int, code: str, ucum: str) -> None:
    assert unece_code(unit_id) == code
    assert read_unit(ExtensionObject("i=887", {"UnitId": unit_id, "DisplayName": {"Text": "?"}})) == ucum


def test_a_unit_without_a_code_keeps_its_sign() -> None:
    assert read_unit(ExtensionObject("i=887", {"UnitId": -1, "DisplayName": {"Text": "furlong"}})) == "furlong"


@pytest.mark.parametrize("value", [None, 3, "kW", ExtensionObject("i=887", None), ExtensionObject("i=887", {})])
def test_what_is_no_unit_has_none(value: Any) -> None:
    assert read_unit(value) == ""
