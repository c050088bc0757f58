#!/bin/sh
# koop, a server of ArcGIS' REST API that others wrote, in .venv-peers/koop: the ArcGIS connector is tested against it.
# Node comes from Debian (needs root), if there is none.
set -eu
cd "$(dirname "$0")/../../../.."

if ! command -v npm >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null
fi
[ -d .venv-peers/koop/node_modules/@koopjs/koop-core ] || npm install --prefix .venv-peers/koop --silent --no-fund --no-audit \
    @koopjs/koop-core@10.4.19 @koopjs/provider-file-geojson@2.2.0
