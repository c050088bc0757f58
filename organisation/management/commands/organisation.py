import getpass
import json
import os
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from organisation import services
from organisation.models import Organisation
from organisation.queries import active_organisations
from organisation.scope import system_job


class Command(BaseCommand):
    help = "Make an organisation with its first administrator, or list those there are."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        add = actions.add_parser("add", help="make an organisation and its first administrator")
        add.add_argument("slug", help="short name for the command line, such as north-grid")
        add.add_argument("--name", required=True, help="what people call it")
        add.add_argument("--administrator", required=True, metavar="EMAIL")
        add.add_argument(
            "--allow-network",
            action="append",
            default=[],
            metavar="CIDR",
            help="a private network that its connectors may reach; repeat it for several",
        )
        add.add_argument(
            "--no-input",
            action="store_true",
            help="take the password from the variable ADMINISTRATOR_PASSWORD",
        )
        listing = actions.add_parser("list", help="list active organisations")
        listing.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "list":
            self._list(as_json=options["json"])
        else:
            self._add(options)

    def _list(self, *, as_json: bool) -> None:
        ids = [pk for pk, _ in active_organisations()]
        with system_job("list-organisations"):
            rows = list(Organisation.objects.filter(pk__in=ids).order_by("slug").values("slug", "name"))
        for row in rows:
            self.stdout.write(json.dumps(row) if as_json else f"{row['slug']:30} {row['name']}")

    def _add(self, options: dict[str, Any]) -> None:
        password = os.environ.get("ADMINISTRATOR_PASSWORD") if options["no_input"] else self._ask_for_password()
        try:
            organisation = services.add_organisation(
                slug=options["slug"],
                name=options["name"],
                administrator_email=options["administrator"],
                administrator_password=password,
                allowed_networks=options["allow_network"],
            )
        except services.UnableToAddOrganisation as error:
            raise CommandError(str(error)) from error
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(f"{organisation.name} is ready. {options['administrator']} may sign in as its administrator.")

    def _ask_for_password(self) -> str:
        first = getpass.getpass("Password of the administrator: ")
        if first != getpass.getpass("Once more: "):
            raise CommandError("The two passwords differ. Nothing was made.")
        return first
