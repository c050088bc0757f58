"""
Reads the same new features beside ever more rows, and prints the seconds for each stock of them as JSON.

`python -m tests.benchmarks.within tests.benchmarks.sync_growth_run ADDRESS STOCK…`
"""

import sys

import orjson
import psycopg
from django.conf import settings
from django.utils import timezone

from connectors.models import Stream
from connectors.services.settings import save_connector, save_stream
from organisation.database import require_safe_role
from organisation.models import Organisation
from organisation.scope import Scope, acting_for, system_job
from tests.benchmarks.sync_run import timed

STOCK = """
INSERT INTO gis_feature (organisation_id, connector_id, stream_id, external_id, landed_at, collection, properties,
  geometry, longitude, latitude)
SELECT %(organisation)s, %(connector)s, %(stream)s, 'stock/' || number, now(), 'stock',
  jsonb_build_object('name', 'Pole ' || number, 'kind', 'POLE', 'material', 'wood', 'status', 'IN_SERVICE'),
  jsonb_build_object('type', 'Point', 'coordinates', jsonb_build_array(9.5, 47.5)), 9.5, 47.5
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS number
"""


def main(address: str, stocks: list[int]) -> None:
    require_safe_role()
    with system_job("benchmark"):
        organisation = Organisation.objects.create(slug="bench", name="Bench", allowed_networks=["127.0.0.0/8"])
    scope = Scope(organisation_id=organisation.pk)
    told, stocked = {}, 0
    stock = _stream(scope, address, "Stock")
    timed(scope, _stream(scope, address, "Warm-up"))
    for size in stocks:
        _stock(scope, stock, first=stocked, last=size - 1)
        stocked = size
        _, told[str(size)] = timed(scope, _stream(scope, address, f"GIS beside {size}"))
    sys.stdout.write(orjson.dumps(told).decode() + "\n")


def _stream(scope: Scope, address: str, name: str) -> Stream:
    with acting_for(scope):
        connector = save_connector(
            kind="ogc-api-features", name=name, settings={"base_url": address}, now=timezone.now()
        )
        return save_stream(connector=connector, name="poles", contract="feature/1", label="Poles")


def _stock(scope: Scope, stream: Stream, *, first: int, last: int) -> None:
    with psycopg.connect(settings.DATABASE_OWNER_URL, autocommit=True) as owner:
        owner.execute("SELECT set_config('app.organisation_ids', %s, false)", [str(scope.organisation_id)])
        owner.execute(
            STOCK,
            {
                "organisation": scope.organisation_id,
                "connector": stream.connector_id,
                "stream": stream.pk,
                "first": first,
                "last": last,
            },
        )
        owner.execute("VACUUM ANALYZE gis_feature")  # as autovacuum does


if __name__ == "__main__":
    main(sys.argv[2], [int(stock) for stock in sys.argv[3:]])
