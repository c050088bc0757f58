import random
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from django.db import connection

from connectors.contracts.reading import Reading
from connectors.contracts.signal import Signal, SignalKind
from organisation.models import Organisation
from organisation.scope import Scope, acting_for
from telemetry.models import LatestReading
from telemetry.services.readings import land_readings
from telemetry.services.signals import land_signals
from tests.telemetry.conftest import landing_of


@pytest.mark.django_db(transaction=True)
def test_pages_of_shared_signals_at_once_neither_deadlock_nor_lose_the_newest(
    utility: Organisation, now: datetime
) -> None:
    scope, landing = Scope(organisation_id=utility.pk), landing_of(utility, now)
    names = [f"S-{number}" for number in range(300)]
    with acting_for(scope):
        land_signals([Signal(external_id=name, name=name, kind=SignalKind.MEASUREMENT) for name in names], landing)

    def land_polls(source: int) -> int:
        try:
            landed = 0
            for poll in range(4):
                at = now - timedelta(minutes=10) + timedelta(seconds=10 * poll + source)
                readings = [Reading(external_id=name, signal=name, source_time=at, value=float(poll)) for name in names]
                random.Random(f"{source} {poll}").shuffle(readings)
                with acting_for(scope):
                    outcome = land_readings(readings, landing)
                landed += outcome.created + outcome.unchanged + len(outcome.set_aside)
            return landed
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=3) as pool:
        landed = list(pool.map(land_polls, range(3)))

    assert landed == [4 * len(names)] * 3
    with acting_for(scope):
        newest = now - timedelta(minutes=10) + timedelta(seconds=32)
        assert set(LatestReading.objects.values_list("source_time", "value")) == {(newest, 3.0)}
        assert LatestReading.objects.count() == len(names)
