"""Connectors, streams and schedules as people set them up."""

import json
from decimal import Decimal

import pytest
from django_celery_beat.models import PeriodicTask

from connectors import secrets
from connectors.models import Connector, ConnectorProbe, Mode, Schedule, State, Stream
from connectors.protocols.errors import Unreachable
from connectors.services.probe import discover, probe_connector
from connectors.services.schedules import (
    UnableToSchedule,
    install_system_schedules,
    remove_schedule,
    save_schedule,
)
from connectors.services.settings import (
    InvalidSettings,
    ReasonMissing,
    config_form,
    save_connector,
    save_stream,
    switch_connector,
)
from organisation.scope import Scope
from organisation.tasks import scope_from_header
from tests.connectors.engine.scripted import Clock, Source

HERE, ELSEWHERE = "https://here.example/api", "https://elsewhere.example/api"


def saved(clock: Clock, connector: Connector | None = None, **settings: str) -> Connector:
    return save_connector(
        kind="scripted", name="Script", settings={"address": HERE, **settings}, now=clock(), connector=connector
    )


def test_secrets_are_kept_apart_and_encrypted(scope: Scope, clock: Clock) -> None:
    connector = saved(clock, password="hunter2")

    connector.refresh_from_db()
    assert connector.config == {"address": HERE, "strict": False}
    assert secrets.decrypt(connector.secrets) == {"password": "hunter2"}
    assert (connector.state, connector.secrets_changed_at) == (State.REGISTERED, clock())
    assert "hunter2" not in str(config_form("scripted", connector=connector))


def test_an_empty_secret_keeps_the_stored_one_and_another_replaces_it(scope: Scope, clock: Clock) -> None:
    connector = saved(clock, password="hunter2")
    first = clock()
    clock.advance(60)

    saved(clock, connector, address=HERE + "/v2", password="")
    connector.refresh_from_db()
    assert secrets.decrypt(connector.secrets) == {"password": "hunter2"}
    assert (connector.config["address"], connector.secrets_changed_at) == (HERE + "/v2", first)
    saved(clock, connector, password="swordfish")

    connector.refresh_from_db()
    assert secrets.decrypt(connector.secrets) == {"password": "swordfish"}
    assert connector.secrets_changed_at == clock()


def test_a_stored_secret_does_not_go_to_another_address(scope: Scope, clock: Clock) -> None:
    connector = saved(clock, password="hunter2")

    with pytest.raises(InvalidSettings) as refused:
        saved(clock, connector, address=ELSEWHERE)

    assert list(refused.value.errors) == ["password"]
    connector.refresh_from_db()
    assert connector.config["address"] == HERE
    saved(clock, connector, address=ELSEWHERE, password="hunter2")
    connector.refresh_from_db()
    assert connector.config["address"] == ELSEWHERE


def test_secrets_that_cannot_be_read_can_be_entered_anew(scope: Scope, clock: Clock) -> None:
    connector = saved(clock, password="hunter2")
    connector.secrets = "lost$token"
    connector.save()

    saved(clock, connector, password="swordfish")

    connector.refresh_from_db()
    assert secrets.decrypt(connector.secrets) == {"password": "swordfish"}


def test_each_wrong_setting_is_named(scope: Scope, clock: Clock) -> None:
    with pytest.raises(InvalidSettings) as refused:
        save_connector(kind="scripted", name="Script", settings={"address": "x" * 41}, now=clock())
    assert list(refused.value.errors) == ["address"]
    saved(clock)
    with pytest.raises(InvalidSettings) as refused:
        saved(clock)
    assert refused.value.errors == {"name": ["There is a connector named Script already."]}
    assert Connector.objects.count() == 1


def test_a_stream_takes_what_its_adapter_says(connector: Connector) -> None:
    stream = save_stream(connector=connector, name="zones", contract="zone/1")

    assert (stream.freshness_s, stream.is_enabled) == (600, True)
    with pytest.raises(InvalidSettings) as refused:
        save_stream(connector=connector, name="zones", contract="alarm/1")
    assert refused.value.errors == {
        "contract": ["This adapter gives no alarm/1. It gives restoration-estimate/1, zone/1."]
    }
    with pytest.raises(InvalidSettings, match="read into zone/1 already"):
        save_stream(connector=connector, name="zones", contract="zone/1")
    assert Stream.objects.count() == 1


@pytest.mark.parametrize(
    ("every_s", "every", "period"),
    [(Decimal("0.5"), 500_000, "microseconds"), (Decimal("1.0"), 1, "seconds"), (Decimal(60), 60, "seconds")],
)
def test_a_schedule_is_a_periodic_task_that_names_nobody(
    stream: Stream, scope: Scope, every_s: Decimal, every: int, period: str
) -> None:
    schedule = save_schedule(stream=stream, mode=Mode.INCREMENTAL, every_s=every_s)

    task = PeriodicTask.objects.get(pk=schedule.periodic_task_id)
    assert (task.task, task.enabled) == ("connectors.tasks.sync_stream", True)
    assert (task.interval.every, task.interval.period) == (every, period)
    assert json.loads(task.args) == [stream.pk, "INCREMENTAL", "SCHEDULE"]
    header = scope_from_header(json.loads(task.headers)["organisation_scope"])
    assert (header.organisation_id, header.actor_id) == (scope.organisation_id, None)
    assert "Utility" not in str(task.name) + task.args + task.headers
    again = save_schedule(stream=stream, mode=Mode.INCREMENTAL, every_s=30)
    assert (again.pk, again.periodic_task_id) == (schedule.pk, task.pk)
    task.refresh_from_db()
    assert task.interval.every == 30


def test_a_schedule_follows_what_is_switched_off_and_on(stream: Stream, clock: Clock) -> None:
    schedule = save_schedule(stream=stream, mode=Mode.FULL, every_s=60)

    def runs() -> bool:
        return bool(PeriodicTask.objects.get(pk=schedule.periodic_task_id).enabled)

    switch_connector(connector=stream.connector, on=False, reason="Maintenance", now=clock())
    assert not runs()
    switch_connector(connector=stream.connector, on=True, reason="", now=clock())
    assert runs()
    save_stream(connector=stream.connector, name="zones", contract="zone/1", is_enabled=False, stream=stream)
    assert not runs()
    remove_schedule(schedule=schedule)
    assert not PeriodicTask.objects.filter(task="connectors.tasks.sync_stream").exists()
    assert not Schedule.objects.exists()


def test_a_mode_that_cannot_be_is_not_scheduled(connector: Connector) -> None:
    pushed = Stream.objects.create(connector=connector, name="estimates", contract="restoration-estimate/1")

    with pytest.raises(UnableToSchedule, match="cannot be read in the mode full"):
        save_schedule(stream=pushed, mode=Mode.FULL, every_s=60)


def test_the_systems_own_schedules_are_installed_once(scope: Scope) -> None:
    install_system_schedules()
    install_system_schedules()

    installed = {task.task: str(task.interval) for task in PeriodicTask.objects.all()}
    assert installed == {"connectors.tasks.sweep": "every second", "connectors.tasks.prune": "every 3600 seconds"}
    assert PeriodicTask.objects.count() == 2


def test_switching_off_needs_a_reason_and_back_on_the_evidence_counts(connector: Connector, clock: Clock) -> None:
    with pytest.raises(ReasonMissing):
        switch_connector(connector=connector, on=False, reason=" ", now=clock())
    probe_connector(connector_id=connector.pk, clock=clock)

    off = switch_connector(connector=connector, on=False, reason="Maintenance", now=clock())
    assert (off.state, off.state_reason, off.state_since) == (State.DISABLED, "Maintenance", clock())
    probe_connector(connector_id=connector.pk, clock=clock)
    assert Connector.objects.get().state == State.DISABLED

    on = switch_connector(connector=connector, on=True, reason="", now=clock())
    assert (on.state, on.state_reason) == (State.ACTIVE, "")


def test_a_probe_is_kept_and_settles_the_state(connector: Connector, clock: Clock, source: Source) -> None:
    probed = probe_connector(connector_id=connector.pk, clock=clock)

    kept = ConnectorProbe.objects.get()
    assert (probed.succeeded, kept.succeeded, kept.summary) == (True, True, "It is there.")
    assert (kept.product, kept.product_version, kept.findings) == ("Script", "1", ["Look here."])
    assert Connector.objects.get().state == State.ACTIVE
    source.probing = Unreachable("script refuses connections.")
    clock.advance(60)
    failed = probe_connector(connector_id=connector.pk, clock=clock)

    assert (failed.succeeded, failed.summary) == (False, "script refuses connections.")
    connector.refresh_from_db()
    assert (connector.state, connector.state_reason) == (State.ERROR, "script refuses connections.")
    assert (connector.state_since, ConnectorProbe.objects.get().at) == (clock(), clock())


def test_what_a_source_has_can_be_asked(connector: Connector, clock: Clock) -> None:
    assert [one.name for one in discover(connector_id=connector.pk, clock=clock)] == ["zones"]
