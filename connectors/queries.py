"""Questions about connectors. Those that no organisation asks are named system jobs."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Min, Q, QuerySet, Value
from django.db.models.functions import StrIndex, Substr

from connectors.models import (
    Connector,
    ConnectorToken,
    Lease,
    LeasePhase,
    Mode,
    OutboxItem,
    RecordChange,
    RejectedRecord,
    Retention,
    Run,
    Stream,
    StreamState,
)
from connectors.secrets import SEPARATOR
from organisation.models import Organisation
from organisation.queries import digest_of
from organisation.scope import Origin, Scope, current_scope, system_job

PRUNED_EVERY = timedelta(days=1)


def one_secret_of_each_key() -> list[str]:
    """Of all organisations' stored secrets, one for each key that they were encrypted with."""
    with system_job("check-secrets-keys"):
        key_id = Substr("secrets", 1, StrIndex("secrets", Value(SEPARATOR)) - 1)
        stored = Connector.objects.exclude(secrets="").annotate(key_id=key_id)
        return list(stored.values("key_id").annotate(one=Min("secrets")).order_by().values_list("one", flat=True))


class ConnectorTokenExpired(Exception):
    """The token was good and is no longer (RFC 6750 §3.1 invalid_token)."""


@dataclass(frozen=True, kw_only=True)
class ConnectorDoor:
    """What a connector's token opens, or a call that it has yet to sign for: one connector of one organisation."""

    connector_id: int
    scope: Scope


def find_connector_token(token: str, *, now: datetime, request_id: str = "") -> ConnectorDoor | None:
    """
    :raises ConnectorTokenExpired: if it is known, and no longer good
    """
    with system_job("find-connector-token"):
        found = (
            ConnectorToken.objects.filter(digest=digest_of(token))
            .values("name", "connector_id", "organisation_id", "revoked_at", "expires_at", "organisation__is_active")
            .first()
        )
    if found is None:
        return None
    if found["revoked_at"] is not None or found["expires_at"] <= now or not found["organisation__is_active"]:
        raise ConnectorTokenExpired(found["name"])
    return _door(found["connector_id"], found["organisation_id"], request_id)


def find_called_connector(uuid: UUID, *, request_id: str = "") -> ConnectorDoor | None:
    """The connector that a webhook calls by its address; that it may is proven by what the call is signed with."""
    with system_job("find-called-connector"):
        found = Connector.objects.filter(uuid=uuid, organisation__is_active=True)
        ids = found.values_list("pk", "organisation_id").first()
    return None if ids is None else _door(*ids, request_id)


def _door(connector_id: int, organisation_id: int, request_id: str) -> ConnectorDoor:
    return ConnectorDoor(
        connector_id=connector_id,
        scope=Scope(
            organisation_id=organisation_id,
            origin=Origin.SYNC,
            request_id=request_id,
            capabilities=frozenset(),
        ),
    )


def connectors() -> QuerySet[Connector]:
    """Those of the organisation in scope, by name, with their organisation."""
    return (
        Connector.objects.for_organisation(current_scope().organisation_id)
        .select_related("organisation")
        .order_by("name", "pk")
    )


def streams() -> QuerySet[Stream]:
    """Those of the organisation in scope, with their connector and its organisation."""
    return (
        Stream.objects.for_organisation(current_scope().organisation_id)
        .select_related("connector__organisation")
        .order_by("connector__name", "name", "contract", "pk")
    )


def runs() -> QuerySet[Run]:
    """Those of the organisation in scope, newest first."""
    return (
        Run.objects.for_organisation(current_scope().organisation_id)
        .select_related("stream__connector")
        .order_by("-started_at", "-pk")
    )


def record_changes(connector: Connector, *, external_id: str | None = None) -> QuerySet[RecordChange]:
    """
    What reads of a connector changed, newest first, with its stream.

    :param external_id: of this record alone
    """
    found = RecordChange.objects.for_organisation(connector.organisation_id).filter(stream__in=connector.streams.all())
    if external_id is not None:
        found = found.filter(external_id=external_id)
    return found.select_related("stream").order_by("-at", "-pk")


def rejected_records() -> QuerySet[RejectedRecord]:
    """What was set aside in the organisation in scope, last seen first, settled or not."""
    return (
        RejectedRecord.objects.for_organisation(current_scope().organisation_id)
        .select_related("stream__connector")
        .order_by("-last_seen_at", "-pk")
    )


def due_items(now: datetime) -> QuerySet[OutboxItem]:
    """What is to be done after commits of the organisation in scope, in the order in which it arose."""
    return (
        OutboxItem.objects.for_organisation(current_scope().organisation_id)
        .filter(_DUE, due_at__lte=now)
        .order_by("pk")
    )


_DUE = Q(done_at=None, given_up_at=None)


def organisations_to_prune(now: datetime) -> list[int]:
    """Active organisations that were not pruned for a day."""
    with system_job("find-organisations-to-prune"):
        pruned = Retention.objects.filter(pruned_at__gt=now - PRUNED_EVERY).values("organisation_id")
        due = Organisation.objects.filter(is_active=True).exclude(pk__in=pruned)
        return list(due.order_by("pk").values_list("pk", flat=True))


@dataclass(frozen=True, kw_only=True)
class AbandonedRead:
    """A read whose holder is gone, or that was asked for and has not begun."""

    organisation_id: int
    stream_id: int
    mode: str
    trigger: str


def organisations_with_work(now: datetime) -> list[int]:
    """Active organisations in whose outbox something is due."""
    with system_job("sweep-outboxes"):
        due = OutboxItem.objects.filter(_DUE, due_at__lte=now, organisation__is_active=True)
        return list(due.order_by("organisation_id").values_list("organisation_id", flat=True).distinct())


def abandoned_reads(now: datetime) -> list[AbandonedRead]:
    """Of every active organisation."""
    with system_job("sweep-leases"):
        reads = Lease.objects.exclude(mode=Mode.EVENT)
        expired = reads.filter(expires_at__lte=now, organisation__is_active=True).order_by("pk")
        return [AbandonedRead(**values) for values in expired.values("organisation_id", "stream_id", "mode", "trigger")]


@dataclass(frozen=True, kw_only=True)
class ToListenTo:
    """A stream that is to be listened to, and that nobody listens to or reads."""

    organisation_id: int
    stream_id: int


def streams_to_listen_to(now: datetime) -> list[ToListenTo]:
    """Of every active organisation."""
    with system_job("find-streams-to-listen-to"):
        taken = Lease.objects.filter(~Q(mode=Mode.EVENT) | Q(expires_at__gt=now)).values("stream_id")
        left_alone = StreamState.objects.filter(Q(listen_again_at__gt=now) | Q(retry_at__gt=now)).values("stream_id")
        wanted = Stream.objects.enabled().filter(is_listened_to=True, organisation__is_active=True)
        free = wanted.exclude(pk__in=taken).exclude(pk__in=left_alone).order_by("pk")
        return [
            ToListenTo(organisation_id=one[0], stream_id=one[1]) for one in free.values_list("organisation_id", "pk")
        ]


def listening_since(stream: Stream, *, now: datetime) -> datetime | None:
    """
    Since when what a stream's source tells lands at once; `None`: nobody listens, or who does has yet to catch up.
    Prefetch `leases` to ask it of many.
    """
    return next(
        (one.started_at for one in stream.leases.all() if one.phase == LeasePhase.LISTENING and one.expires_at > now),
        None,
    )
