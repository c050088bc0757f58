"""
Reads collections of a feature server through the whole engine, and prints what each took as JSON.

`python -m tests.benchmarks.within tests.benchmarks.sync_run ADDRESS`, as the role app in a database of its own.
"""

import resource
import sys
import time

import orjson
from django.utils import timezone

from connectors.models import Connector, Mode, Stream, Trigger
from connectors.services.outcomes import Synced
from connectors.services.settings import save_connector, save_stream
from connectors.services.sync import sync_stream
from organisation.database import require_safe_role
from organisation.models import Organisation
from organisation.scope import Scope, acting_for, carrying, system_job


def main(address: str) -> None:
    require_safe_role()
    with system_job("benchmark"):
        organisation = Organisation.objects.create(slug="bench", name="Bench", allowed_networks=["127.0.0.0/8"])
    scope = Scope(organisation_id=organisation.pk)
    with acting_for(scope):
        stream = _stream(
            save_connector(kind="ogc-api-features", name="GIS", settings={"base_url": address}, now=timezone.now())
        )
    base = _peak_mib()
    first, first_s = timed(scope, stream)
    again, again_s = timed(scope, stream)
    told = {
        "records": first.counts.created,
        "first_s": first_s,
        "unchanged": again.counts.unchanged,
        "unchanged_s": again_s,
        "base_mib": base,
        "peak_mib": _peak_mib(),
    }
    sys.stdout.write(orjson.dumps(told).decode() + "\n")


def _stream(connector: Connector) -> Stream:
    return save_stream(connector=connector, name="poles", contract="feature/1", label="Poles")


def timed(scope: Scope, stream: Stream) -> tuple[Synced, float]:
    began = time.perf_counter()
    with carrying(scope):
        synced = sync_stream(stream_id=stream.pk, mode=Mode.FULL, trigger=Trigger.PERSON)
    if synced.detail:
        raise RuntimeError(synced.detail)
    return synced, time.perf_counter() - began


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(sys.argv[2])
