import signal
from types import FrameType
from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandParser

from connectors.services.listener import Listener
from connectors.tasks import work_off_outbox

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = (
        "Listen to sources that tell of changes by themselves, for every organisation, until SIGTERM. Any number of "
        "these share the work."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--streams", type=int, default=20, help="how many it listens to at a time (20)")

    def handle(self, *args: Any, streams: int, **options: Any) -> None:
        listener = Listener(most=streams, committed=_tell_followers)

        def stop(_signal: int, _frame: FrameType | None) -> None:
            listener.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        listener.run()


def _tell_followers() -> None:
    """Of what the page touched, at once; what fails here the sweep does."""
    try:
        work_off_outbox()
    except Exception:
        log.exception("outbox.not_worked_off")
