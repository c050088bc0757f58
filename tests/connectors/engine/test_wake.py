"""A source says that something has changed: its streams are read at once, and not when their schedules say so."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from connectors.models import Connector, Lease, Mode, OutboxItem, Run, Stream, Trigger
from connectors.services.lease import insert
from connectors.services.schedules import save_schedule
from connectors.services.tokens import issue_connector_token
from organisation.models import Organisation
from organisation.scope import Scope, acting_for


@pytest.fixture
def scope(utility: Organisation) -> Scope:
    """Not entered: the door enters it."""
    return Scope(organisation_id=utility.pk)


@pytest.fixture
def connector(scope: Scope) -> Connector:
    with acting_for(scope):
        return Connector.objects.create(kind="scripted", name="Script", config={"address": "here"})


@pytest.fixture
def streams(scope: Scope, connector: Connector) -> list[Stream]:
    """Two with schedules, one without."""
    with acting_for(scope):
        made = [Stream.objects.create(connector=connector, name=name, contract="zone/1") for name in ("a", "b", "c")]
        for stream, mode in ((made[0], Mode.INCREMENTAL), (made[1], Mode.FULL)):
            save_schedule(stream=stream, mode=mode, every_s=600)
        return made


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What workers are asked for."""
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr("connectors.tasks.sync_stream.delay", lambda *arguments: asked.append(arguments))
    return asked


@pytest.fixture
def wake(scope: Scope, connector: Connector) -> Any:
    with acting_for(scope):
        expires_at = timezone.now() + timedelta(days=1)
        _, token = issue_connector_token(connector=connector, name="Hook", expires_at=expires_at, now=timezone.now())

    def post(query: str = "", *, uuid: Any = None, token: str = token, method: str = "post") -> Any:
        path = f"/registry/connectors/{uuid or connector.uuid}/wake{query}"
        return getattr(Client(), method)(path, headers={"Authorization": f"Bearer {token}"})

    return post


def test_all_streams_with_a_schedule_are_read_as_it_would_read_them(
    wake: Any, streams: list[Stream], queued: list[tuple[Any, ...]], scope: Scope
) -> None:
    answer = wake()

    assert (answer.status_code, answer.json()) == (202, {"streams": ["a", "b"]})
    assert queued == [(streams[0].pk, "INCREMENTAL", "PUSH"), (streams[1].pk, "FULL", "PUSH")]
    with acting_for(scope):
        assert list(Run.objects.order_by("pk").values_list("stream__name", "status", "trigger")) == [
            ("a", "PENDING", "PUSH"),
            ("b", "PENDING", "PUSH"),
        ]


def test_streams_can_be_named(wake: Any, streams: list[Stream], queued: list[tuple[Any, ...]]) -> None:
    assert wake("?stream=b").json() == {"streams": ["b"]}

    assert queued == [(streams[1].pk, "FULL", "PUSH")]


def test_word_that_comes_while_a_stream_is_read_is_kept_until_that_has_ended(
    wake: Any, streams: list[Stream], queued: list[tuple[Any, ...]], scope: Scope
) -> None:
    with acting_for(scope):
        insert(stream=streams[0], mode=Mode.FULL, trigger=Trigger.SCHEDULE, now=timezone.now(), held=True)

    wake("?stream=a")
    wake("?stream=a")

    assert queued == []
    with acting_for(scope):
        assert list(OutboxItem.objects.values_list("kind", "stream__name")) == [("SYNC", "a")]


def test_what_is_listened_to_is_known_already(
    wake: Any, streams: list[Stream], queued: list[tuple[Any, ...]], scope: Scope
) -> None:
    with acting_for(scope):
        insert(stream=streams[0], mode=Mode.EVENT, trigger=Trigger.PUSH, now=timezone.now(), held=True)

    assert wake("?stream=a").status_code == 202

    assert queued == []
    with acting_for(scope):
        assert Lease.objects.count() == 1
        assert not OutboxItem.objects.exists()


@pytest.mark.parametrize(("query", "names"), [("?stream=c", "c"), ("?stream=a&stream=x&stream=d", "d, x")])
def test_what_no_schedule_reads_is_refused_by_name(
    wake: Any, streams: list[Stream], queued: list[tuple[Any, ...]], query: str, names: str
) -> None:
    answer = wake(query)

    assert answer.status_code == 404
    assert answer.json()["error_description"] == (
        f"This connector does not read {names} by a schedule, or not now: switch it on first."
    )
    assert queued == []


def test_the_door_opens_to_the_connectors_token_alone(
    wake: Any, streams: list[Stream], queued: list[tuple[Any, ...]]
) -> None:
    assert wake(token="uecc_guess").status_code == 401
    assert wake(uuid=uuid4()).status_code == 403
    assert wake(method="get").status_code == 405
    assert queued == []
