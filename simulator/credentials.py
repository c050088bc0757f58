"""
What the pretend systems let in. For the demo and the tests only: they guard nothing, and stand in the README.
"""

SCADA_BEARER_TOKEN = "scada-demo-token"  # noqa: S105 - opens a pretend system only
SCADA_USERNAME = "gateway-reader"
SCADA_PASSWORD = "scada-demo-password"  # noqa: S105 - opens a pretend system only

PI_BEARER_TOKEN = "pi-demo-token"  # noqa: S105 - opens a pretend system only
PI_USERNAME = "pi-reader"
PI_PASSWORD = "pi-demo-password"  # noqa: S105 - opens a pretend system only

GIS_BEARER_TOKEN = "gis-demo-token"  # noqa: S105 - opens a pretend system only
GIS_USERNAME = "gis-reader"
GIS_PASSWORD = "gis-demo-password"  # noqa: S105 - opens a pretend system only

# A user of ArcGIS is that of the other GIS.
ARCGIS_CLIENT_ID = "utility-connectors"
ARCGIS_CLIENT_SECRET = "arcgis-demo-secret"  # noqa: S105 - opens a pretend system only

MAXIMO_API_KEY = "maximo-demo-apikey"

CIS_CLIENT_ID = "utility-connectors"
CIS_CLIENT_SECRET = "cis-demo-secret"  # noqa: S105 - opens a pretend system only
CIS_API_KEY = "cis-demo-api-key"
