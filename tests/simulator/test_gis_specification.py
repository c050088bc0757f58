"""What the simulator's GIS answers, against the OGC's own schemas of Part 1 and Part 2."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from simulator import credentials
from tests.simulator.conftest import Simulator

SPECIFICATION = Path(__file__).parents[1] / "connectors" / "payloads" / "ogc" / "specification"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"


def as_json_schema(part: Any) -> Any:
    """OpenAPI 3.0 says `nullable`, and gives bounds that are to be exceeded as a yes or no."""
    if isinstance(part, list):
        return [as_json_schema(one) for one in part]
    if not isinstance(part, dict):
        return part
    schema = {name: as_json_schema(value) for name, value in part.items() if name != "nullable"}
    if schema.get("exclusiveMinimum") is True:
        schema["exclusiveMinimum"] = schema.pop("minimum")
    return {"anyOf": [schema, {"type": "null"}]} if part.get("nullable") is True else schema


@cache
def components() -> dict[str, Any]:
    document = yaml.safe_load((SPECIFICATION / "ogcapi-features-1-oas30.yaml").read_text())
    found: dict[str, Any] = as_json_schema(document["components"]["schemas"])
    return found


def errors_by(name: str, answer: Any) -> list[str]:
    """What is wrong with an answer by the component of that name of Part 1, or the file of that name of Part 2."""
    file = SPECIFICATION / f"{name}.yaml"
    schema = yaml.safe_load(file.read_text()) if file.exists() else {"$ref": f"#/components/schemas/{name}"}
    whole = {**schema, "components": {"schemas": components()}}
    return [error.message for error in Draft202012Validator(whole).iter_errors(answer)]


@pytest.mark.parametrize(
    ("path", "parameters", "name"),
    [
        ("", {}, "landingPage"),
        ("/conformance", {}, "confClasses"),
        ("/collections", {}, "collections"),
        ("/collections", {}, "collectionsExtensionCrs"),
        ("/collections/network", {}, "collection"),
        ("/collections/network", {}, "collectionExtensionCrs"),
        ("/collections/zones", {}, "collection"),
        ("/collections/network/items", {"limit": 1_000}, "featureCollectionGeoJSON"),
        ("/collections/network/items", {"filter": "id = 'BUS-217'"}, "featureCollectionGeoJSON"),
        ("/collections/network/items", {"filter": "kind = 'no such'"}, "featureCollectionGeoJSON"),
        ("/collections/network/items", {"crs": f"{EPSG}4326", "limit": 50}, "featureCollectionGeoJSON"),
        ("/collections/zones/items", {}, "featureCollectionGeoJSON"),
        ("/collections/network/items/SW-10770", {}, "featureGeoJSON"),
        ("/collections/network/items/BUS-217", {}, "featureGeoJSON"),
    ],
)
def test_answers_are_as_the_standard_has_them(
    simulator: Simulator, path: str, parameters: dict[str, Any], name: str
) -> None:
    answer = simulator.gis(path, **parameters)

    assert answer.status_code == 200
    assert errors_by(name, answer.json()) == []


@pytest.mark.parametrize(
    ("path", "parameters", "status"),
    [("/collections/pipes", {}, 404), ("/collections/network/items", {"limit": "no"}, 400)],
)
def test_refusals_are_as_the_standard_has_them(
    simulator: Simulator, path: str, parameters: dict[str, Any], status: int
) -> None:
    answer = simulator.gis(path, **parameters)

    assert answer.status_code == status
    assert errors_by("exception", answer.json()) == []


def test_who_is_nobody_is_refused_as_the_standard_has_it(simulator: Simulator) -> None:
    answer = simulator.get("/gis", headers={"Authorization": f"Bearer {credentials.GIS_BEARER_TOKEN}x"})

    assert answer.status_code == 401
    assert errors_by("exception", answer.json()) == []


def test_the_schemas_find_what_is_wrong(simulator: Simulator) -> None:
    """Otherwise the tests above would say nothing."""
    page = json.loads(simulator.gis("/collections/zones/items", limit=1).text)
    page["features"][0]["geometry"]["type"] = "Square"
    page["numberMatched"] = -1

    assert len(errors_by("featureCollectionGeoJSON", page)) == 2
