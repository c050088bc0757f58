from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from pytest_django import Settings

from connectors import registry
from connectors.contracts.base import Record
from connectors.models import Connector, Stream
from organisation.scope import Scope
from tests.connectors.engine import scripted
from tests.connectors.engine.scripted import Clock, Domain, ScriptedAdapter, Source


@pytest.fixture(autouse=True)
def _scripted(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[None]:
    """The scripted adapter among the real ones, and its landing in place of the product's."""
    monkeypatch.setattr(registry, "ADAPTERS", (*registry.ADAPTERS, ScriptedAdapter))
    registry.adapters.cache_clear()
    settings.CONTRACT_WIRING = "tests.connectors.engine.scripted.WIRING"
    scripted.reset()
    yield
    registry.adapters.cache_clear()


@pytest.fixture
def source() -> Source:
    return scripted.SOURCE


@pytest.fixture
def domain() -> Domain:
    return scripted.DOMAIN


@pytest.fixture
def clock(now: datetime) -> Clock:
    return Clock(now)


@pytest.fixture
def connector(scope: Scope) -> Connector:
    return Connector.objects.create(kind="scripted", name="Script", config={"address": "here"})


@pytest.fixture
def stream(connector: Connector) -> Stream:
    return Stream.objects.create(connector=connector, name="zones", contract="zone/1", label="Zones", freshness_s=600)


@pytest.fixture
def mend(monkeypatch: pytest.MonkeyPatch) -> Any:
    """From now on a record without a name is called by its id: what a mended mapping does."""

    def mended() -> None:
        parse = ScriptedAdapter.parse

        def reads_nameless(self: ScriptedAdapter, raw: Any, stream: Any) -> Record | None:
            if isinstance(raw, dict) and "id" in raw:
                raw = {"name": f"Zone {raw['id']}", **raw}
            return parse(self, raw, stream)

        monkeypatch.setattr(ScriptedAdapter, "parse", reads_nameless)

    return mended
