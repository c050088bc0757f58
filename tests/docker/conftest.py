import os
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from config.supervisor import test_services


class Databases:
    """Empty databases on the suite's server, as somebody with a server of his own would have made them."""

    def __init__(self) -> None:
        self.services = test_services.ensure()
        self.made: list[str] = []

    def make(self) -> dict[str, str]:
        """The addresses of a new one: DATABASE_URL and DATABASE_OWNER_URL."""
        # By this beginning the servers know what a killed run left behind.
        name = f"test_docker_{os.getpid()}_{len(self.made)}"
        self._create(name)
        self.made.append(name)
        return {
            address: urlunsplit(urlsplit(self.services[address])._replace(path=f"/{name}"))
            for address in ("DATABASE_URL", "DATABASE_OWNER_URL")
        }

    def make_anew(self, address: str) -> None:
        """Empty again; the roles of the server stay."""
        name = urlsplit(address).path.removeprefix("/")
        self._drop(name)
        self._create(name)

    def drop_all(self) -> None:
        for name in self.made:
            self._drop(name)

    def _create(self, name: str) -> None:
        self._as_owner(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def _drop(self, name: str) -> None:
        self._as_owner(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _as_owner(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.services["DATABASE_OWNER_URL"], autocommit=True) as owner:
            owner.execute(statement)


@pytest.fixture(scope="module")
def databases() -> Iterator[Databases]:
    databases = Databases()
    yield databases
    databases.drop_all()
