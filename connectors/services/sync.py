"""
The sync engine: one loop for every adapter. A page lands in one transaction with the position after it, so that a
crash at any moment resumes at the last committed page. Delivery is at least once, landing is idempotent: the effect is
exactly once.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import structlog
from django.utils import timezone

from connectors.models import Mode, Trigger
from connectors.services import lease as leases
from connectors.services.lease import LeaseLost, NotClaimed
from connectors.services.outcomes import Ended, Synced
from connectors.services.reading import Read
from connectors.services.runs import Counts
from organisation.scope import Origin, acting_for, current_scope

log = structlog.get_logger(__name__)

PAGES_AHEAD = 4


def sync_stream(
    *,
    stream_id: int,
    mode: Mode,
    trigger: Trigger,
    clock: Callable[[], datetime] = timezone.now,
    committed: Callable[[Counts], None] | None = None,
    pages_ahead: int = PAGES_AHEAD,
) -> Synced:
    """
    Read a stream into its domain, or go on with a read that was abandoned. The scope is carried, not entered: every
    page is a transaction of its own, and nothing is asked of the source inside one.

    What the source does wrong is in the result. A mistake of ours is recorded, and raised.

    :param committed: called after each committed page
    :param pages_ahead: how many pages may wait, fetched and read, while one lands
    """
    scope = replace(current_scope(), origin=Origin.SYNC)
    with acting_for(scope):
        claim = leases.claim(stream_id=stream_id, mode=mode, trigger=trigger, now=clock())
        if isinstance(claim, NotClaimed):
            return Synced(ended=Ended(claim))
        read = Read(claim, scope=scope, clock=clock, committed=committed or (lambda counts: None), ahead=pages_ahead)
        read.begin()
    try:
        with leases.kept_alive(claim.lease, scope):
            return read.to_its_end()
    except LeaseLost:
        log.warning("sync.lease_lost", stream=stream_id)
        return Synced(ended=Ended.LOST, counts=read.book.counts)
