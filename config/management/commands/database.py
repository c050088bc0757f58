import signal
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone
from psycopg.conninfo import conninfo_to_dict

from config.upkeep import keep_up
from connectors.services import schedules
from organisation.database import create_roles
from telemetry.services import partitions


class Command(BaseCommand):
    help = "Upkeep that only the owner of the database may do."
    requires_system_checks = ()  # `migrate` has made them, and they load pages that this needs none of

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "action",
            choices=["roles", "partitions", "schedules", "upkeep"],
            help="roles: create app and app_system, before the first migration. "
            "partitions: make days of readings ahead, drop those past keeping. "
            "schedules: install what the system itself does regularly. "
            "upkeep: stay, and do `partitions` every six hours until SIGTERM.",
        )

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        if not settings.ACTS_AS_OWNER:
            raise CommandError("This command acts as the owner: give DATABASE_OWNER_URL.")
        match action:
            case "roles":
                with transaction.atomic():
                    password = conninfo_to_dict(settings.DATABASE_URL).get("password")
                    create_roles(app_password=str(password) if password else None)
            case "partitions":
                try:
                    partitions.keep_partitions(now=timezone.now())
                except partitions.TableBusy as busy:
                    raise CommandError(str(busy)) from busy
            case "schedules":
                schedules.install_system_schedules()
            case "upkeep":
                # As Ctrl-C, at which psycopg takes back the statement that is running. That one too is set: a shell has
                # what it starts in the background ignore it.
                for number in (signal.SIGTERM, signal.SIGINT):
                    signal.signal(number, signal.default_int_handler)
                try:
                    keep_up(wait=time.sleep)
                except KeyboardInterrupt:
                    return
