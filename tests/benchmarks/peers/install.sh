#!/bin/sh
# What `make bench` compares the sync engine with: GDAL's ogr2ogr (needs root on Debian), and dlt in .venv-peers.
# One that is missing is named in the table.
set -eu
cd "$(dirname "$0")/../../.."

if ! command -v ogr2ogr >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gdal-bin >/dev/null
fi
[ -x .venv-peers/bin/python ] || .venv/bin/python -m venv .venv-peers
.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check "dlt[postgres]>=1,<2"
