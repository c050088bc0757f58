"""tipg over PostGIS: a server of OGC API - Features that filters by CQL2, and tables that a test can edit."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.connectors.peers.served import free_port, served

UVICORN = Path(__file__).parents[4] / ".venv-peers" / "tipg" / "bin" / "uvicorn"
POSTGIS = sorted(Path("/usr/share/postgresql").glob("*/extension/postgis.control"))
MISSING = "tipg or PostGIS is not installed: tests/connectors/peers/tipg/install.sh installs both"
needs_tipg = pytest.mark.skipif(not UVICORN.exists() or not POSTGIS, reason=MISSING)

LARGEST_PAGE = 20
# Stored as surveyed, in metres: tipg brings it to longitude and latitude.
TABLES = """
CREATE EXTENSION postgis;
CREATE SCHEMA gis;
CREATE TABLE gis.network (
    id text PRIMARY KEY, kind text, name text, nominal_kv double precision, from_node text, to_node text,
    normally_open boolean, modified timestamptz, geom geometry(Geometry, 25833)
);
CREATE TABLE gis.poles (id integer PRIMARY KEY, height double precision, geom geometry(Point, 4326));
"""
INSERT = """
INSERT INTO gis.network VALUES (
    %(id)s, %(kind)s, %(name)s, %(nominal_kv)s, %(from_node)s, %(to_node)s, %(normally_open)s, %(modified)s,
    ST_Transform(ST_SetSRID(ST_GeomFromGeoJSON(%(geometry)s), 4326), 25833)
)
"""


@dataclass(frozen=True, kw_only=True)
class Tipg:
    """
    A running tipg.

    :param base: its landing page
    :param database: the URL of its PostgreSQL
    """

    base: str
    database: str

    def edit(self, statement: str, values: Any = None) -> None:
        """Change a table of schema `gis`, as somebody who works in the GIS does."""
        with psycopg.connect(self.database) as connection:
            connection.execute(statement, values)

    def fill(self, rows: list[dict[str, Any]]) -> None:
        """Put rows of `gis.network` in the place of all that there are. `geometry` is GeoJSON in CRS84, as text."""
        with psycopg.connect(self.database) as connection:
            connection.execute("TRUNCATE gis.network")
            connection.cursor().executemany(INSERT, rows)


@contextmanager
def running_tipg(folder: Path) -> Iterator[Tipg]:
    """tipg with the tables `gis.network` and `gis.poles`, both empty."""
    with _running_postgis() as database:
        with psycopg.connect(database) as connection:
            connection.execute(TABLES)
        port = free_port()
        command = [str(UVICORN), "tipg.main:app", "--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
        environment = {
            "DATABASE_URL": database,
            "TIPG_DB_SCHEMAS": '["gis"]',
            "TIPG_ADD_TILES_VIEWER": "false",
            "TIPG_MAX_FEATURES_PER_QUERY": str(LARGEST_PAGE),
            "TIPG_TABLE_CONFIG__GIS_NETWORK__DATETIMECOL": "modified",
        }
        with served(command, port=port, folder=folder, environment=environment):
            yield Tipg(base=f"http://127.0.0.1:{port}", database=database)


@contextmanager
def _running_postgis() -> Iterator[str]:
    """The URL of an empty database of a cluster of its own."""
    programs = Path(f"/usr/lib/postgresql/{POSTGIS[-1].parts[4]}/bin")
    # PostgreSQL does not run as root: then it runs as the user that its package made.
    owner = pwd.getpwnam("postgres") if os.getuid() == 0 else None
    as_owner: dict[str, Any] = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if owner else {}
    folder = Path(tempfile.mkdtemp(prefix="postgis-"))
    try:
        if owner:
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        data, port = folder / "data", free_port()

        def run(*command: str | Path) -> None:
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, **as_owner)

        run(programs / "initdb", "-D", data, "-U", "gis", "--auth=trust", "--no-sync", "--encoding=UTF8")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        run(programs / "pg_ctl", "start", "--wait", "-D", data, "-l", folder / "log", "-o", options)
        try:
            yield f"postgresql://gis@127.0.0.1:{port}/postgres"
        finally:
            run(programs / "pg_ctl", "stop", "--wait", "-D", data, "-m", "immediate")
    finally:
        shutil.rmtree(folder)
