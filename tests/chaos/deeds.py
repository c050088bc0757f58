"""
What a person does at the system, in a process of its own: one request a line on stdin, one answer a line on stdout.

`{"do": "set_up", "source": address, "historian": address}`, `{"do": "schedule", "on": true}`, `{"do": "edit", "label":
text}` and `{"do": "sync", "stream": id, "mode": mode}` are answered by `{"done": …}`, or by `{"failed": reason}` if the
system could not say that it was done.
"""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import django
import orjson

django.setup()

from django.db import connection, transaction  # noqa: E402  # only now are there settings
from django.utils import timezone  # noqa: E402

from connectors import registry  # noqa: E402
from connectors.models import Connector, Mode, Stream, Trigger  # noqa: E402
from connectors.services.requests import start_sync  # noqa: E402
from connectors.services.schedules import save_schedule  # noqa: E402
from connectors.services.settings import save_connector, save_stream  # noqa: E402
from connectors.services.sync import sync_stream as read_stream  # noqa: E402
from connectors.tasks import sync_stream  # noqa: E402
from organisation.models import Membership  # noqa: E402
from organisation.queries import scope_of  # noqa: E402
from organisation.scope import Origin, Scope, acting_for, carrying  # noqa: E402
from organisation.services import add_organisation  # noqa: E402
from tests.chaos.historian import DATA_SERVER, TAGS, TOKEN  # noqa: E402

SLUG = "chaos"
CONTRACTS = {"poles": "feature/1", "lines": "network-element/1"}
PAGE_SIZES = {"poles": 100, "lines": 50}
EVERY_S = {Mode.FULL: 3, Mode.INCREMENTAL: 1}
OVERLAP_S = 5
VALUES = "reading/1"


def set_up(source: str, historian: str) -> dict[str, Any]:
    add_organisation(
        slug=SLUG,
        name="Chaos",
        administrator_email="administrator@chaos.example",
        administrator_password="a night without sleep",
        allowed_networks=["127.0.0.0/8"],
    )
    with acting_for(scope_of(SLUG)):
        administrator = Membership.objects.get()
    scope = _administrators_scope()
    with acting_for(scope):
        connector = save_connector(
            kind="ogc-api-features", name="GIS", settings={"base_url": source}, now=timezone.now()
        )
        streams = {name: _add_stream(connector, name, contract).pk for name, contract in CONTRACTS.items()}
    values = _listen_to(historian, scope)
    return {
        "organisation": scope.organisation_id,
        "streams": streams,
        "values": values,
        "actor": administrator.user_id,
    }


def _listen_to(historian: str, scope: Scope) -> int:
    """The stream of its values, whose signals are known. Reads begin where the last one ended, to the second."""
    given = {"base_url": f"{historian}/piwebapi", "sign_in": "BEARER", "token": TOKEN, "overlap_seconds": 0}
    fields = registry.adapter_for("pi-web-api").config_form.base_fields.items()
    initial = {name: field.prepare_value(field.initial) for name, field in fields if field.initial is not None}
    with acting_for(scope):
        connector = save_connector(
            kind="pi-web-api", name="Historian", settings={**initial, **given}, now=timezone.now()
        )
        save = partial(
            save_stream,
            connector=connector,
            name=DATA_SERVER,
            options={"name_filter": TAGS, "poll_seconds": 1},
        )
        signals = save(contract="signal/1")
    with carrying(scope):
        read_stream(stream_id=signals.pk, mode=Mode.FULL, trigger=Trigger.PERSON)
    with acting_for(scope):
        return save(contract=VALUES, is_listened_to=True).pk


def _add_stream(connector: Connector, name: str, contract: str) -> Stream:
    options = {"page_size": PAGE_SIZES[name], "overlap_s": OVERLAP_S}
    return save_stream(connector=connector, name=name, contract=contract, label=name, options=options)


def schedule(*, on: bool) -> dict[str, Any]:
    """
    Have every stream read in full and for changes, or by nobody. Values are read for changes alone, when nobody
    listens, so that no read of everything makes up for what was not heard.
    """
    with acting_for(_administrators_scope()):
        for stream in Stream.objects.select_related("connector").exclude(contract="signal/1"):
            for mode, every_s in EVERY_S.items():
                if mode == Mode.FULL and stream.contract == VALUES:
                    continue
                save_schedule(stream=stream, mode=mode, every_s=every_s, is_enabled=on)
    return {}


def edit(label: str) -> dict[str, Any]:
    """Rename a stream, with everything else as it is."""
    with acting_for(_administrators_scope()):
        stream = Stream.objects.select_related("connector").get(name="poles")
        save_stream(
            connector=stream.connector,
            name=stream.name,
            contract=stream.contract,
            label=label,
            options=stream.options,
            freshness_s=stream.freshness_s,
            stream=stream,
        )
    return {}


def sync(stream: int, mode: str) -> dict[str, Any]:
    scope = _administrators_scope()
    with acting_for(scope):
        run = start_sync(
            stream=Stream.objects.select_related("connector").get(pk=stream),
            mode=Mode(mode),
            trigger=Trigger.PERSON,
            actor_id=scope.actor_id,
            now=timezone.now(),
        )
        transaction.on_commit(lambda: sync_stream.delay(stream, mode, Trigger.PERSON.value))
    return {"run": run.pk}


def _administrators_scope() -> Scope:
    scope = scope_of(SLUG)
    with acting_for(scope):
        actor_id = Membership.objects.get().user_id
    return Scope(organisation_id=scope.organisation_id, actor_id=actor_id, origin=Origin.CONSOLE)


DEEDS: dict[str, Callable[..., dict[str, Any]]] = {"set_up": set_up, "schedule": schedule, "edit": edit, "sync": sync}


def main() -> None:
    for line in sys.stdin:
        request = orjson.loads(line)
        deed = DEEDS[request.pop("do")]
        try:
            answer: dict[str, Any] = {"done": deed(**request)}
        except Exception as error:  # noqa: BLE001  # whatever kept it from being done, with half of a system gone
            answer = {"failed": f"{type(error).__name__}: {error}"}
        finally:
            connection.close()
        sys.stdout.write(orjson.dumps(answer).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
