"""A run's page, what may be asked before a read, and the change log."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from connectors import registry, tasks
from connectors.models import (
    ChangeKind,
    Connector,
    Mode,
    Phase,
    RecordChange,
    Run,
    RunStatus,
    Stream,
    StreamState,
    Trigger,
)
from connectors.services.settings import save_connector, save_stream
from organisation.models import Membership, Organisation
from organisation.roles import Role
from organisation.scope import acting_for
from tests.conftest import Tenants, scope_for

pytestmark = pytest.mark.django_db

BEGAN = datetime(2026, 11, 24, 2, 15, tzinfo=UTC)
REPORT = {
    "differences": [
        {
            "table": "gis_zone",
            "external_id": "Z-1",
            "kind": "UPDATED",
            "before": {"name": "North"},
            "after": {"name": "North <b>grid</b>"},
        },
        {"table": "gis_zone", "external_id": "Z-2", "kind": "RETIRED", "before": {"name": "South"}, "after": None},
    ],
    "differences_total": 1204,
    "set_aside": [{"external_id": "Z-9", "reason": "the name is missing", "path": "properties.name"}],
    "touches": {"outages": [{"id": 7, "number": "2026-0117"}], "work_orders": ["WO-1", "WO-2"], "customers": 1832},
}


def page(name: str, *arguments: Any) -> str:
    return reverse(f"admin:connectors_{name}", args=arguments)


def text(client: Client, url: str) -> str:
    """The page without its markup's line breaks."""
    answer = client.get(url)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


@pytest.fixture
def client(administrator: Membership) -> Client:
    client = Client()
    client.force_login(administrator.user)
    return client


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What was handed to the workers."""
    handed: list[tuple[Any, ...]] = []
    monkeypatch.setattr(tasks.sync_stream, "delay", lambda *arguments: handed.append(arguments))
    return handed


@pytest.fixture
def zones(administrator: Membership) -> Iterator[Stream]:
    settings = {"base_url": "https://gis.example.org", "sign_in": "NONE"}
    with acting_for(scope_for(administrator)):
        gis = save_connector(kind="ogc-api-features", name="GIS", settings=settings, now=timezone.now())
        yield save_stream(connector=gis, name="zones", contract="zone/1", label="Zones")


def run_of(stream: Stream, **values: Any) -> Run:
    given = {
        "mode": Mode.FULL,
        "trigger": Trigger.PERSON,
        "status": RunStatus.SUCCEEDED,
        "started_at": BEGAN,
        "advanced_at": BEGAN,
        "finished_at": BEGAN + timedelta(seconds=90),
    }
    return Run.objects.create(stream=stream, **(given | values))


def test_each_mode_may_be_read_or_asked_about(client: Client, zones: Stream, told: list[Any]) -> None:
    shown = text(client, page("connector_change", zones.connector_id))
    assert ("Read all", "Read changes", shown.count('name="dry"')) == ("Read all", "Read changes", 2)
    assert "Read all</button>" in shown
    assert "Read changes</button>" in shown

    client.post(page("stream_sync", zones.pk), {"mode": "INCREMENTAL", "dry": "1"})

    run = Run.objects.get()
    assert (run.is_dry, run.mode, run.status) == (True, "INCREMENTAL", "PENDING")


def test_a_read_is_no_dry_run_unless_it_is_asked_to_be(client: Client, zones: Stream, told: list[Any]) -> None:
    client.post(page("stream_sync", zones.pk), {"mode": "FULL"})

    assert Run.objects.get().is_dry is False


def test_a_run_shows_its_phases_with_what_they_took_and_its_counts(client: Client, zones: Stream) -> None:
    run = run_of(
        zones,
        phases=[
            {
                "phase": Phase.READING,
                "started_at": BEGAN.isoformat(),
                "finished_at": (BEGAN + timedelta(seconds=84)).isoformat(),
            },
            {
                "phase": Phase.RETIRING,
                "started_at": (BEGAN + timedelta(seconds=84)).isoformat(),
                "finished_at": (BEGAN + timedelta(seconds=84.4)).isoformat(),
            },
        ],
        records=12000,
        created=11000,
        unchanged=999,
        rejected=1,
    )

    shown = text(client, page("run_change", run.pk))

    assert "<li>Reading: 1 min 24 s</li><li>Retiring what is gone: 0.4 s</li>" in shown
    assert "<dt>Created</dt><dd>11,000</dd>" in shown
    assert "<dt>Unchanged</dt><dd>999</dd>" in shown
    assert page("rejectedrecord_changelist") + f"?run__id__exact={run.pk}" in shown
    assert page("run_progress", run.pk) not in shown
    assert page("run_cancel", run.pk) not in shown


def test_a_read_under_way_shows_rate_and_time_left(client: Client, zones: Stream) -> None:
    run = run_of(
        zones,
        status=RunStatus.RUNNING,
        started_at=timezone.now() - timedelta(minutes=10),
        finished_at=None,
        expected=1_000_000,
        records=250_000,
        pages=250,
    )

    shown = text(client, page("run_progress", run.pk))

    assert "250,000 of 1,000,000 records, page 250" in shown
    assert "· 30 min left" in shown or "· 29 min left" in shown
    assert " a second" in shown
    assert 'value="25"' in shown


def test_who_may_start_reads_cancels_one_and_is_named(
    client: Client, zones: Stream, administrator: Membership, told: list[Any]
) -> None:
    client.post(page("stream_sync", zones.pk), {"mode": "FULL"})
    run = Run.objects.get()
    assert "This is not a rollback: what has landed stays" in text(client, page("run_change", run.pk))

    answer = client.post(page("run_cancel", run.pk), follow=True).content.decode()

    run.refresh_from_db()
    assert (run.status, run.cancel_asked_by) == (RunStatus.CANCELLED, administrator.user)
    assert "Cancelled before it began: nothing was read." in answer
    assert f"by {administrator.user}" in answer
    assert page("run_cancel", run.pk) not in answer


def test_what_has_ended_is_not_cancelled(client: Client, zones: Stream) -> None:
    run = run_of(zones)

    answer = client.post(page("run_cancel", run.pk), follow=True).content.decode()

    run.refresh_from_db()
    assert (run.status, run.cancel_asked_at) == (RunStatus.SUCCEEDED, None)
    assert "It has ended already: succeeded." in answer


@pytest.mark.parametrize(("role", "status"), [(Role.COORDINATOR, 302), (Role.DISPATCHER, 403), (Role.AUDITOR, 403)])
def test_cancelling_is_for_who_may_start_reads(
    utility: Organisation, tenants: Tenants, zones: Stream, role: Role, status: int
) -> None:
    run = run_of(zones, status=RunStatus.RUNNING, finished_at=None)
    client = Client()
    client.force_login(tenants.member(utility, role).user)

    assert client.get(page("run_cancel", run.pk)).status_code == (405 if status == 302 else 403)
    assert client.post(page("run_cancel", run.pk)).status_code == status
    shown = text(client, page("run_change", run.pk))
    assert (page("run_cancel", run.pk) in shown) == (status == 302)


def test_a_neighbours_run_is_not_there(neighbour: Organisation, tenants: Tenants, zones: Stream) -> None:
    run = run_of(zones, status=RunStatus.RUNNING, finished_at=None)
    client = Client()
    client.force_login(tenants.member(neighbour, Role.ADMINISTRATOR).user)

    assert client.get(page("run_progress", run.pk)).status_code == 404
    assert client.post(page("run_cancel", run.pk)).status_code == 404
    run.refresh_from_db()
    assert run.cancel_asked_at is None


def test_a_dry_run_says_that_nothing_was_done_and_what_would_be(client: Client, zones: Stream) -> None:
    run = run_of(zones, is_dry=True, report=REPORT, updated=1203, retired=1, rejected=1)

    shown = text(client, page("run_change", run.pk))

    assert "Nothing of this was done." in shown
    assert "<dt>Would update</dt><dd>1,203</dd>" in shown
    assert "1,204 differences, of which the first 2 are shown." in shown
    assert '<dt>name</dt><dd>North <span aria-hidden="true">→</span><span class="sr">becomes</span> ' in shown
    assert "North &lt;b&gt;grid&lt;/b&gt;" in shown
    assert "<td>the name is missing</td><td>properties.name</td>" in shown
    assert f'<a class="link" href="{reverse("outages:page", args=[7])}">2026-0117</a>' in shown
    assert "Work orders (2): WO-1, WO-2" in shown
    assert "Customers: 1,832" in shown
    assert "rejectedrecord/?run__id__exact" not in shown


def test_a_dry_run_that_finds_nothing_says_so(client: Client, zones: Stream) -> None:
    touches: dict[str, Any] = {"outages": [], "work_orders": [], "customers": 0}
    nothing = {"differences": [], "differences_total": 0, "set_aside": [], "touches": touches}
    run = run_of(zones, is_dry=True, report=nothing)

    shown = text(client, page("run_change", run.pk))

    assert "Nothing: what is here is what the source has." in shown
    assert "No open outage, work order or customer." in shown


def test_dry_runs_are_listed_as_such_and_by_themselves(client: Client, zones: Stream) -> None:
    run_of(zones, detail="read for good")
    run_of(zones, is_dry=True, detail="only asked")

    both, dry = text(client, page("run_changelist")), text(client, page("run_changelist") + "?is_dry__exact=1")

    assert "Full, dry run" in dry
    assert ("read for good" in both, "read for good" in dry, "only asked" in dry) == (True, False, True)


@pytest.mark.parametrize(
    ("skew_s", "note"),
    [
        (None, None),
        (-1.9, None),
        (12.4, "Its clock is 12 s ahead of ours. Check its time service."),
        (-95.0, "Its clock is 1 min behind ours. Check its time service."),
    ],
)
def test_a_clock_that_is_off_is_told_on_the_streams_line(
    client: Client, zones: Stream, skew_s: float | None, note: str | None
) -> None:
    StreamState.objects.filter(stream=zones).update(clock_skew_s=skew_s)

    shown = text(client, page("connector_panel", zones.connector_id))

    assert (note or "Its clock is") in shown if note else "Its clock is" not in shown


def test_a_stream_keeps_changes_when_it_is_told_to(client: Client, zones: Stream) -> None:
    form = text(client, page("stream_change", zones.pk))
    assert "Keep for each record what changed, from what to what, and in which run." in form

    given = {"name": "zones", "contract": "zone/1", "label": "Zones", "freshness_s": "300", "is_enabled": "on"}
    own = dict.fromkeys(registry.adapter_for("ogc-api-features").stream_form.base_fields, "")
    answer = client.post(page("stream_change", zones.pk), {**given, **own, "keeps_changes": "on"})

    zones.refresh_from_db()
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    assert zones.keeps_changes is True


class TestChanges:
    @pytest.fixture
    def crews(self, zones: Stream) -> Stream:
        tablets = Connector.objects.create(kind="push", name="Tablets", config={"contracts": ["crew/1"]})
        return Stream.objects.create(connector=tablets, name="crews", contract="crew/1", keeps_changes=True)

    @pytest.fixture(autouse=True)
    def _kept(self, zones: Stream, crews: Stream) -> None:
        Stream.objects.filter(pk=zones.pk).update(keeps_changes=True)
        self.run = run_of(zones, updated=1)
        zone = {"stream": zones, "run": self.run, "table": "gis_zone", "kind": ChangeKind.UPDATED, "at": BEGAN}
        self.renamed = RecordChange.objects.create(
            external_id="Z-1", before={"name": "North", "kva": 400}, after={"name": "North grid", "kva": None}, **zone
        )
        RecordChange.objects.create(external_id="Z-10", before=None, after={"name": "Tenth"}, **zone)
        RecordChange.objects.create(
            stream=crews,
            table="work_crew",
            external_id="C-1",
            kind=ChangeKind.RETIRED,
            at=BEGAN,
            before={"name": "One"},
        )

    def test_are_listed_with_what_changed_and_the_run(self, client: Client) -> None:
        shown = text(client, page("recordchange_changelist"))

        assert [one in shown for one in ("Z-1<", "Z-10<", "C-1<")] == [True] * 3
        assert page("run_change", self.run.pk) in shown
        assert "North grid" in shown

    def test_are_found_by_a_records_whole_id_by_stream_and_by_run(self, client: Client, crews: Stream) -> None:
        def found(query: str) -> list[str]:
            shown = text(client, page("recordchange_changelist") + query)
            return [one for one in ("Z-1", "Z-10", "C-1") if f"{one}<" in shown]

        assert found("?q=Z-1") == ["Z-1"]
        assert found(f"?stream={crews.pk}") == ["C-1"]
        assert found(f"?run__id__exact={self.run.pk}") == ["Z-1", "Z-10"]
        assert found("?stream=nonsense") == ["Z-1", "Z-10", "C-1"]

    def test_each_shows_all_its_columns(self, client: Client) -> None:
        shown = text(client, page("recordchange_change", self.renamed.pk))

        assert "<dt>kva</dt><dd>400 " in shown
        assert "<dt>name</dt><dd>North " in shown
        assert "becomes</span> —</dd>" in shown

    def test_lead_from_the_run(self, client: Client) -> None:
        assert f"recordchange/?run__id__exact={self.run.pk}" in text(client, page("run_change", self.run.pk))

    def test_are_not_a_neighbours_to_see(self, neighbour: Organisation, tenants: Tenants) -> None:
        client = Client()
        client.force_login(tenants.member(neighbour, Role.ADMINISTRATOR).user)

        assert "Z-1" not in text(client, page("recordchange_changelist"))

    def test_cost_a_fixed_number_of_statements(self, client: Client, django_assert_max_num_queries: Any) -> None:
        with django_assert_max_num_queries(25):
            assert client.get(page("recordchange_changelist")).status_code == 200
