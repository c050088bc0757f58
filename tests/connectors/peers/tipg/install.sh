#!/bin/sh
# tipg over PostGIS, a server of OGC API - Features with CQL2 that others wrote: the GIS connector is tested against it.
# tipg lives in .venv-peers/tipg, apart from what the product needs; PostGIS comes from Debian (needs root), if there is none.
set -eu
cd "$(dirname "$0")/../../../.."

if ! ls /usr/share/postgresql/*/extension/postgis.control >/dev/null 2>&1; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql-postgis >/dev/null
fi
[ -x .venv-peers/tipg/bin/uvicorn ] || {
    "$(command -v python3.11 || command -v python3)" -m venv .venv-peers/tipg
    .venv-peers/tipg/bin/python -m pip install --quiet --disable-pip-version-check --no-input tipg==1.6.1 uvicorn
}
