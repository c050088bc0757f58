"""That a row which came from a source is of a stream of its organisation, seen to by the row policy."""

from datetime import UTC, datetime

import pytest
from django.db import ProgrammingError, transaction

from connectors.models import Connector, Stream
from gis.models import Feature
from organisation.models import Organisation
from organisation.scope import Scope, acting_for

NOW = datetime(2026, 11, 24, 2, 15, tzinfo=UTC)


def stream_of(organisation: Organisation) -> Stream:
    with acting_for(Scope(organisation_id=organisation.pk)):
        connector = Connector.objects.create(kind="ogc-api-features", name="GIS")
        return Stream.objects.create(connector=connector, name="poles", contract="feature/1")


def land(stream: Stream, connector_id: int) -> None:
    Feature.objects.create(
        connector_id=connector_id, stream_id=stream.pk, external_id="poles/1", collection="poles", landed_at=NOW
    )


@pytest.mark.django_db
def test_a_row_of_a_neighbours_stream_or_of_another_connector_is_refused(
    utility: Organisation, neighbour: Organisation
) -> None:
    ours, theirs = stream_of(utility), stream_of(neighbour)
    with acting_for(Scope(organisation_id=utility.pk)):
        for stream, connector_id in [(theirs, theirs.connector_id), (ours, theirs.connector_id)]:
            with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
                land(stream, connector_id)

        land(ours, ours.connector_id)

        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Feature.objects.update(stream_id=theirs.pk)
        assert Feature.objects.get().stream_id == ours.pk
