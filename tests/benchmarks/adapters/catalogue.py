"""The sources that adapters are measured against, by the names of their benchmarks."""

from tests.benchmarks.adapters import arcgis_enterprise, maximo, ogc_api_features, opcua_rest, pi_web_api, rest_json
from tests.benchmarks.adapters.source import Source

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        ogc_api_features.FEATURE,
        ogc_api_features.NETWORK,
        arcgis_enterprise.GEOJSON,
        arcgis_enterprise.ESRI_JSON,
        opcua_rest.PRESENT,
        pi_web_api.RECORDED,
        maximo.EQUIPMENT,
        rest_json.SERVICE_POINTS,
    )
}
