#!/bin/sh
# Esri's own client of ArcGIS' REST API, in .venv-peers/arcgis-rest: what it makes of the simulator's ArcGIS is tested.
# Node comes from Debian (needs root), if there is none.
set -eu
cd "$(dirname "$0")/../../../.."

if ! command -v npm >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null
fi
[ -d .venv-peers/arcgis-rest/node_modules/@esri ] || npm install --prefix .venv-peers/arcgis-rest --silent --no-fund \
    --no-audit @esri/arcgis-rest-request@4.10.2 @esri/arcgis-rest-feature-service@4.10.2
