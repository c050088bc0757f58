"""What the pretend ArcGIS says of its service and layers."""

from typing import Any

from simulator.arcgis.layers import LAYERS, Layer


def describe_service(*, oldest: int, newest: int) -> dict[str, Any]:
    """
    :param oldest: the earliest generation of the server that changes can be asked from
    """
    tracked = [layer.number for layer in LAYERS.values() if layer.is_modern]
    return {
        "currentVersion": 11.2,
        "serviceDescription": "Rural Grid Utility, electric network",
        "capabilities": "Query,Sync,ChangeTracking",
        "maxRecordCount": 1000,
        "supportedQueryFormats": "JSON, geoJSON",
        "syncEnabled": True,
        "changeTrackingInfo": {
            "layerServerGens": [{"id": number, "minServerGen": oldest, "serverGen": newest} for number in tracked],
        },
        "extractChangesCapabilities": {
            "supportsReturnIdsOnly": True,
            "supportsReturnFeature": True,
            "supportsServerGens": True,
            "supportsLayerQueries": False,
        },
        "layers": [
            {"id": layer.number, "name": layer.name, "type": "Feature Layer", "geometryType": layer.geometry_type}
            for layer in LAYERS.values()
        ],
        "tables": [],
    }


def describe_layer(layer: Layer) -> dict[str, Any]:
    """A layer of an old server does not name its object id, and calls its fields of editors nothing."""
    described: dict[str, Any] = {
        "currentVersion": 11.2 if layer.is_modern else 10.0,
        "id": layer.number,
        "name": layer.name,
        "type": "Feature Layer",
        "geometryType": layer.geometry_type,
        "extent": {"spatialReference": {"wkid": 102100, "latestWkid": 3857}},
        "fields": [{"name": name, "type": kind, "alias": name} for name, kind in layer.fields.items()],
        "maxRecordCount": layer.most_records,
        "capabilities": "Query,Sync,ChangeTracking" if layer.is_modern else "Map,Query,Data",
    }
    if not layer.is_modern:
        return described
    reference = {"timeZone": "UTC", "respectsDaylightSaving": False}
    return described | {
        "objectIdField": "OBJECTID",
        "globalIdField": "GlobalID",
        "supportedQueryFormats": "JSON, geoJSON",
        "advancedQueryCapabilities": {"supportsPagination": layer.pages, "supportsOrderBy": layer.sorts},
        "dateFieldsTimeReference": reference,
        "editFieldsInfo": {"editDateField": "last_edited_date", "dateFieldsTimeReference": reference},
        "editingInfo": {"lastEditDate": None},
    }
