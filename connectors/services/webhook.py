"""A source's own webhook call: checked, and taken for word that some streams have something new."""

import hashlib
from datetime import datetime, timedelta
from typing import cast

import structlog
from django.core.cache import cache
from django.db.models import Q

from connectors import registry
from connectors.models import Connector
from connectors.protocols.webhook import NotSigned, TakesWebhooks, WebhookCall, WronglySigned
from connectors.services.requests import scheduled_streams, wake_connector
from organisation.scope import acting_for, current_scope

log = structlog.get_logger(__name__)

SAME_CALL = timedelta(minutes=10)
"""For so long the same call again is taken for a repetition, by its sender or by who overheard it."""

TOLD_EVERY = timedelta(minutes=1)
"""Refusals of a connector come into the trail at most so often: who guesses must not fill it."""


class NoWebhooks(LookupError):
    """The connector's kind knows no webhooks."""


def take_webhook(*, connector_id: int, call: WebhookCall, now: datetime) -> list[str]:
    """
    Have the streams that a call is about read as soon as that can be. The scope is carried; nothing is asked of the
    source. A call that came before wakes nothing, nor does one about streams that no schedule reads.

    :return: their names
    :raises NoWebhooks: if adapters of its kind take no such calls
    :raises NotSigned, WronglySigned: as the adapter's; the trail keeps it
    :raises BadConfig: if the connector's secrets cannot be read
    """
    scope = current_scope()
    with acting_for(scope):
        connector = Connector.objects.select_related("organisation").get(pk=connector_id)
        streams = [name for name, _ in scheduled_streams(connector_id)]
    if not issubclass(registry.adapter_for(connector.kind), TakesWebhooks):
        raise NoWebhooks(f"{connector} takes no webhooks.")
    adapter = cast("TakesWebhooks", registry.build(connector))
    try:
        names = adapter.woken_by(call, streams)
    except (NotSigned, WronglySigned) as refusal:
        _keep_refusal(connector_id, str(refusal), now=now)
        raise
    key = f"webhook:{connector.uuid}:{hashlib.sha256(call.body).hexdigest()}"
    if not names or cache.get(key):
        return []
    with acting_for(scope):
        woken = wake_connector(connector_id=connector_id, names=names, now=now)
    cache.set(key, True, timeout=SAME_CALL.total_seconds())
    return woken


def _keep_refusal(connector_id: int, said: str, *, now: datetime) -> None:
    """On the connector, and so in the trail, with the reason."""
    with acting_for(current_scope().because(f"A webhook call was refused. {said}")):
        not_told_lately = Q(webhook_refused_at=None) | Q(webhook_refused_at__lte=now - TOLD_EVERY)
        is_told = Connector.objects.filter(not_told_lately, pk=connector_id).update(webhook_refused_at=now)
    if is_told:
        log.warning("webhook.refused", connector=connector_id, reason=said)
