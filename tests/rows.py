"""Rows as they stand after landing, for tests of what reads them. They act in the scope that is entered."""

from datetime import datetime, timedelta
from typing import Any

from connectors.models import Connector, Outcome, State, Stream, StreamState
from gis.models import ElementAlias, NetworkElement, Zone
from outage.models import Outage


def connector(name: str, *, kind: str = "rest-json", state: State = State.ACTIVE) -> Connector:
    return Connector.objects.create(name=name, kind=kind, state=state)


def stream(
    of: Connector,
    contract: str,
    *,
    proved_at: datetime | None,
    read_at: datetime | None = None,
    freshness_s: int = 60,
    outcome: Outcome = Outcome.SUCCEEDED,
) -> Stream:
    """A stream with its state. `read_at` stays empty for what is pushed."""
    made = Stream.objects.create(connector=of, name=contract, contract=contract, freshness_s=freshness_s)
    StreamState.objects.update_or_create(
        stream=made,
        defaults={"outcome": outcome, "proved_at": proved_at, "source_read_at": read_at, "attempted_at": proved_at},
    )
    return made


def landed(of: Stream, external_id: str, *, at: datetime) -> dict[str, Any]:
    """What every row from a source carries."""
    return {
        "connector_id": of.connector_id,
        "stream": of,
        "external_id": external_id,
        "source_time": at - timedelta(seconds=1),
        "landed_at": at,
    }


def element(of: Stream, external_id: str = "SW-1", *, at: datetime, zone: Zone | None = None) -> NetworkElement:
    return NetworkElement.objects.create(
        kind="BREAKER",
        name="Feeder 8 breaker",
        from_node="N-1",
        to_node="N-2",
        longitude=11.41,
        latitude=53.64,
        zone=zone,
        **landed(of, external_id, at=at),
    )


def alias(of: Connector, named: NetworkElement, *, at: datetime) -> ElementAlias:
    return ElementAlias.objects.create(
        connector=of, external_id=named.external_id, element=named, created_at=at, resolved_at=at
    )


def outage(number: str, on: NetworkElement, *, now: datetime, **given: Any) -> Outage:
    return Outage.objects.create(
        number=number,
        element=on,
        **{
            "confidence": 0.7,
            "detected_at": now,
            "recorded_at": now,
            "context_since": now - timedelta(hours=1),
            "updated_at": now,
            **given,
        },
    )
