from datetime import datetime
from typing import Any

import pytest

from connectors.landing import Landing
from connectors.models import Connector, Stream
from organisation.models import Organisation
from organisation.scope import Scope, acting_for
from tests.telemetry.days import make_days


def landing_of(organisation: Organisation, now: datetime, *, name: str = "SCADA") -> Landing:
    """From a connector of the organisation, which it makes when it is new."""
    with acting_for(Scope(organisation_id=organisation.pk)):
        connector, _ = Connector.objects.get_or_create(kind="opcua-rest", name=name)
        stream, _ = Stream.objects.get_or_create(connector=connector, name="all", contract="any/1")
    return Landing(organisation_id=organisation.pk, connector_id=connector.pk, stream_id=stream.pk, now=now)


@pytest.fixture
def days(db: None, now: datetime) -> None:
    """Two days of readings before today, and one after it."""
    make_days(now)


@pytest.fixture
def landing(scope: Scope, utility: Organisation, now: datetime) -> Landing:
    return landing_of(utility, now)


@pytest.fixture
def next_door(neighbour: Organisation, now: datetime) -> Landing:
    return landing_of(neighbour, now)


def content(model: Any, *left_out: str) -> list[dict[str, Any]]:
    """All rows of a model that are in scope, to see that nothing changed."""
    names = [field.attname for field in model._meta.concrete_fields if field.attname not in left_out]
    return list(model.objects.order_by(*names[:1]).values(*names))
