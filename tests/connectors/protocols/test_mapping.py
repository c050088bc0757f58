"""Mapping of a source's records to a contract: paths, units, words, defaults, and the form that holds them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.http import QueryDict

from connectors.contracts.network_element import ElementKind, NetworkElement
from connectors.contracts.service_point import ServicePoint
from connectors.protocols.errors import BadRecord
from connectors.protocols.expressions import compiled, finder
from connectors.protocols.mapping import Row, faults_of, mapper, rows_of
from connectors.protocols.mapping_form import MappingField, everything_from, text_of

ELEMENT = {
    "external_id": "id",
    "kind": {"path": "type", "words": {"CB": "BREAKER", "null": "LINE"}},
    "terminals": "ends",
    "nominal_voltage_v": {"path": "kv", "unit": "kV"},
    "name": {"path": "label.text", "default": "Without a name"},
}


def element(**raw: Any) -> NetworkElement:
    given = {"id": 7, "type": "CB", "ends": ["N-1", "N-2"], **raw}
    return mapper(rows_of(ELEMENT), NetworkElement, zone=UTC)(given)


def test_a_record_is_mapped_by_path_unit_words_and_default() -> None:
    assert element(kv=20, label={"text": "SW 1"}) == NetworkElement(
        external_id="7", kind=ElementKind.BREAKER, terminals=("N-1", "N-2"), nominal_voltage_v=20_000.0, name="SW 1"
    )


@pytest.mark.parametrize("label", [None, {}, {"text": ""}, {"text": None}, "not an object"])
def test_the_default_stands_where_the_source_has_nothing(label: Any) -> None:
    assert element(label=label).name == "Without a name"


def test_what_the_source_leaves_out_has_a_word_too() -> None:
    assert element(type=None).kind is ElementKind.LINE


@pytest.mark.parametrize("kv", ["twenty", True, {"kv": 20}])
def test_what_is_no_number_has_no_unit(kv: Any) -> None:
    with pytest.raises(BadRecord, match="it is no number") as caught:
        element(kv=kv)

    assert (caught.value.external_id, caught.value.path) == ("7", "nominal_voltage_v")


@pytest.mark.parametrize("kv", ["20", "20.0", 20.0])
def test_a_number_may_be_written_as_text(kv: Any) -> None:
    assert element(kv=kv).nominal_voltage_v == 20_000.0


def test_a_default_is_as_the_contract_has_it() -> None:
    rows = rows_of({"external_id": "id", "source_time": {"default": "2026-11-24T02:15:00Z"}})

    assert mapper(rows, ServicePoint, zone=UTC)({"id": "SP-1"}) == ServicePoint(
        external_id="SP-1", source_time=datetime(2026, 11, 24, 2, 15, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    "raw",
    [{}, {"a": None}, {"a": {"b": 0}}, {"a": {"b": {"c": "x"}}}, {"a": [{"b": 1}]}, {"a": "text"}, [], "text", 1, None],
)
@pytest.mark.parametrize("path", ["a", "a.b", "a.b.c"])
def test_a_plain_path_finds_what_jmespath_finds(path: str, raw: Any) -> None:
    assert finder(path)(raw) == compiled(path).search(raw)


def test_faults_say_what_to_do() -> None:
    rows = {"external_id": Row(path="id"), "kind": Row(), "nominal_voltage_v": Row(path="kv", unit="hp")}

    assert faults_of(rows, NetworkElement) == [
        "“kind” has neither a path nor a default. Give it one, or leave the row empty.",
        "“nominal_voltage_v” cannot be in hp. Use one of V, kV, MV.",
        "A row is missing for: terminals.",
    ]


def field_for(contract: str | None) -> Any:
    field = MappingField(label="Fields")
    field.is_for(contract)
    return field


def test_text_an_object_and_the_table_come_to_the_same() -> None:
    stored: dict[str, dict[str, Any]] = {
        "external_id": {"path": "id"},
        "priority": {"path": "class", "words": {"VIP": "CRITICAL"}, "default": "NORMAL"},
    }
    text = "external_id = id\npriority = class\npriority.default = NORMAL\npriority: VIP = CRITICAL"
    table = QueryDict(mutable=True)
    table.update(
        {
            "mapping-external_id-path": "id",
            "mapping-name-path": "",
            "mapping-priority-path": " class ",
            "mapping-priority-words": "VIP = CRITICAL",
            "mapping-priority-default": "NORMAL",
        }
    )
    field = field_for("service-point/1")

    assert field.clean(text) == field.clean(stored) == stored
    assert field.clean(field.widget.value_from_datadict(table, {}, "mapping")) == stored
    assert text_of(stored) == text


def test_the_table_has_a_row_for_each_field_of_the_contract() -> None:
    page = field_for("network-element/1").widget.render("mapping", {"nominal_voltage_v": {"path": "kv", "unit": "kV"}})

    assert 'name="mapping-nominal_voltage_v-path" value="kv"' in page
    assert "<option selected>kV</option>" in page
    assert 'name="mapping-nominal_voltage_v-words"' in page
    assert 'name="mapping-terminals-path" value=""' in page
    assert 'name="mapping-terminals-unit"' not in page


def test_without_a_contract_the_rows_are_text() -> None:
    page = field_for(None).widget.render("mapping", {"external_id": "id"})

    assert ">external_id = id</textarea>" in page


def test_any_record_passes_a_mapping_for_looking_at_it() -> None:
    assert faults_of(rows_of(everything_from("service-point/1")), ServicePoint) == []
