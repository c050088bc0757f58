from datetime import datetime

import pytest

from connectors.landing import Landing
from connectors.models import Connector, Stream
from gis.models import NetworkElement
from organisation.models import Organisation
from organisation.scope import Scope, acting_for


def landing_of(organisation: Organisation, now: datetime, *, name: str = "Maximo") -> Landing:
    """From a connector of the organisation, which it makes when it is new."""
    with acting_for(Scope(organisation_id=organisation.pk)):
        connector, _ = Connector.objects.get_or_create(kind="maximo", name=name)
        stream, _ = Stream.objects.get_or_create(connector=connector, name="all", contract="any/1")
    return Landing(organisation_id=organisation.pk, connector_id=connector.pk, stream_id=stream.pk, now=now)


@pytest.fixture
def landing(scope: Scope, utility: Organisation, now: datetime) -> Landing:
    return landing_of(utility, now)


@pytest.fixture
def next_door(neighbour: Organisation, now: datetime) -> Landing:
    return landing_of(neighbour, now)


def make_element(landing: Landing, external_id: str) -> int:
    return NetworkElement.objects.create(
        connector_id=landing.connector_id,
        stream_id=landing.stream_id,
        external_id=external_id,
        landed_at=landing.now,
        kind="BREAKER",
        from_node="N-1",
        to_node="N-2",
    ).pk


@pytest.fixture
def breaker(landing: Landing) -> int:
    return make_element(landing, "SW-1")
