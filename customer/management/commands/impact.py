import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from customer.queries import Impact, NotCounted, impact
from gis.queries import elements_named
from organisation.queries import UnknownOrganisation, scope_of
from organisation.scope import acting_for


class Command(BaseCommand):
    help = (
        "How many service points lose supply if an element opens or fails, as the network stands now. "
        "Writes one line for each element, in the order given; an element that is unknown, or a name that two systems "
        "use, gives one line with `error` instead of all answers, and exit status 2."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("elements", nargs="+", metavar="ELEMENT", help="external id of a network element")
        parser.add_argument("--json", action="store_true", help="write JSON, one object a line")
        parser.add_argument(
            "--organisation", default=settings.DEFAULT_ORGANISATION, metavar="SLUG", help="default: %(default)s"
        )

    def handle(self, *args: Any, elements: list[str], organisation: str, **options: Any) -> None:
        try:
            impacts = _impacts(elements, organisation=organisation)
        except _Refused as refused:
            if not options["json"]:
                raise CommandError(refused.message, returncode=2) from refused
            self.stdout.write(json.dumps({"error": refused.message, **refused.about}))
            raise SystemExit(2) from refused
        for name, lost in impacts:
            self.stdout.write(
                json.dumps({"element": name, "service_points": lost.total, "critical": lost.critical})
                if options["json"]
                else f"{name:30} {lost.total:8} service points, {lost.critical} critical"
            )


class _Refused(Exception):
    """There is no answer; `about` names what was asked for in vain."""

    def __init__(self, message: str, **about: Any) -> None:
        super().__init__(message)
        self.message = message
        self.about = about


def _impacts(names: list[str], *, organisation: str) -> list[tuple[str, Impact]]:
    try:
        scope = scope_of(organisation)
    except UnknownOrganisation as error:
        raise _Refused(str(error), organisation=organisation) from error
    with acting_for(scope):
        known = elements_named(names)
        if unknown := [name for name in names if name not in known]:
            raise _Refused(f"The network has no element {', '.join(unknown)}.", elements=unknown)
        if ambiguous := [name for name in names if len(known[name]) > 1]:
            raise _Refused(f"More than one system has an element {', '.join(ambiguous)}.", elements=ambiguous)
        ids = [known[name][0] for name in names]
        try:
            impacts = impact(ids)
        except NotCounted as error:
            raise _Refused(f"{error} Try again in a moment.") from error
    return [(name, impacts[element_id]) for name, element_id in zip(names, ids, strict=True)]
