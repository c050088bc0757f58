"""Reading from the command line: start a read or ask what it would do, stop one, and see what was read and changed."""

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

from django.utils import timezone

from connectors import registry
from connectors.management.command_line import CommandLine
from connectors.models import Mode, Run, Stream, Trigger
from connectors.protocols.adapter import Mode as AdapterMode
from connectors.protocols.errors import SourceError
from connectors.queries import record_changes, runs, streams
from connectors.reports import Report, columns_of, report_of
from connectors.services.outcomes import Ended, Synced
from connectors.services.preview import NothingToPreview, Wanted, preview
from connectors.services.requests import (
    UnableToCancel,
    UnableToSync,
    cancel_run,
    start_sync,
    what_cancelling_means,
)
from connectors.services.runs import Counts
from connectors.services.settings import InvalidSettings
from connectors.services.sync import sync_stream
from connectors.tasks import work_off_outbox
from organisation.queries import scope_of
from organisation.scope import acting_for

COUNTS = (
    "{stream}: {outcome}. {created} created, {updated} updated, {unchanged} unchanged, {retired} retired, "
    "{rejected} set aside. {detail}"
)
DRY_COUNTS = (
    "{stream}: nothing of this was done. {outcome}. Would create {created}, update {updated}, retire {retired}, "
    "set aside {rejected}; {unchanged} unchanged. {detail}"
)


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
        sync.add_argument("--dry-run", action="store_true", help="say what it would do, and do nothing of it")
        preview = action("preview", "the first records of a stream as they would be read; nothing is kept")
        preview.add_argument("name")
        preview.add_argument("--stream", required=True)
        cancel = action("cancel", "ask a read to stop before its next page; it is not a rollback")
        cancel.add_argument("run", type=int, metavar="RUN", help="its id, which `connector runs` shows")
        listing = action("runs", "what was read, newest first")
        listing.add_argument("--limit", type=int, default=20)
        changes = action("changes", "what reads changed, record by record, newest first; for streams that keep changes")
        changes.add_argument("name")
        changes.add_argument("--record", metavar="EXTERNAL_ID", help="only this record's")
        changes.add_argument("--limit", type=int, default=100)

    def _sync(self, options: dict[str, Any]) -> None:
        connector = self._connector(options)
        with acting_for(scope_of(options["organisation"])):
            of_it = [one for one in streams().filter(connector=connector) if options["stream"] in (None, one.name)]
        if not of_it:
            self._refuse(f"{connector.name} has no such stream. `connector list` shows those it has.")
        failed = False
        for stream in of_it:
            synced = self._read(stream, options)
            self._tell(stream, synced, options)
            failed = failed or synced.ended != Ended.READ
        if failed:
            sys.exit(1)

    def _preview(self, options: dict[str, Any]) -> None:
        connector = self._connector(options)
        with acting_for(scope_of(options["organisation"])):
            stream = streams().filter(connector=connector, name=options["stream"]).first()
        if stream is None:
            self._refuse(f"{connector.name} has no such stream. `connector list` shows those it has.")
        wanted = Wanted(name=stream.name, contract=stream.contract, options=stream.options)
        try:
            found = preview(connector_id=connector.pk, wanted=wanted, clock=timezone.now)
        except (SourceError, NothingToPreview, InvalidSettings) as error:
            self._refuse(str(error))
        for record in found.records:
            self._show({"record": record.fields}, "{said}", said=json.dumps(record.fields, ensure_ascii=False))
        for one in found.set_aside:
            bad = {"external_id": one.external_id, "reason": one.reason, "path": one.path}
            self._show({"set_aside": bad}, "set aside {said}", said=f"{one.external_id or 'a record'}: {one.reason}")

    def _read(self, stream: Stream, options: dict[str, Any]) -> Synced:
        """In this process, or ask what that would do."""
        mode = Mode(options["mode"].upper()) if options["mode"] else self._mode(stream, options)
        try:
            with acting_for(scope_of(options["organisation"])):
                start_sync(
                    stream=stream,
                    mode=mode,
                    trigger=Trigger.PERSON,
                    actor_id=None,
                    now=timezone.now(),
                    is_dry=options["dry_run"],
                )
        except UnableToSync as error:
            self._refuse(str(error))
        synced = sync_stream(stream_id=stream.pk, mode=mode, trigger=Trigger.PERSON, committed=self._progress(stream))
        work_off_outbox()
        return synced

    def _tell(self, stream: Stream, synced: Synced, options: dict[str, Any]) -> None:
        with acting_for(scope_of(options["organisation"])):
            run = None if synced.run_id is None else runs().filter(pk=synced.run_id).first()
        kept = run.report if run else None
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
                "dry_run": options["dry_run"],
                "report": kept,
            },
            DRY_COUNTS if options["dry_run"] else COUNTS,
        )
        report = report_of(kept)
        if report is not None and not self.as_json:
            self.stdout.write("\n".join(_lines(report)))

    def _mode(self, stream: Stream, options: dict[str, Any]) -> Mode:
        with acting_for(scope_of(options["organisation"])):
            was_read_whole = stream.states.exclude(full_read_at=None).exists()
        modes = registry.modes_of(stream.connector.kind, stream.contract)
        return Mode.INCREMENTAL if was_read_whole and AdapterMode.INCREMENTAL in modes else Mode.FULL

    def _cancel(self, options: dict[str, Any]) -> None:
        try:
            with acting_for(scope_of(options["organisation"])):
                run = runs().filter(pk=options["run"]).first()
                if run is None:
                    self._refuse(f"There is no run {options['run']}. `connector runs` shows those there are.")
                cancelled = cancel_run(run=run, actor_id=None, now=timezone.now())
        except UnableToCancel as error:
            self._refuse(str(error))
        self._show(
            {"run": cancelled.pk, "status": cancelled.status, "detail": what_cancelling_means(cancelled)}, "{detail}"
        )

    def _changes(self, options: dict[str, Any]) -> None:
        connector = self._connector(options)
        with acting_for(scope_of(options["organisation"])):
            found = list(record_changes(connector, external_id=options["record"])[: options["limit"]])
        for change in found:
            self._show(
                {
                    "at": change.at.isoformat(),
                    "stream": change.stream.name,
                    "run": change.run_id,
                    "table": change.table,
                    "external_id": change.external_id,
                    "kind": change.kind,
                    "before": change.before,
                    "after": change.after,
                },
                "{at}  {kind:7} {stream} {external_id}  {columns}",
                columns="; ".join(map(str, columns_of(change.before, change.after))),
            )

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
                    "dry_run": run.is_dry,
                    "status": run.status,
                    "started_at": run.started_at.isoformat(),
                    "finished_at": run.finished_at.isoformat() if run.finished_at else None,
                    "records": run.records,
                    "created": run.created,
                    "updated": run.updated,
                    "unchanged": run.unchanged,
                    "retired": run.retired,
                    "rejected": run.rejected,
                    "cancel_asked_at": run.cancel_asked_at.isoformat() if run.cancel_asked_at else None,
                    "detail": run.detail,
                },
                "{id:>8}  {started_at}  {status:10} {connector}: {stream} {how}  +{created} ~{updated} -{retired} "
                "!{rejected} {detail}",
                how=f"{run.mode}, dry run" if run.is_dry else run.mode,
            )

    def _progress(self, stream: Stream) -> Any:
        def say(counts: Counts) -> None:
            of = f" of {counts.expected}" if counts.expected else ""
            self.stderr.write(f"{stream.name}: page {counts.pages}, {counts.records}{of} records")

        return say


def _lines(report: Report) -> Iterator[str]:
    """A dry run's report as one reads it."""
    for one in report.differences:
        yield f"  {one.kind.lower():8} {one.table} {one.external_id}  {'; '.join(map(str, one.columns))}"
    if report.differences_beyond:
        yield f"  and {report.differences_beyond} more"
    for record in report.set_aside:
        where = f" ({record.path})" if record.path else ""
        yield f"  set aside {record.external_id or 'a record'}: {record.reason}{where}"
    outages = ", ".join(one.number for one in report.outages) or "none"
    work_orders = ", ".join(report.work_orders) or "none"
    yield f"  would touch: open outages {outages}; work orders {work_orders}; customers {report.customers}"
