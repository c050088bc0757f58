"""Reading from the command line: start a read, and see what was read."""

import sys
from collections.abc import Callable
from typing import Any

from django.utils import timezone

from connectors import registry
from connectors.management.command_line import CommandLine
from connectors.models import Mode, Run, Stream, Trigger
from connectors.protocols.adapter import Mode as AdapterMode
from connectors.queries import runs, streams
from connectors.services.requests import UnableToSync, start_sync
from connectors.services.runs import Counts
from connectors.services.sync import Ended, sync_stream
from connectors.tasks import work_off_outbox
from organisation.queries import scope_of
from organisation.scope import acting_for


class Reads(CommandLine):
    def _declare_reads(self, action: Callable[[str, str], Any]) -> None:
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
