"""The manifest: what a program learns of contracts and adapters, and that it can rely on it."""

from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.test import Client
from jsonschema import Draft202012Validator

from connectors import registry
from connectors.adapters.push import PushAdapter
from connectors.dossiers import samples_of
from connectors.form_schemas import schema_of_form
from connectors.protocols.forms import SecretField, secret_names
from connectors.protocols.tables import TableField
from tests.connectors.packages import install, installed

pytestmark = pytest.mark.django_db

ADDRESS = "/registry/manifest"


@pytest.fixture
def manifest(client: Client) -> dict[str, Any]:
    answer = client.get(ADDRESS)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    found: dict[str, Any] = answer.json()
    return found


def adapter_of(manifest: dict[str, Any], kind: str) -> dict[str, Any]:
    adapters: list[dict[str, Any]] = manifest["adapters"]
    (found,) = [one for one in adapters if one["kind"] == kind]
    return found


def test_every_contract_is_there_with_a_schema_that_can_be_fetched(manifest: dict[str, Any], client: Client) -> None:
    contracts = {one["id"]: one for one in manifest["contracts"]}

    assert contracts["alarm/1"] == {
        "id": "alarm/1",
        "name": "alarm",
        "version": "1",
        "direction": "in",
        "namespace": None,
        "schema": "/contracts/alarm/1.json",
    }
    assert contracts["alarm-acknowledgement/1"]["direction"] == "out"
    for one in contracts.values():
        Draft202012Validator.check_schema(client.get(one["schema"]).json())


def test_an_adapter_says_what_it_is_and_does(manifest: dict[str, Any]) -> None:
    told = adapter_of(manifest, "maximo")

    assert [told[name] for name in ("label", "version", "family", "package", "accepts")] == [
        "Maximo Manage",
        "1.0",
        "WORK",
        None,
        [],
    ]
    assert told["grade"] in ("bronze", "silver", "gold")
    crew = told["emits"][2]
    assert (crew["contract"], crew["modes"], crew["freshness_s"]) == ("crew/1", ["FULL", "INCREMENTAL"], 300)
    assert crew["sample"] == {
        "external_id": "CREW-1",
        "source_time": "2026-11-24T06:59:08+01:00",
        "name": "Line crew North",
        "status": "ASSIGNED",
        "position": {"longitude": 11.4102, "latitude": 53.6551},
    }


def test_every_sample_is_a_record_of_its_contract(manifest: dict[str, Any], client: Client) -> None:
    for adapter in manifest["adapters"]:
        for emission in adapter["emits"]:
            name, _, version = emission["contract"].partition("/")
            schema = client.get(f"/contracts/{name}/{version}.json").json()
            assert emission["sample"] is not None, (adapter["kind"], emission["contract"])
            Draft202012Validator(schema).validate(emission["sample"])


@pytest.mark.parametrize("kind", registry.adapters())
def test_settings_that_the_form_takes_fit_the_schema(manifest: dict[str, Any], kind: str) -> None:
    told, samples = adapter_of(manifest, kind), samples_of(registry.adapter_for(kind))

    for name in ("settings_schema", "stream_options_schema"):
        Draft202012Validator.check_schema(told[name])
    Draft202012Validator(told["settings_schema"]).validate(samples.settings)
    for sample in samples.samples:
        Draft202012Validator(told["stream_options_schema"]).validate(sample.options)


def test_secrets_are_write_only_and_have_no_value(manifest: dict[str, Any]) -> None:
    for kind, adapter in registry.adapters().items():
        settings = adapter_of(manifest, kind)["settings_schema"]["properties"]
        secret = {name for name, one in settings.items() if one.get("writeOnly")}
        assert secret == set(secret_names(adapter.config_form))
        assert not [name for name in secret if "default" in settings[name]]


def test_who_has_it_is_not_sent_it_again(client: Client) -> None:
    first = client.get(ADDRESS)
    again = client.get(ADDRESS, headers={"If-None-Match": first.headers["ETag"]})
    other = client.get(ADDRESS, headers={"If-None-Match": '"another"'})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert (other.status_code, other.content) == (200, first.content)
    assert client.post(ADDRESS).status_code == 405


def test_another_packages_adapter_is_in_it(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = client.get(ADDRESS).headers["ETag"]
    code = "from connectors.adapters.push import PushAdapter\nclass Tides(PushAdapter):\n    kind = 'tides'\n"
    install(tmp_path, package="gauges", points="tides = gauges:Tides", files={"__init__.py": code})

    with installed(tmp_path, monkeypatch):
        answer = client.get(ADDRESS, headers={"If-None-Match": before})

    told = adapter_of(answer.json(), "tides")
    assert (told["package"], told["grade"]) == ("gauges", None)
    assert [one["sample"] for one in told["emits"]] == [None] * len(PushAdapter.emits)


class EveryField(forms.Form):
    name = forms.CharField(label="Name", max_length=9, help_text="Of it.")
    secret = SecretField(initial="never told")
    code = forms.RegexField(r"^[a-z]+$", required=False)
    count = forms.IntegerField(min_value=1, max_value=5, initial=2)
    share = forms.FloatField(required=False, min_value=0)
    on = forms.BooleanField(required=False)
    one = forms.ChoiceField(choices=[("A", "a"), ("B", "b")])
    some = forms.MultipleChoiceField(choices=[("A", "a")])
    either = forms.ChoiceField(choices=[("", "-"), ("A", "a")], required=False)
    table = TableField(required=False)
    free = forms.JSONField(required=False)


def test_each_kind_of_field_has_its_schema() -> None:
    schema = schema_of_form(EveryField)

    told = {
        name: {key: value for key, value in one.items() if key not in ("title", "description")}
        for name, one in schema["properties"].items()
    }
    assert told == {
        "name": {"type": "string", "maxLength": 9},
        "secret": {"type": "string", "writeOnly": True, "format": "password"},
        "code": {"type": "string", "pattern": "^$|^[a-z]+$"},
        "count": {"type": "integer", "minimum": 1, "maximum": 5, "default": 2},
        "share": {"type": "number", "minimum": 0},
        "on": {"type": "boolean"},
        "one": {"enum": ["A", "B"]},
        "some": {"type": "array", "items": {"enum": ["A"]}, "uniqueItems": True},
        "either": {"enum": ["", "A"]},
        "table": {"anyOf": [{"type": "object", "additionalProperties": {"type": "string"}}, {"type": "string"}]},
        "free": {},
    }
    assert schema["properties"]["name"] == {"type": "string", "maxLength": 9, "title": "Name", "description": "Of it."}
    assert schema["required"] == ["name", "one", "some"]
