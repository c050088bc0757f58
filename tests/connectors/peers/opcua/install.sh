#!/bin/sh
# node-opcua, an OPC UA stack that others wrote, with its JSON codec, in .venv-peers/opcua: the OPC UA connector is
# tested against them. Node comes from Debian (needs root), if there is none.
set -eu
cd "$(dirname "$0")/../../../.."

if ! command -v npm >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null
fi
[ -d .venv-peers/opcua/node_modules/node-opcua-json ] || npm install --prefix .venv-peers/opcua --silent --no-fund \
    --no-audit node-opcua@2.182.2 node-opcua-json@2.182.2
