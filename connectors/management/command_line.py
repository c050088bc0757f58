"""What the actions of `connector` share: whom they act for, how they answer, and how they refuse."""

import json
import sys
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError

from connectors.models import Connector
from connectors.queries import connectors
from organisation.queries import scope_of
from organisation.scope import acting_for

WRONG_INPUT = 2


class CommandLine(BaseCommand):
    """`as_json` is set before an action begins."""

    as_json: bool

    def _connector(self, options: dict[str, Any]) -> Connector:
        """The one that `options` name; ends the command if there is none."""
        with acting_for(scope_of(options["organisation"])):
            found = connectors().filter(name=options["name"]).first()
        if found is None:
            self._refuse(f"There is no connector {options['name']!r}. `connector list` shows those there are.")
        return found

    def _show(self, row: dict[str, Any], text: str, **said: str) -> None:
        """
        One row, as JSON or as `text` tells it.

        :param said: what the text names beside the row
        """
        self.stdout.write(json.dumps(row) if self.as_json else text.format(**row, **said))

    def _refuse(self, message: str, *, errors: dict[str, list[str]] | None = None) -> NoReturn:
        if self.as_json:
            self.stdout.write(json.dumps({"error": message, **({"errors": errors} if errors else {})}))
            sys.exit(WRONG_INPUT)
        said = [message, *(f"{field}: {' '.join(texts)}" for field, texts in (errors or {}).items())]
        raise CommandError("\n".join(said), returncode=WRONG_INPUT)
