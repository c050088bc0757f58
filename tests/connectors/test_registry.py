from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.test import Client
from pytest_django import Settings

from connectors import registry, secrets
from connectors.adapters.push import PushAdapter
from connectors.contracts.base import OutboundRecord, Record
from connectors.contracts.cap_alert import CapAlert
from connectors.models import Connector
from connectors.protocols.adapter import Emission, Mode
from connectors.protocols.errors import BadConfig
from connectors.registry import DeclarationRefused, UnknownKind
from organisation.models import Organisation
from organisation.scope import Scope


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    registry.adapters.cache_clear()
    yield
    registry.adapters.cache_clear()


def test_the_adapters_are_one_list() -> None:
    kinds = ["opcua-rest", "pi-web-api", "ogc-api-features", "arcgis-enterprise", "maximo", "rest-json", "push"]
    assert list(registry.adapters()) == kinds
    assert registry.adapter_for("push") is PushAdapter
    with pytest.raises(UnknownKind, match="There are: arcgis-enterprise, maximo, ogc-api-features"):
        registry.adapter_for("telepathy")


def test_a_standards_own_documents_are_known_by_their_namespace() -> None:
    assert registry.contract_of_document("urn:oasis:names:tc:emergency:cap:1.2") is CapAlert
    assert registry.contract_of_document("urn:oasis:names:tc:emergency:cap:1.1") is None


@pytest.mark.django_db
def test_the_contract_is_published_with_the_standards_own_schema(client: Client) -> None:
    described = client.get("/contracts/cap-alert/1.2.json")
    schema = client.get("/contracts/cap-alert/1.2.xsd")

    assert described.json()["title"] == "cap-alert/1.2"
    assert (schema.status_code, schema["Content-Type"]) == (200, "application/xml")
    assert schema.content == Path("connectors/cap/CAP-v1.2.xsd").read_bytes()


class Loudspeaker(PushAdapter):
    kind: ClassVar[str] = "loudspeaker"
    accepts: ClassVar[tuple[type[OutboundRecord], ...]] = (CapAlert,)


def test_an_adapter_may_declare_that_it_takes_public_alerts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert registry.kinds_accepting(CapAlert) == []
    registry.adapters.cache_clear()
    monkeypatch.setattr(registry, "ADAPTERS", (*registry.ADAPTERS, Loudspeaker))

    assert registry.kinds_accepting(CapAlert) == ["loudspeaker"]


class Thought(Record, frozen=True, kw_only=True):
    contract_name: ClassVar[str] = "thought"
    contract_version: ClassVar[str] = "1"


class Undeclared(PushAdapter):
    kind: ClassVar[str] = "telepathy"
    emits: ClassVar[tuple[Emission, ...]] = (
        Emission(contract=Thought, modes=(Mode.EVENT,), freshness=timedelta(days=1)),
    )


class Doppelgaenger(PushAdapter):
    pass


@pytest.mark.parametrize(("adapter", "said"), [(Undeclared, "declares thought/1"), (Doppelgaenger, "Two adapters")])
def test_a_declaration_that_cannot_be_is_refused(
    monkeypatch: pytest.MonkeyPatch, adapter: type[PushAdapter], said: str
) -> None:
    monkeypatch.setattr(registry, "ADAPTERS", (*registry.ADAPTERS, adapter))

    with pytest.raises(DeclarationRefused, match=said):
        registry.adapters()


class Telepathy(PushAdapter):
    kind: ClassVar[str] = "telepathy"


class Point:
    name = "telepathy"

    def load(self) -> type[PushAdapter]:
        return Telepathy


def test_other_packages_bring_adapters_by_entry_point(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    asked: list[str] = []

    def entry_points(*, group: str) -> list[Point]:
        asked.append(group)
        return [Point()]

    monkeypatch.setattr(registry, "entry_points", entry_points)
    assert registry.adapter_for("telepathy") is Telepathy
    registry.adapters.cache_clear()
    settings.ADAPTERS_FROM_ENTRY_POINTS = False

    assert "telepathy" not in registry.adapters()
    assert asked == ["utility_connectors.adapters"]


def rest(**values: Any) -> Connector:
    config = {"base_url": "http://127.0.0.1:9/", "sign_in": "BEARER", **values}
    return Connector.objects.create(
        kind="rest-json", name="CIS", config=config, secrets=secrets.encrypt({"token": "t0ken"})
    )


def test_an_adapter_is_built_with_its_secrets_and_a_session_that_lasts(scope: Scope, utility: Organisation) -> None:
    connector = rest()

    adapter: Any = registry.build(connector)
    again: Any = registry.build(Connector.objects.get(pk=connector.pk))

    assert adapter.auth.token == "t0ken"
    assert again.http is adapter.http
    assert "t0ken" not in repr(registry._sessions)
    connector.secrets = secrets.encrypt({"token": "another"})
    other: Any = registry.build(connector)
    assert other.http is not adapter.http
    utility.allowed_networks = ["10.0.0.0/8"]
    connector.organisation = utility
    narrower: Any = registry.build(connector)
    assert narrower.http is not other.http


def test_an_organisations_networks_bind_its_connectors(scope: Scope, utility: Organisation) -> None:
    connector = rest()
    utility.allowed_networks = []
    connector.organisation = utility

    with pytest.raises(BadConfig, match="not allowed"):
        registry.build(connector).probe()
    utility.allowed_networks = ["here and there"]
    with pytest.raises(BadConfig, match=r"10\.20\.0\.0/16"):
        registry.build(connector)


def test_secrets_that_cannot_be_read_are_a_setting_to_enter_again(scope: Scope, settings: Settings) -> None:
    connector = rest()
    connector.secrets = "lost$" + connector.secrets.partition("$")[2]

    with pytest.raises(BadConfig, match="Enter them again"):
        registry.build(connector)
