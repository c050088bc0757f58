"""A source that pushes; the lines are those of the field tablets."""

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.adapters.push import PushAdapter, PushForm
from connectors.contracts.alarm import Alarm, AlarmCategory
from connectors.contracts.reading import Reading
from connectors.contracts.restoration_estimate import EstimateConfidence, RestorationEstimate
from connectors.protocols.adapter import Mode, SourceStream
from connectors.protocols.egress import EgressPolicy
from connectors.protocols.errors import BadConfig, BadRecord
from connectors.protocols.http import HttpSession

ESTIMATE = {
    "external_id": "EST-SW-10770-1",
    "source_time": "2026-11-22T01:15:02.118000+00:00",
    "element": "SW-10770",
    "work_order": "WO20001",
    "estimated_at": "2026-11-22T03:00:00+00:00",
    "confidence": "LOW",
    "note": "First estimate, crew not on site yet.",
}


def adapter_for(*contracts: str) -> PushAdapter:
    form = PushForm({"contracts": contracts})
    assert form.is_valid(), form.errors
    http = HttpSession(egress=EgressPolicy(), now=lambda: datetime(2026, 11, 22, tzinfo=UTC))
    return PushAdapter(form.cleaned_data, http)


def stream(contract: str) -> SourceStream:
    return SourceStream(name=contract.partition("/")[0], contract=contract)


def test_an_estimate_of_the_field_tablets_is_read() -> None:
    record = adapter_for("restoration-estimate/1").parse(ESTIMATE, stream("restoration-estimate/1"))

    assert record == RestorationEstimate(
        external_id="EST-SW-10770-1",
        source_time=datetime(2026, 11, 22, 1, 15, 2, 118_000, tzinfo=UTC),
        element="SW-10770",
        work_order="WO20001",
        estimated_at=datetime(2026, 11, 22, 3, tzinfo=UTC),
        confidence=EstimateConfidence.LOW,
        note="First estimate, crew not on site yet.",
    )


def test_readings_and_alarms_are_read() -> None:
    source = adapter_for("reading/1", "alarm/1")

    reading = source.parse(
        {"external_id": "S-1", "signal": "S-1", "source_time": "2026-11-22T01:15:00Z", "value": 7},
        stream("reading/1"),
    )
    alarm = source.parse(
        {
            "external_id": "C-1",
            "condition": "C-1",
            "event_id": "E-1",
            "source_time": "2026-11-22T01:15:00Z",
            "category": "TRIP",
            "severity": 900,
            "active": True,
            "acknowledged": False,
        },
        stream("alarm/1"),
    )

    assert isinstance(reading, Reading)
    assert reading.value == 7.0
    assert isinstance(alarm, Alarm)
    assert alarm.category is AlarmCategory.TRIP


@pytest.mark.parametrize(
    ("raw", "path", "message"),
    [
        ([], "", "a record is a JSON object"),
        ("SW-1", "", "a record is a JSON object"),
        ({}, "external_id", "external_id is missing"),
        (ESTIMATE | {"estimated_at": "soon"}, "estimated_at", "Invalid RFC3339 encoded datetime"),
        (ESTIMATE | {"confidence": "SURE"}, "confidence", "Invalid enum value 'SURE'"),
        (ESTIMATE | {"element": None, "work_order": ""}, "", "name the element or the work order"),
        (ESTIMATE | {"note": "x" * 5_000}, "note", "Expected `str` of length <= 4000"),
    ],
)
def test_a_line_that_does_not_fit_is_set_aside_with_the_reason(raw: Any, path: str, message: str) -> None:
    with pytest.raises(BadRecord) as caught:
        adapter_for("restoration-estimate/1").parse(raw, stream("restoration-estimate/1"))

    assert caught.value.path == path
    assert message in str(caught.value)


def test_each_chosen_contract_is_a_stream_of_events() -> None:
    found = list(adapter_for("restoration-estimate/1", "reading/1").discover())

    assert [(one.name, one.contract, one.label, one.modes) for one in found] == [
        ("restoration-estimate", "restoration-estimate/1", "Restoration estimates", (Mode.EVENT,)),
        ("reading", "reading/1", "Readings", (Mode.EVENT,)),
    ]


def test_nothing_is_asked_of_it() -> None:
    source = adapter_for("reading/1")

    assert source.probe().summary == (
        "This source sends its records to us by itself; there is nothing to ask. It may push reading/1."
    )
    with pytest.raises(BadConfig, match="nothing can be fetched"):
        list(source.fetch(stream("reading/1"), cursor=None, mode=Mode.FULL))


def test_a_source_that_may_push_nothing_is_a_wrong_setting() -> None:
    assert PushForm({}).errors == {"contracts": ["Choose at least one kind of record that the source may push."]}
    assert PushForm({"contracts": ["zone/1"]}).errors.keys() == {"contracts"}
