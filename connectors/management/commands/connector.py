import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.forms import MultipleChoiceField
from django.utils import timezone

from connectors import registry
from connectors.contracts.base import contract_id
from connectors.management.reads import Reads
from connectors.management.upkeep import Upkeep
from connectors.protocols.adapter import Family
from connectors.protocols.errors import SourceError
from connectors.protocols.forms import secret_names
from connectors.queries import connectors, listening_since
from connectors.scaffold.package import UnableToScaffold, write_package
from connectors.services.probe import discover, probe_connector
from connectors.services.settings import InvalidSettings, save_connector, save_stream
from organisation.queries import UnknownOrganisation, scope_of
from organisation.scope import acting_for, carrying

OF_NO_ORGANISATION = frozenset({"kinds", "new"})


class Command(Reads, Upkeep):
    help = (
        "Connectors from the command line: kinds, new, add, list, probe, discover, preview, sync, cancel, runs, "
        "changes, rejected, prune."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)

        def action(name: str, help: str) -> Any:  # noqa: A002  # argparse's own word
            one = actions.add_parser(name, help=help)
            one.add_argument("--json", action="store_true", help="one JSON object a line")
            one.add_argument("--organisation", default=settings.DEFAULT_ORGANISATION, metavar="SLUG")
            return one

        action("kinds", "the adapters there are, and their settings")
        new = action("new", "write the package of a new adapter: code, page, captured record and tests")
        new.add_argument("kind", help="its name for good, such as tide-gauges")
        new.add_argument("--label", default="", help="its name for people")
        new.add_argument("--family", default=Family.ASSET.value, type=str.upper, choices=[one.value for one in Family])
        new.add_argument("--into", type=Path, default=Path(), metavar="FOLDER", help="where its folder is made")
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
        add.add_argument(
            "--listen",
            action="store_true",
            help="have the source tell of changes by itself, where it and the stream can",
        )
        action("list", "the organisation's connectors and their streams")
        probe = action("probe", "ask a source whether it is there")
        probe.add_argument("name")
        found = action("discover", "what a source has to be read")
        found.add_argument("name")
        self._declare_reads(action)
        self._declare_upkeep(action)

    def handle(self, *args: Any, **options: Any) -> None:
        self.as_json = options["json"]
        act = getattr(self, f"_{options['action']}")
        if options["action"] in OF_NO_ORGANISATION:
            act(options)
            return
        try:
            scope = scope_of(options["organisation"])
        except UnknownOrganisation as error:
            self._refuse(str(error))
        with carrying(scope):
            act(options)

    def _new(self, options: dict[str, Any]) -> None:
        try:
            folder, *files = write_package(
                kind=options["kind"],
                label=options["label"],
                family=Family(options["family"]),
                into=options["into"],
                taken=frozenset(registry.adapters()),
            )
        except UnableToScaffold as error:
            self._refuse(str(error))
        written = [str(path.relative_to(folder)) for path in files]
        self._show({"folder": str(folder), "files": written}, "{folder}: {said}", said=", ".join(written))

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
                    listen = options["listen"] and registry.can_listen(connector.kind, contract)
                    save_stream(connector=connector, name=name, contract=contract, is_listened_to=listen)
        except InvalidSettings as error:
            self._refuse("Nothing was added.", errors=error.errors)
        self._show({"name": connector.name, "uuid": str(connector.uuid), "state": connector.state}, "Added {name}.")

    def _list(self, options: dict[str, Any]) -> None:
        with acting_for(scope_of(options["organisation"])):
            found = list(connectors().prefetch_related("streams__states", "streams__leases"))
        now = timezone.now()
        for one in found:
            of_it = [
                {
                    "name": stream.name,
                    "contract": stream.contract,
                    "outcome": next((state.outcome for state in stream.states.all()), "NONE"),
                    "listening_since": since.isoformat() if (since := listening_since(stream, now=now)) else None,
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
