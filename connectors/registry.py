"""The adapters there are: one explicit list, and those that other packages bring by entry point."""

import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from hashlib import blake2b
from importlib.metadata import entry_points
from threading import Lock
from typing import Any, get_type_hints

from django.conf import settings
from django.utils import timezone

from connectors import secrets
from connectors.adapters.arcgis_enterprise.adapter import ArcgisEnterpriseAdapter
from connectors.adapters.maximo.adapter import MaximoAdapter
from connectors.adapters.ogc_api_features.adapter import OgcApiFeaturesAdapter
from connectors.adapters.opcua_rest.adapter import OpcUaRestAdapter
from connectors.adapters.pi_web_api.adapter import PiWebApiAdapter
from connectors.adapters.push import PushAdapter
from connectors.adapters.rest_json.adapter import RestJsonAdapter
from connectors.contracts.base import OutboundRecord, Record, contract_id
from connectors.contracts.catalogue import BY_NAMESPACE, CONTRACTS
from connectors.models import Connector, Stream
from connectors.protocols.adapter import Adapter, Emission, Listens, Mode, SourceStream
from connectors.protocols.egress import EgressPolicy
from connectors.protocols.errors import BadConfig
from connectors.protocols.http import HttpLimits, HttpSession
from connectors.protocols.tables import initial_values

ADAPTERS: tuple[type[Adapter], ...] = (
    OpcUaRestAdapter,
    PiWebApiAdapter,
    OgcApiFeaturesAdapter,
    ArcgisEnterpriseAdapter,
    MaximoAdapter,
    RestJsonAdapter,
    PushAdapter,
)
ENTRY_POINTS = "utility_connectors.adapters"


class UnknownKind(LookupError):
    """No adapter is of that kind."""


class DeclarationRefused(Exception):
    """An adapter declares what we have no contract for, or a kind that another has."""


@cache
def adapters() -> dict[str, type[Adapter]]:
    """
    Every adapter by kind.

    :raises DeclarationRefused: if one declares something that cannot be
    """
    found: dict[str, type[Adapter]] = {}
    for adapter in (*ADAPTERS, *_from_other_packages()):
        if adapter.kind in found:
            raise DeclarationRefused(f"Two adapters are of kind {adapter.kind!r}.")
        declared: list[type[Record] | type[OutboundRecord]] = [emission.contract for emission in adapter.emits]
        for contract in (*declared, *adapter.accepts):
            if CONTRACTS.get(contract_id(contract)) is not contract:
                raise DeclarationRefused(
                    f"The adapter {adapter.kind!r} declares {contract_id(contract)}, which is no contract of ours."
                )
        found[adapter.kind] = adapter
    return found


def adapter_for(kind: str) -> type[Adapter]:
    """
    :raises UnknownKind: if there is none
    """
    try:
        return adapters()[kind]
    except KeyError:
        raise UnknownKind(f"There is no adapter {kind!r}. There are: {', '.join(sorted(adapters()))}.") from None


def package_of(adapter: type[Adapter]) -> str:
    """The Python package that brings an adapter; empty for the product's own."""
    return "" if adapter in ADAPTERS else adapter.__module__.partition(".")[0]


def emission_of(kind: str, contract: str) -> Emission | None:
    """How an adapter emits a contract; `None`: not at all."""
    return next((one for one in adapter_for(kind).emits if contract_id(one.contract) == contract), None)


def modes_of(kind: str, contract: str) -> tuple[Mode, ...]:
    emission = emission_of(kind, contract)
    return () if emission is None else emission.modes


def can_listen(kind: str, contract: str) -> bool:
    """Whether its sources tell of changes by themselves to who listens, and who does can catch up."""
    return issubclass(adapter_for(kind), Listens) and {Mode.EVENT, Mode.INCREMENTAL} <= {*modes_of(kind, contract)}


def kinds_accepting(contract: type[OutboundRecord]) -> list[str]:
    """The kinds of connector to which records of an outbound contract can be delivered."""
    return [kind for kind, adapter in adapters().items() if contract in adapter.accepts]


def contract_of_document(namespace: str) -> type[OutboundRecord] | None:
    """The contract whose records are XML documents of that namespace; `None` if there is none."""
    return BY_NAMESPACE.get(namespace)


def is_pushed_to(kind: str) -> bool:
    """Whether its sources send records by themselves and nothing is fetched from them."""
    return all(set(emission.modes) == {Mode.EVENT} for emission in adapter_for(kind).emits)


def source_stream(stream: Stream) -> SourceStream:
    """A stream in the words that its adapter understands. Needs the stream's connector, and no database."""
    return SourceStream(
        name=stream.name,
        contract=stream.contract,
        label=stream.label,
        modes=modes_of(stream.connector.kind, stream.contract),
        options=stream.options,
    )


def build(connector: Connector, *, now: Callable[[], datetime] = timezone.now) -> Adapter:
    """
    An adapter ready to talk to its source, within what the organisation allows. Needs no database if the connector
    was read with its organisation.

    :raises BadConfig: if its secrets cannot be read, or its organisation's networks
    """
    config = _config_of(connector)
    return adapter_for(connector.kind)(config, _session(connector, config, now))


@contextmanager
def building(connector: Connector, *, now: Callable[[], datetime], limits: HttpLimits) -> Iterator[Adapter]:
    """
    An adapter for a connector that is not stored: its session is its own, has its own limits, and ends with it.

    :raises BadConfig: as `build`
    """
    config = _config_of(connector)
    with _new_session(connector, config, now, limits) as session:
        yield adapter_for(connector.kind)(config, session)


def _config_of(connector: Connector) -> dict[str, Any]:
    try:
        secret = secrets.decrypt(connector.secrets)
    except secrets.SecretsUnreadable as error:
        raise BadConfig(f"The secrets of {connector.name} cannot be read. {error} Enter them again.") from None
    return {**initial_values(adapter_for(connector.kind).config_form), **connector.config, **secret}


def clock_skew(connector: Connector, *, now: Callable[[], datetime] = timezone.now) -> timedelta | None:
    """How far the clock of its source was ahead of ours when it last answered in this process, if it said."""
    with _guard:
        known = _sessions.get((connector.pk, now))
    return None if known is None else known[1].clock_skew


def _from_other_packages() -> Iterable[type[Adapter]]:
    if not settings.ADAPTERS_FROM_ENTRY_POINTS:
        return
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        try:
            adapter = point.load()
        except (ImportError, AttributeError) as error:
            raise DeclarationRefused(
                f"The adapter {point.name} ({point.value}) cannot be loaded: {error}. Mend its package, or remove it."
            ) from error
        missing = [name for name in get_type_hints(Adapter) if not hasattr(adapter, name)]
        if missing:
            raise DeclarationRefused(f"The adapter {point.name} does not say its {', '.join(missing)}.")
        yield adapter


_KEPT = 64
_sessions: "OrderedDict[tuple[int, Any], tuple[str, HttpSession]]" = OrderedDict()
_guard = Lock()


def _session(connector: Connector, config: Mapping[str, Any], now: Callable[[], datetime]) -> HttpSession:
    """
    One session for each connector and process while its settings stay the same: its connections, its pace and the
    access tokens that it holds outlive a read. Which secrets it was made with is kept as a digest.
    """
    networks = connector.organisation.allowed_networks
    made_of = json.dumps([connector.organisation_id, connector.kind, networks, config], sort_keys=True, default=str)
    digest = blake2b(made_of.encode(), digest_size=16).hexdigest()
    key = (connector.pk, now)
    with _guard:
        known = _sessions.pop(key, None)
        if known is not None and known[0] == digest:
            _sessions[key] = known
            return known[1]
    session = _new_session(connector, config, now)
    with _guard:
        _sessions[key] = (digest, session)
        stale = [known] if known is not None else []
        stale += [_sessions.popitem(last=False)[1] for _ in range(len(_sessions) - _KEPT)]
    for _, old in stale:
        old.close()
    return session


def _new_session(
    connector: Connector, config: Mapping[str, Any], now: Callable[[], datetime], limits: HttpLimits | None = None
) -> HttpSession:
    try:
        egress = EgressPolicy.of(connector.organisation.allowed_networks)
    except ValueError as error:
        raise BadConfig(
            f"The networks that your organisation allows cannot be read: {error}. Write them as 10.20.0.0/16."
        ) from None
    return HttpSession(egress=egress, now=now, limits=limits, ca_bundle=config.get("ca_bundle") or None)
