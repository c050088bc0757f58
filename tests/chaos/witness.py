"""What the database says, asked without the product's own code: how the reads stand, and what must hold at rest."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

import psycopg

from tests.chaos.historian import Moves
from tests.chaos.product import Product
from tests.chaos.truth import Truth

ROWS: dict[str, LiteralString] = {
    "poles": """
        SELECT split_part(external_id, '/', 2), source_time, properties->>'name', properties->>'revision',
               geometry->'coordinates', retired_at IS NOT NULL
        FROM gis_feature WHERE stream_id = %s""",
    "lines": """
        SELECT external_id, source_time, name, '', geometry->'coordinates', retired_at IS NOT NULL
        FROM gis_networkelement WHERE stream_id = %s""",
}

UNDER_WAY = "SELECT count(*) FROM connectors_run WHERE status IN ('PENDING', 'RUNNING')"
LEASES = "SELECT count(*) FROM connectors_lease WHERE mode <> 'EVENT'"
WAITING = "SELECT count(*) FROM connectors_outboxitem WHERE done_at IS NULL"

LISTENED_TO = """
    SELECT count(*) FROM connectors_lease
    WHERE stream_id = %s AND phase = 'LISTENING' AND expires_at > clock_timestamp()"""

HEARD = """
    SELECT signal.external_id, reading.source_time, reading.state
    FROM telemetry_reading AS reading JOIN telemetry_signal AS signal ON signal.id = reading.signal_id"""

TOLD = """
    SELECT history.history_id, history.label, history.history_type, event.actor_id, event.action
    FROM connectors_historicalstream AS history
    LEFT JOIN audit_event AS event ON event.model = 'connectors.stream' AND event.history_id = history.history_id
    WHERE history.id = %s ORDER BY history.history_id"""


@dataclass(frozen=True)
class Edits:
    """What a person changed, in order: `asked` holds all of it, `acknowledged` what the system said was done."""

    actor: int
    asked: Sequence[str]
    acknowledged: frozenset[str]


class Witness:
    def __init__(self, product: Product, *, organisation: int, streams: dict[str, int], values: int) -> None:
        self.product = product
        self.organisation = organisation
        self.streams, self.values = streams, values

    def now(self) -> datetime:
        moment: datetime = self._one("SELECT clock_timestamp()")
        return moment

    def full_read_at(self, stream: int) -> datetime | None:
        ended: datetime | None = self._one(
            "SELECT full_read_at FROM connectors_streamstate WHERE stream_id = %s", stream
        )
        return ended

    def restless(self) -> str:
        """What has not come to rest, in words; empty if nothing."""
        with self._asking() as ask:
            found = {
                "runs under way": ask(UNDER_WAY)[0][0],
                "leases held": ask(LEASES)[0][0],
                "items in the outbox": ask(WAITING)[0][0],
            }
        return ", ".join(f"{what}: {count}" for what, count in found.items() if count)

    def is_listening(self) -> bool:
        """Whether what the historian tells lands at once."""
        return bool(self._one(LISTENED_TO, self.values))

    def unheard(self, moves: Moves) -> list[str]:
        """
        In what the moves of switches that stand there differ from those that there were: each once, and no others;
        and the runs have counted each once.
        """
        with self._asking() as ask:
            heard = ask(HEARD)
            [(created,)] = ask("SELECT sum(created) FROM connectors_run WHERE stream_id = %s", self.values)
        return list(misheard(heard, created, moves))

    def bugs(self) -> int:
        """How many runs say that a mistake of ours ended them."""
        return int(self._one("SELECT count(*) FROM connectors_run WHERE outcome = 'BUG'"))

    def findings(self, truth: Truth, edits: Edits, runs: Sequence[int]) -> list[str]:
        """
        Everything that is not as it must be, with the system at rest.

        :param runs: those that a person was told have been started
        """
        with self._asking() as ask:
            found = [
                finding
                for name, stream in self.streams.items()
                for finding in (
                    *differences(name, ask(ROWS[name], stream), truth),
                    *_uncounted(name, ask, stream),
                )
            ]
            found += gaps(ask(TOLD, self.streams["poles"]), edits)
            ended = {row[0] for row in ask("SELECT id FROM connectors_run WHERE finished_at IS NOT NULL")}
            found += [f"run {run}, which a person started, did not end" for run in runs if run not in ended]
        return found

    @contextmanager
    def _asking(self) -> "Iterator[Any]":
        """One snapshot, in which only the organisation's rows exist."""
        with self.product.connect() as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.execute("SELECT set_config('app.organisation_ids', %s, true)", [str(self.organisation)])

            def ask(statement: LiteralString, *values: Any) -> list[tuple[Any, ...]]:
                return connection.execute(statement, values).fetchall()

            yield ask

    def _one(self, statement: LiteralString, *values: Any) -> Any:
        with self._asking() as ask:
            rows = ask(statement, *values)
        return rows[0][0] if rows else None


def differences(name: str, rows: Sequence[tuple[Any, ...]], truth: Truth) -> Iterator[str]:
    """Each record of the source stands there once and as it is; what is gone from it is retired, nothing else."""
    expected = {key: _row_of(name, feature) for key, feature in truth.collections[name].items()}
    landed = {key: tuple(rest) for key, *rest, is_retired in rows if not is_retired}
    retired = {row[0] for row in rows if row[-1]}
    if len(rows) != len({row[0] for row in rows}):
        yield f"{name}: {len(rows)} rows of {len({row[0] for row in rows})} records"
    yield from _listed(f"{name}: not landed", expected.keys() - landed.keys())
    yield from _listed(f"{name}: not retired", landed.keys() - expected.keys())
    yield from _listed(f"{name}: retired though the source has it", retired & expected.keys())
    yield from _listed(f"{name}: retired and never landed", retired - truth.gone[name])
    yield from _listed(
        f"{name}: not as the source has it",
        {key for key in expected.keys() & landed.keys() if expected[key] != landed[key]},
    )


def misheard(heard: Sequence[tuple[Any, ...]], created: int, moves: Moves) -> Iterator[str]:
    """
    :param heard: rows of path, moment and state
    :param created: how many the runs have counted
    """
    landed = {(path, moment, state) for path, moment, state in heard}
    yield from _listed("values: not heard", {f"{path} {state} at {at}" for path, at, state in moves - landed})
    yield from _listed("values: never told", {f"{path} {state} at {at}" for path, at, state in landed - moves})
    if created != len(heard):
        yield f"values: the runs created {created} of {len(heard)} rows"


def _row_of(name: str, feature: dict[str, Any]) -> tuple[Any, ...]:
    properties = feature["properties"]
    return (
        datetime.fromisoformat(properties["modified"]),
        properties["name"],
        str(properties["revision"]) if name == "poles" else "",
        feature["geometry"]["coordinates"],
    )


def _listed(what: str, keys: set[str]) -> Iterator[str]:
    if keys:
        yield f"{what}: {len(keys)}, such as {', '.join(sorted(keys)[:3])}"


def _uncounted(name: str, ask: Any, stream: int) -> Iterator[str]:
    """The runs have counted each row once when it came, and once when it went."""
    [(created, retired)] = ask("SELECT sum(created), sum(retired) FROM connectors_run WHERE stream_id = %s", stream)
    rows = ask(ROWS[name], stream)
    gone = sum(1 for row in rows if row[-1])
    if (created, retired) != (len(rows), gone):
        yield f"{name}: the runs created {created} and retired {retired}; there are {len(rows)}, {gone} of them retired"


def gaps(history: Sequence[tuple[Any, ...]], edits: Edits) -> Iterator[str]:
    """One row of history, and one line of the trail with its actor, for each edit, in the order of the edits."""
    labels = [row[1] for row in history]
    known = [label for label in edits.asked if label in edits.acknowledged or label in labels]
    if labels != known:
        yield f"history: it tells of {labels[-5:]} at last, not of {known[-5:]}"
    wanted = [("+" if number == 0 else "~", edits.actor) for number in range(len(history))]
    told = [(action, actor) for _, _, _, actor, action in history]
    if told != wanted:
        yield f"history: {sum(1 for one, other in zip(told, wanted, strict=True) if one != other)} without their trail"
