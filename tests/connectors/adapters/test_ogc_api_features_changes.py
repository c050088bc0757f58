"""What has changed, asked of servers that we did not write and that can tell: tipg by CQL2, pygeoapi by datetime."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone

from connectors.adapters.ogc_api_features.adapter import OgcApiFeaturesAdapter
from connectors.adapters.ogc_api_features.settings import OgcApiFeaturesForm
from connectors.models import Connector, Mode, Stream, StreamState, Trigger
from connectors.protocols.adapter import Mode as AdapterMode
from connectors.protocols.egress import EgressPolicy
from connectors.protocols.http import HttpSession
from connectors.services.outcomes import Synced
from connectors.services.settings import save_connector, save_stream
from connectors.services.sync import sync_stream
from gis.models import NetworkElement
from organisation.scope import Scope
from tests.connectors.adapters.conftest import peer_feature
from tests.connectors.peers.pygeoapi.server import Pygeoapi
from tests.connectors.peers.tipg.server import Tipg, needs_tipg

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("ogc-peers")]

BOTH = (AdapterMode.FULL, AdapterMode.INCREMENTAL)


def row(number: int, modified: str | None, **changes: Any) -> dict[str, Any]:
    """A row of tipg's table of the network."""
    element = peer_feature(number)
    properties: dict[str, Any] = element["properties"]
    return {
        "id": f"SW-{number}",
        "geometry": json.dumps(element["geometry"]),
        "normally_open": False,
        "modified": modified,
        **{name: properties[name] for name in ("kind", "name", "nominal_kv", "from_node", "to_node")},
        **changes,
    }


@pytest.fixture
def forty_five(tipg: Tipg) -> Tipg:
    """More than two pages of twenty; the last one was never modified, as far as its stamp says."""
    tipg.fill([row(number, f"2026-10-01T00:{number:02}:00Z") for number in range(1, 45)] + [row(45, None)])
    return tipg


def gis_at(base: str) -> OgcApiFeaturesAdapter:
    form = OgcApiFeaturesForm({"base_url": base})
    assert form.is_valid(), form.errors
    http = HttpSession(egress=EgressPolicy.of(["127.0.0.1"]), now=lambda: datetime.now(UTC))
    return OgcApiFeaturesAdapter(form.cleaned_data, http)


def connector_to(base: str) -> Connector:
    return save_connector(kind="ogc-api-features", name="GIS", settings={"base_url": base}, now=timezone.now())


def network(base: str, name: str, **options: Any) -> Stream:
    return save_stream(connector=connector_to(base), name=name, contract="network-element/1", options=options)


def sync(stream: Stream, mode: Mode) -> Synced:
    return sync_stream(stream_id=stream.pk, mode=mode, trigger=Trigger.SCHEDULE, pages_ahead=0)


def watermark(stream: Stream) -> str:
    cursor = StreamState.objects.get(stream=stream).cursor
    assert cursor is not None
    return str(cursor["watermark"])


@needs_tipg
def test_a_server_that_declares_filters_is_offered_to_be_asked_by_them(forty_five: Tipg) -> None:
    found = {one.name: one for one in gis_at(forty_five.base).discover() if one.contract == "network-element/1"}

    assert found["gis.network"].modes == BOTH
    assert found["gis.network"].options == {"modified_property": "modified", "changes": "FILTER"}


@needs_tipg
def test_a_collection_without_a_stamp_is_read_in_full_whatever_its_server_declares(tipg: Tipg) -> None:
    [poles] = [one for one in gis_at(tipg.base).discover() if one.name == "gis.poles"]

    assert (poles.modes, poles.options["changes"]) == ((AdapterMode.FULL,), "NONE")


@needs_tipg
@pytest.mark.parametrize("changes", ["FILTER", "DATETIME"])
def test_only_what_was_edited_is_read_and_what_was_deleted_goes_with_the_next_full_read(
    scope: Scope, forty_five: Tipg, changes: str
) -> None:
    stream = network(forty_five.base, "gis.network", changes=changes, overlap_s=0, page_size=20)

    full = sync(stream, Mode.FULL)
    began_at = watermark(stream)
    forty_five.edit(
        "UPDATE gis.network SET name = 'Renamed', modified = %s WHERE id = 'SW-3'", ["2026-10-02T00:00:00+02:00"]
    )
    forty_five.edit("DELETE FROM gis.network WHERE id = 'SW-4'")
    first, then = sync(stream, Mode.INCREMENTAL), watermark(stream)
    again = sync(stream, Mode.INCREMENTAL)
    whole = sync(stream, Mode.FULL)

    assert (full.counts.created, began_at) == (45, "2026-10-01T00:44:00Z")
    # The newest that was known comes again, since another may have had the same stamp.
    assert (first.counts.records, first.counts.updated, first.counts.unchanged) == (2, 1, 1)
    assert NetworkElement.objects.get(external_id="SW-3").name == "Renamed"
    assert then == "2026-10-01T22:00:00Z"
    assert (again.counts.records, again.counts.changed, again.detail) == (1, False, "")
    assert (whole.counts.records, whole.counts.retired) == (44, 1)
    assert NetworkElement.objects.get(external_id="SW-4").retired_at is not None


@needs_tipg
def test_changes_on_many_pages_are_read_to_the_end_though_the_read_is_broken_off(forty_five: Tipg) -> None:
    [stream] = [one for one in gis_at(forty_five.base).discover() if one.contract == "network-element/1"]
    asked = {"cursor": {"watermark": "2026-10-01T00:15:00Z"}, "mode": AdapterMode.INCREMENTAL}

    first = next(iter(gis_at(forty_five.base).fetch(stream, **asked)))  # type: ignore[arg-type]  # of two types
    rest = list(gis_at(forty_five.base).fetch(stream, **asked | {"cursor": json.loads(json.dumps(first.cursor))}))

    ids = [raw.id for page in (first, *rest) for raw in page.records]
    assert sorted(ids) == sorted(f"SW-{number}" for number in range(10, 45))  # the overlap is five minutes
    assert rest[-1].complete
    assert rest[-1].cursor == {"watermark": "2026-10-01T00:44:00Z"}


@needs_tipg
def test_an_edit_that_was_stamped_early_and_saved_late_comes_within_the_overlap(scope: Scope, forty_five: Tipg) -> None:
    stream = network(forty_five.base, "gis.network", overlap_s=600)
    sync(stream, Mode.FULL)

    forty_five.edit(
        "INSERT INTO gis.network (id, kind, from_node, modified) VALUES ('SW-99', 'breaker', 'N', %s)",
        ["2026-10-01T00:40:00Z"],
    )
    late = sync(stream, Mode.INCREMENTAL)

    assert (late.counts.records, late.counts.created) == (12, 1)
    assert NetworkElement.objects.filter(external_id="SW-99").exists()


LINES, BREAKERS = "kind = 'line'", '{"op": "=", "args": [{"property": "kind"}, "breaker"]}'


@needs_tipg
def test_only_what_the_filter_is_true_of_is_read_and_a_changed_filter_is_a_full_read(
    scope: Scope, forty_five: Tipg
) -> None:
    connector = connector_to(forty_five.base)
    options = {"overlap_s": 0, "filter": LINES}
    stream = save_stream(connector=connector, name="gis.network", contract="network-element/1", options=options)
    held = NetworkElement.objects.filter(retired_at=None)

    lines = sync(stream, Mode.FULL)
    of_lines = set(held.values_list("kind", flat=True))
    forty_five.edit("UPDATE gis.network SET modified = '2026-10-02T00:00:00Z' WHERE id IN ('SW-1', 'SW-2')")
    changed = sync(stream, Mode.INCREMENTAL)
    save_stream(
        connector=connector,
        name="gis.network",
        contract="network-element/1",
        options=options | {"filter": BREAKERS},
        stream=stream,
    )
    breakers = sync(stream, Mode.INCREMENTAL)
    of_breakers = set(held.values_list("kind", flat=True))
    then = sync(stream, Mode.INCREMENTAL)

    assert (lines.counts.created, of_lines) == (23, {"LINE"})
    assert (changed.counts.records, changed.counts.unchanged) == (2, 1)  # SW-1 again, and the newest that was known
    assert (breakers.counts.created, breakers.counts.retired, of_breakers) == (22, 23, {"BREAKER"})
    assert (then.counts.records, then.counts.changed) == (1, False)


@needs_tipg
def test_what_no_longer_matches_goes_with_the_next_full_read(scope: Scope, forty_five: Tipg) -> None:
    stream = network(forty_five.base, "gis.network", filter=LINES)
    sync(stream, Mode.FULL)

    forty_five.edit("UPDATE gis.network SET kind = 'breaker', modified = '2026-10-03T00:00:00Z' WHERE id = 'SW-1'")
    changes, whole = sync(stream, Mode.INCREMENTAL), sync(stream, Mode.FULL)

    assert (changes.outcome, changes.counts.changed) == ("SUCCEEDED", False)
    assert (whole.counts.records, whole.counts.retired) == (22, 1)
    assert NetworkElement.objects.get(external_id="SW-1").retired_at is not None


@needs_tipg
@pytest.mark.parametrize("written", ["colour = 'red'", "kind = 'line' AND age > 3"])
def test_a_filter_by_what_is_no_queryable_is_refused_before_the_server_fails_at_it(
    scope: Scope, forty_five: Tipg, written: str
) -> None:
    ended = sync(network(forty_five.base, "gis.network", filter=written), Mode.FULL)

    assert ended.outcome == "BAD_CONFIG"
    assert "but by: from_node, geom, id, kind, modified, name, nominal_kv, normally_open, to_node." in ended.detail


def test_a_server_that_declares_no_filters_is_not_asked_one(scope: Scope, pygeoapi: Pygeoapi) -> None:
    ended = sync(network(pygeoapi.base, "network", modified_property="last_modified", filter=LINES), Mode.FULL)

    assert ended.outcome == "BAD_CONFIG"
    assert "does not declare that it filters features" in ended.detail


def test_changes_are_told_by_datetime_where_the_time_of_a_collection_is_its_modification(
    scope: Scope, pygeoapi: Pygeoapi
) -> None:
    options = {"modified_property": "last_modified", "changes": "DATETIME", "overlap_s": 0}
    stream = network(pygeoapi.base, "assets", **options)
    moved, new = peer_feature(7) | {"id": "A-7"}, peer_feature(26) | {"id": "A-26"}
    moved["properties"] |= {"name": "Moved", "last_modified": "2026-10-27T00:00:00Z"}

    full = sync(stream, Mode.FULL)
    pygeoapi.put(moved)
    pygeoapi.post(new)
    changes = sync(stream, Mode.INCREMENTAL)
    pygeoapi.delete("A-26")
    pygeoapi.put(peer_feature(7) | {"id": "A-7"})
    whole = sync(stream, Mode.FULL)

    assert full.counts.created == 25
    assert (changes.counts.records, changes.counts.created, changes.counts.updated) == (3, 1, 1)
    assert (whole.counts.records, whole.counts.retired, whole.counts.updated) == (25, 1, 1)
