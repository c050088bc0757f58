"""What the owner of the database does for as long as the system runs, rather than once at its start."""

from collections.abc import Callable
from datetime import timedelta
from typing import NoReturn

import structlog
from django.db import Error, connection
from django.utils import timezone

from telemetry.services.partitions import TableBusy, keep_partitions

EVERY = timedelta(hours=6)
AGAIN_AFTER = timedelta(minutes=1)

log = structlog.get_logger(__name__)


def keep_up(*, wait: Callable[[float], None]) -> NoReturn:
    """
    Keep days of readings ahead and drop those past keeping, now and every six hours. Run as the owner.

    While the database is away or the readings stay locked it tries again every minute, and says so once; and once
    that it is over. Between two rounds it holds no connection.

    :param wait: called with seconds; what it raises ends the upkeep
    """
    is_failing = False
    while True:
        try:
            keep_partitions(now=timezone.now())
        except (Error, TableBusy) as error:
            if not is_failing:
                log.warning("upkeep.failed", reason=str(error))
            is_failing, pause = True, AGAIN_AFTER
        else:
            if is_failing:
                log.info("upkeep.recovered")
            is_failing, pause = False, EVERY
        finally:
            connection.close()
        wait(pause.total_seconds())
