"""A test of a connection, answered point by point: is it there, does it let us in, what has it, what may we do."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from connectors import registry
from connectors.contracts.base import contract_id
from connectors.models import Connector
from connectors.protocols.adapter import Mode, SourceStream
from connectors.protocols.errors import ContractBroken, SourceError, Throttled, Unauthorized, Unreachable
from connectors.services.probe import Clock, Probed, discover, probe_connector
from organisation.scope import acting_for, current_scope

MODES = {Mode.FULL: "all of it", Mode.INCREMENTAL: "its changes", Mode.EVENT: "its events"}


class Answer(StrEnum):
    YES = "YES"
    NO = "NO"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, kw_only=True)
class Point:
    """One question of the test. `said` is a sentence for a person."""

    question: str
    answer: Answer
    said: str


@dataclass(frozen=True, kw_only=True)
class Tested:
    """
    :ivar found: what the source has to be read; empty if it could not be asked
    """

    connector: Connector
    succeeded: bool
    points: tuple[Point, ...]
    found: tuple[SourceStream, ...]


def examine_connection(*, connector_id: int, clock: Clock) -> Tested:
    """
    Ask a source who it is and what it has; nothing is written there. The answer is kept with the connector and settles
    its state. The scope is carried.
    """
    with acting_for(current_scope()):
        connector = Connector.objects.get(pk=connector_id)
    probed = probe_connector(connector_id=connector_id, clock=clock)
    return answers(connector, probed, lambda: discover(connector_id=connector_id, clock=clock))


def answers(connector: Connector, probed: Probed, discovered: Callable[[], Iterable[SourceStream]]) -> Tested:
    """The answers that a connector's source gave; what it has is asked only if it was reached."""
    found: tuple[SourceStream, ...] = ()
    refusal: SourceError | None = probed.error
    if refusal is None:
        try:
            found = tuple(discovered())
        except SourceError as error:
            refusal = error
    points = (
        _reached(connector, probed),
        _signed_in(connector, probed),
        _version(probed),
        _what_is_there(found, refusal),
        _what_we_may_do(connector, probed, found),
    )
    return Tested(connector=connector, succeeded=probed.succeeded, points=points, found=found)


def _reached(connector: Connector, probed: Probed) -> Point:
    question = "Is it reached?"
    match probed.error:
        case None if registry.is_pushed_to(connector.kind):
            return Point(question=question, answer=Answer.UNKNOWN, said=probed.summary)
        case None | Unauthorized() | Throttled() | ContractBroken() as error:
            return Point(question=question, answer=Answer.YES, said=str(error or probed.summary))
        case Unreachable() as error:
            return Point(question=question, answer=Answer.NO, said=str(error))
        case error:
            return Point(question=question, answer=Answer.UNKNOWN, said=str(error))


def _signed_in(connector: Connector, probed: Probed) -> Point:
    question = "Are we signed in?"
    if isinstance(probed.error, Unauthorized):
        return Point(
            question=question, answer=Answer.NO, said="It refuses our credentials. Enter them again, or others."
        )
    if probed.error is not None:
        return Point(question=question, answer=Answer.UNKNOWN, said="It did not come to that.")
    if registry.is_pushed_to(connector.kind):
        return Point(question=question, answer=Answer.UNKNOWN, said="It signs in with us: by a connector token.")
    if connector.config.get("sign_in", "NONE") == "NONE" and not connector.secrets:
        return Point(question=question, answer=Answer.UNKNOWN, said="No sign-in is set; it answers without.")
    return Point(question=question, answer=Answer.YES, said="It takes our credentials.")


def _version(probed: Probed) -> Point:
    said = f"{probed.product} {probed.product_version}".strip()
    answer = Answer.YES if probed.product_version else Answer.UNKNOWN
    return Point(question="Which version is it?", answer=answer, said=f"{said}." if said else "It does not say.")


def _what_is_there(found: tuple[SourceStream, ...], refusal: SourceError | None) -> Point:
    question = "What is there?"
    if refusal is not None:
        return Point(question=question, answer=Answer.UNKNOWN, said=f"It could not be asked. {refusal}")
    if not found:
        said = "It names nothing that could be read. Add a stream by hand if you know that there is something."
        return Point(question=question, answer=Answer.UNKNOWN, said=said)
    counts = Counter(stream.contract for stream in found)
    said = ", ".join(f"{count} to be read into {contract}" for contract, count in sorted(counts.items()))
    return Point(question=question, answer=Answer.YES, said=f"{said}.")


def _what_we_may_do(connector: Connector, probed: Probed, found: tuple[SourceStream, ...]) -> Point:
    question = "What may we do?"
    if not probed.succeeded:
        return Point(question=question, answer=Answer.UNKNOWN, said="It did not come to that.")
    said = [*_rights(connector, found), *probed.findings]
    return Point(question=question, answer=Answer.NO if probed.findings else Answer.YES, said=" ".join(said))


def _rights(connector: Connector, found: tuple[SourceStream, ...]) -> Iterator[str]:
    modes = {mode for stream in found for mode in stream.modes}
    if modes:
        yield f"Read {', '.join(said for mode, said in MODES.items() if mode in modes)}."
    accepts = [contract_id(one) for one in registry.adapter_for(connector.kind).accepts]
    yield f"Deliver {', '.join(accepts)}." if accepts else "Nothing is delivered to it."
