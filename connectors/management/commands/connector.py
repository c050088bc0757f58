import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.forms import MultipleChoiceField
from django.utils import timezone

from connectors import registry
from connectors.contracts.base import contract_id
from connectors.models import Connector, Mode, Run, Stream, Trigger
from connectors.protocols.adapter import Mode as AdapterMode
from connectors.protocols.errors import SourceError
from connectors.protocols.forms import secret_names
from connectors.queries import connectors, runs, streams
from connectors.services.probe import discover, probe_connector
from connectors.services.requests import UnableToSync, start_sync
from connectors.services.runs import Counts
from connectors.services.settings import InvalidSettings, save_connector, save_stream
from connectors.services.sync import Ended, sync_stream
from connectors.tasks import work_off_outbox
from organisation.queries import UnknownOrganisation, scope_of
from organisation.scope import acting_for, carrying

WRONG_INPUT = 2


class Command(BaseCommand):
    help = "Connectors from the command line: kinds, add, list, probe, discover, sync, runs."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)

        def action(name: str, help: str) -> Any:  # noqa: A002  # argparse's own word
            one = actions.add_parser(name, help=help)
            one.add_argument("--json", action="store_true", help="one JSON object a line")
            one.add_argument("--organisation", default=settings.DEFAULT_ORGANISATION, metavar="SLUG")
            return one

        action("kinds", "the adapters there are, and their settings")
        add = action("add", "add a connector, and streams of it")
        add.add_argument("kind")
        add.add_argument("name")
        add.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="a setting")
        add.add_argument(
            "--secret",
            action="append",
            default=[],
            metavar="FIELD=VARIABLE",
            help="a secret, from an environment variable, or from a file as FIELD=@PATH",
        )
        add.add_argument(
            "--stream", action="append", default=[], metavar="CONTRACT=NAME", help="what to read, as alarm/1=alarms"
        )
        action("list", "the organisation's connectors and their streams")
        probe = action("probe", "ask a source whether it is there")
        probe.add_argument("name")
        found = action("discover", "what a source has to be read")
        found.add_argument("name")
        sync = action("sync", "read a connector's streams now")
        sync.add_argument("name")
        sync.add_argument("--stream", help="only this one")
        sync.add_argument(
            "--mode",
            choices=["full", "incremental"],
            help="everything, or changes; if not given, changes where the source can tell them and was read whole once",
        )
        listing = action("runs", "what was read, newest first")
        listing.add_argument("--limit", type=int, default=20)

    def handle(self, *args: Any, **options: Any) -> None:
        self.as_json: bool = options["json"]
        try:
            scope = scope_of(options["organisation"])
        except UnknownOrganisation as error:
            self._refuse(str(error))
        with carrying(scope):
            getattr(self, f"_{options['action']}")(options)

    def _kinds(self, options: dict[str, Any]) -> None:
        for kind, adapter in sorted(registry.adapters().items()):
            secret = secret_names(adapter.config_form)
            self._show(
                {
                    "kind": kind,
                    "label": adapter.label,
                    "version": adapter.version,
                    "family": adapter.family.value,
                    "emits": [contract_id(one.contract) for one in adapter.emits],
                    "accepts": [contract_id(one) for one in adapter.accepts],
                    "settings": [name for name in adapter.config_form.base_fields if name not in secret],
                    "secrets": list(secret),
                },
                "{kind:20} {label}",
            )

    def _add(self, options: dict[str, Any]) -> None:
        if options["kind"] not in registry.adapters():
            self._refuse(f"There is no adapter {options['kind']!r}. `connector kinds` lists them.")
        given = self._settings(options["kind"], self._pairs(options["set"]))
        given |= {field: self._secret(source) for field, source in self._pairs(options["secret"])}
        try:
            with acting_for(scope_of(options["organisation"])):
                connector = save_connector(
                    kind=options["kind"], name=options["name"], settings=given, now=timezone.now()
                )
                for contract, name in self._pairs(options["stream"]):
                    save_stream(connector=connector, name=name, contract=contract)
        except InvalidSettings as error:
            self._refuse("Nothing was added.", errors=error.errors)
        self._show({"name": connector.name, "uuid": str(connector.uuid), "state": connector.state}, "Added {name}.")

    def _list(self, options: dict[str, Any]) -> None:
        with acting_for(scope_of(options["organisation"])):
            found = list(connectors().prefetch_related("streams__states"))
        for one in found:
            of_it = [
                {
                    "name": stream.name,
                    "contract": stream.contract,
                    "outcome": next((state.outcome for state in stream.states.all()), "NONE"),
                }
                for stream in one.streams.all()
            ]
            self._show(
                {
                    "name": one.name,
                    "kind": one.kind,
                    "uuid": str(one.uuid),
                    "state": one.state,
                    "reason": one.state_reason,
                    "streams": of_it,
                },
                "{state:11} {name:28} {kind:20} {reason}",
            )

    def _probe(self, options: dict[str, Any]) -> None:
        probed = probe_connector(connector_id=self._connector(options).pk, clock=timezone.now)
        self._show(
            {
                "succeeded": probed.succeeded,
                "summary": probed.summary,
                "product": probed.product,
                "version": probed.product_version,
                "findings": list(probed.findings),
            },
            "{summary}",
        )
        if not probed.succeeded:
            sys.exit(1)

    def _discover(self, options: dict[str, Any]) -> None:
        try:
            found = discover(connector_id=self._connector(options).pk, clock=timezone.now)
        except SourceError as error:
            self._refuse(str(error))
        for one in found:
            self._show({"contract": one.contract, "name": one.name, "label": one.label}, "{contract:24} {name}")

    def _sync(self, options: dict[str, Any]) -> None:
        connector = self._connector(options)
        with acting_for(scope_of(options["organisation"])):
            of_it = [one for one in streams().filter(connector=connector) if options["stream"] in (None, one.name)]
        if not of_it:
            self._refuse(f"{connector.name} has no such stream. `connector list` shows those it has.")
        failed = False
        for stream in of_it:
            mode = Mode(options["mode"].upper()) if options["mode"] else self._mode(stream, options)
            try:
                with acting_for(scope_of(options["organisation"])):
                    start_sync(stream=stream, mode=mode, trigger=Trigger.PERSON, actor_id=None, now=timezone.now())
            except UnableToSync as error:
                self._refuse(str(error))
            synced = sync_stream(
                stream_id=stream.pk, mode=mode, trigger=Trigger.PERSON, committed=self._progress(stream)
            )
            work_off_outbox()
            failed = failed or synced.ended != Ended.READ
            counts = synced.counts
            self._show(
                {
                    "stream": stream.name,
                    "contract": stream.contract,
                    "ended": synced.ended.value,
                    "outcome": synced.outcome.value,
                    "detail": synced.detail,
                    "run": synced.run_id,
                    "records": counts.records,
                    "created": counts.created,
                    "updated": counts.updated,
                    "unchanged": counts.unchanged,
                    "retired": counts.retired,
                    "rejected": counts.rejected,
                },
                "{stream}: {outcome}. {created} created, {updated} updated, {unchanged} unchanged, {retired} retired, "
                "{rejected} set aside. {detail}",
            )
        if failed:
            sys.exit(1)

    def _mode(self, stream: Stream, options: dict[str, Any]) -> Mode:
        with acting_for(scope_of(options["organisation"])):
            was_read_whole = stream.states.exclude(full_read_at=None).exists()
        modes = registry.modes_of(stream.connector.kind, stream.contract)
        return Mode.INCREMENTAL if was_read_whole and AdapterMode.INCREMENTAL in modes else Mode.FULL

    def _runs(self, options: dict[str, Any]) -> None:
        with acting_for(scope_of(options["organisation"])):
            found: list[Run] = list(runs()[: options["limit"]])
        for run in found:
            self._show(
                {
                    "id": run.pk,
                    "connector": run.stream.connector.name,
                    "stream": run.stream.name,
                    "mode": run.mode,
                    "status": run.status,
                    "started_at": run.started_at.isoformat(),
                    "finished_at": run.finished_at.isoformat() if run.finished_at else None,
                    "records": run.records,
                    "created": run.created,
                    "updated": run.updated,
                    "unchanged": run.unchanged,
                    "retired": run.retired,
                    "rejected": run.rejected,
                    "detail": run.detail,
                },
                "{started_at}  {status:10} {connector}: {stream} {mode}  +{created} ~{updated} -{retired} !{rejected} "
                "{detail}",
            )

    def _progress(self, stream: Stream) -> Any:
        def say(counts: Counts) -> None:
            of = f" of {counts.expected}" if counts.expected else ""
            self.stderr.write(f"{stream.name}: page {counts.pages}, {counts.records}{of} records")

        return say

    def _connector(self, options: dict[str, Any]) -> Connector:
        with acting_for(scope_of(options["organisation"])):
            found = connectors().filter(name=options["name"]).first()
        if found is None:
            self._refuse(f"There is no connector {options['name']!r}. `connector list` shows those there are.")
        return found

    def _pairs(self, given: Iterable[str]) -> Iterable[tuple[str, str]]:
        for one in given:
            left, equals, right = one.partition("=")
            if not equals:
                self._refuse(f"{one!r} is no pair: write it as NAME=VALUE.")
            yield left, right

    def _settings(self, kind: str, given: Iterable[tuple[str, str]]) -> dict[str, Any]:
        """A field of several values is given once for each."""
        fields = registry.adapter_for(kind).config_form.base_fields
        found: dict[str, Any] = {}
        for name, value in given:
            if name not in fields:
                self._refuse(
                    "Nothing was added.", errors={name: [f"There is no such setting. There are {', '.join(fields)}."]}
                )
            if isinstance(fields[name], MultipleChoiceField):
                found.setdefault(name, []).append(value)
            else:
                found[name] = value
        return found

    def _secret(self, source: str) -> str:
        if source.startswith("@"):
            return Path(source[1:]).read_text(encoding="utf-8").rstrip("\n")
        if source not in os.environ:
            self._refuse(f"There is no environment variable {source}. Secrets are never taken from the command line.")
        return os.environ[source]

    def _show(self, row: dict[str, Any], text: str) -> None:
        self.stdout.write(json.dumps(row) if self.as_json else text.format(**row))

    def _refuse(self, message: str, *, errors: dict[str, list[str]] | None = None) -> NoReturn:
        if self.as_json:
            self.stdout.write(json.dumps({"error": message, **({"errors": errors} if errors else {})}))
            sys.exit(WRONG_INPUT)
        said = [message, *(f"{field}: {' '.join(texts)}" for field, texts in (errors or {}).items())]
        raise CommandError("\n".join(said), returncode=WRONG_INPUT)
