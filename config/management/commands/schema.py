from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from graphql import print_schema

from api.schema import schema
from config.environment import settings_page
from connectors.contracts.schemas import published_files as published_contracts


class Command(BaseCommand):
    help = "Hold what is published (GraphQL SDL, JSON Schemas, settings page) against its committed copies."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--write", action="store_true", help="write the copies anew, for a reviewer to read the diff"
        )

    def handle(self, *args: Any, write: bool, **options: Any) -> None:
        stale = [name for name, published in published_files().items() if self._differs(name, published, write=write)]
        if stale and not write:
            raise CommandError(f"Out of date: {', '.join(stale)}. Run `manage.py schema --write` and read the diff.")
        self.stdout.write(
            f"Written: {', '.join(stale)}" if stale else "All published schemas match their committed copies."
        )

    def _differs(self, name: str, published: Callable[[], str], *, write: bool) -> bool:
        path, text = Path(settings.BASE_DIR) / name, published()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            return False
        if write:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return True


def published_files() -> dict[str, Callable[[], str]]:
    """Each committed file, from the project's folder, and what must stand in it."""
    return {
        "api/schema.graphql": lambda: print_schema(schema.graphql_schema) + "\n",
        "docs/reference/settings.md": settings_page,
        **published_contracts(),
    }
