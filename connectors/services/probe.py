"""Asking a source whether it is there, and what it has. Nothing is written at the source."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors import registry
from connectors.models import Connector, ConnectorProbe
from connectors.protocols.adapter import Probe, SourceStream
from connectors.protocols.errors import BadConfig, SourceError
from connectors.services.states import settle_state
from organisation.scope import acting_for, current_scope

Clock = Callable[[], datetime]


@dataclass(frozen=True, kw_only=True)
class Probed:
    """`field` is the setting to blame, if one is; `error` what the source or the way to it had against us."""

    succeeded: bool
    summary: str
    product: str = ""
    product_version: str = ""
    findings: tuple[str, ...] = ()
    field: str | None = None
    error: SourceError | None = None


def ask(connector: Connector, *, clock: Clock) -> Probed:
    """Ask a source; no database. What goes wrong is in the answer, as a sentence for a person."""
    return answer_to(lambda: registry.build(connector, now=clock).probe())


def answer_to(question: Callable[[], Probe]) -> Probed:
    """What comes of asking; what goes wrong is in the answer."""
    try:
        probe = question()
    except SourceError as error:
        return refused(error)
    return Probed(
        succeeded=True,
        summary=probe.summary,
        product=probe.product,
        product_version=probe.product_version,
        findings=probe.findings,
    )


def refused(error: SourceError) -> Probed:
    """The answer that it could not be asked, or would not answer."""
    field = error.field if isinstance(error, BadConfig) else None
    return Probed(succeeded=False, summary=str(error), field=field, error=error)


def probe_connector(*, connector_id: int, clock: Clock) -> Probed:
    """Ask a stored connector's source, keep its answer and settle the connector's state. The scope is carried."""
    scope = current_scope()
    with acting_for(scope):
        connector = Connector.objects.select_related("organisation").get(pk=connector_id)
    probed = ask(connector, clock=clock)
    with acting_for(scope):
        now = clock()
        values: Mapping[str, Any] = {
            "at": now,
            "succeeded": probed.succeeded,
            "summary": probed.summary,
            "product": probed.product,
            "product_version": probed.product_version,
            "findings": list(probed.findings),
        }
        ConnectorProbe.objects.update_or_create(connector=connector, defaults=values)
        settle_state(connector.pk, now=now)
    return probed


def discover(*, connector_id: int, clock: Clock) -> list[SourceStream]:
    """
    What the source has to be read. The scope is carried.

    :raises SourceError: as the adapter's
    """
    with acting_for(current_scope()):
        connector = Connector.objects.select_related("organisation").get(pk=connector_id)
    return list(registry.build(connector, now=clock).discover())
