"""Upkeep from the command line: what was set aside, its replay and export, and pruning."""

import sys
from collections.abc import Callable, Collection
from typing import Any

from django.utils import timezone

from connectors.exports import FORMATS, Rows, described
from connectors.management.command_line import CommandLine
from connectors.models import RejectedRecord
from connectors.queries import rejected_records
from connectors.services.replay import Replayed, UnableToReplay, replay_rejected
from connectors.services.retention import prune
from connectors.tasks import work_off_outbox
from organisation.queries import scope_of
from organisation.scope import acting_for


class Upkeep(CommandLine):
    def _declare_upkeep(self, action: Callable[[str, str], Any]) -> None:
        rejected = action("rejected", "what was set aside: list it, replay it, export it")
        rejected.add_argument("what", choices=["list", "replay", "export"])
        rejected.add_argument("name", nargs="?", help="of this connector only")
        rejected.add_argument("--stream", help="only of this one")
        rejected.add_argument("--id", type=int, action="append", metavar="ID", help="only this one, as `list` shows it")
        rejected.add_argument("--settled", action="store_true", help="list and export those that are settled, too")
        rejected.add_argument("--limit", type=int, default=20, help="of a list")
        rejected.add_argument("--csv", action="store_true", help="export for a spreadsheet, not one JSON object a line")
        action("prune", "remove what is older than it is kept, now")

    def _rejected(self, options: dict[str, Any]) -> None:
        chosen = self._chosen(options)
        {"list": self._list_rejected, "replay": self._replay, "export": self._export}[options["what"]](chosen, options)

    def _chosen(self, options: dict[str, Any]) -> Rows:
        rows = rejected_records()
        if options["name"] is not None:
            rows = rows.filter(stream__connector=self._connector(options))
        if options["stream"] is not None:
            rows = rows.filter(stream__name=options["stream"])
        if options["id"] is not None:
            rows = rows.filter(pk__in=options["id"])
        return rows if options["settled"] and options["what"] != "replay" else rows.filter(settled_at=None)

    def _list_rejected(self, rows: Rows, options: dict[str, Any]) -> None:
        with acting_for(scope_of(options["organisation"])):
            found: list[RejectedRecord] = list(rows[: options["limit"]])
        for one in found:
            self._show(
                {"id": one.pk, **described(one)},
                "{id:8} {last_seen_at}  {connector}: {stream}  {external_id}  {reason} {path} ({times} times)",
            )

    def _replay(self, rows: Rows, options: dict[str, Any]) -> None:
        with acting_for(scope_of(options["organisation"])):
            of_streams: dict[int, list[int]] = {}
            for stream_id, pk in rows.order_by("stream_id").values_list("stream_id", "pk"):
                of_streams.setdefault(stream_id, []).append(pk)
        replayed = Replayed()
        for stream_id, ids in of_streams.items():
            replayed = replayed.plus(self._replay_stream(stream_id, ids))
        self._show(
            {
                "landed": replayed.landed,
                "settled": replayed.settled,
                "failed": replayed.failed,
                "cut": replayed.cut,
                "detail": replayed.sentence,
            },
            "{detail}",
        )
        if replayed.failed or replayed.cut:
            sys.exit(1)

    def _replay_stream(self, stream_id: int, ids: Collection[int]) -> Replayed:
        try:
            return replay_rejected(stream_id=stream_id, ids=ids, clock=timezone.now)
        except UnableToReplay as error:
            self._refuse(str(error))
        finally:
            work_off_outbox()

    def _export(self, rows: Rows, options: dict[str, Any]) -> None:
        _, write = FORMATS["csv" if options["csv"] else "ndjson"]
        for part in write(rows, scope_of(options["organisation"])):
            self.stdout.write(part.decode(), ending="")

    def _prune(self, options: dict[str, Any]) -> None:
        pruned = prune(clock=timezone.now).pruned
        self._show(
            pruned,
            "Pruned {runs} runs, {rejected_records} rejected records, {changes} changes, {deliveries} deliveries.",
        )
