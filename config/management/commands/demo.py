from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.demo import loader


class Command(BaseCommand):
    help = "The demo utility: load it, wait until its systems were read, tell who may sign in."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["load", "await", "sign-ins"])

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        match action:
            case "load":
                loader.load(data_dir=settings.DATA_DIR, port=settings.PORT, simulator_port=settings.SIMULATOR_PORT)
            case "await":
                if not loader.wait_until_read(self.stderr.write):
                    raise CommandError("The demo's systems were not read in time. See the worker's log.")
            case "sign-ins":
                for one in loader.sign_ins():
                    self.stdout.write(f"  {one.role:28} {one.email:36} {one.password}")
