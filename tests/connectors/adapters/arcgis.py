"""The ArcGIS adapter over the pretend utility, and what its layers were asked."""

from typing import Any
from urllib.parse import parse_qsl

from django.forms import Form

from connectors.adapters.arcgis_enterprise.adapter import ArcgisEnterpriseAdapter
from connectors.adapters.arcgis_enterprise.settings import ArcgisEnterpriseForm, LayerStreamForm
from connectors.protocols.adapter import Mode, Page, SourceStream
from connectors.protocols.egress import EgressPolicy
from connectors.protocols.http import HttpLimits, HttpSession
from tests.connectors.adapters.wire import BASE, PretendUtility, build, settings_of

SERVICES = f"{BASE}/arcgis/rest/services"
PORTAL = f"{BASE}/arcgis/sharing/rest"
SERVICE = "Electric/Network/FeatureServer"
DEVICES, LINES, ZONES = (f"{SERVICE}/{number}" for number in range(3))
APP = {
    "token_url": f"{PORTAL}/oauth2/token",
    "client_id": "utility-connectors",
    "client_secret": "arcgis-demo-secret",
}
USER = {"sign_in": "BASIC", "username": "gis-reader", "password": "gis-demo-password"}
BY_TRACKING = {"changes": "TRACKING"}


def arcgis(pretend: PretendUtility | None = None, **changes: Any) -> ArcgisEnterpriseAdapter:
    """
    :param pretend: whose clock the session goes by
    """
    if pretend is None:
        adapter: ArcgisEnterpriseAdapter = build(ArcgisEnterpriseAdapter, base_url=SERVICES, **{**APP, **changes})
        return adapter
    limits = HttpLimits(retries=0, requests_per_second=1_000_000, burst=1_000_000)
    http = HttpSession(egress=EgressPolicy(), now=pretend.clock, limits=limits, sleep=lambda seconds: None)
    config = settings_of(ArcgisEnterpriseForm, base_url=SERVICES, **{**APP, **changes})
    return ArcgisEnterpriseAdapter(config, http)


def stream(name: str = DEVICES, contract: str = "network-element/1", **options: Any) -> SourceStream:
    form: Form = LayerStreamForm({"id_property": "assetid", **options})
    assert form.is_valid(), form.errors
    return SourceStream(name=name, contract=contract, options=form.cleaned_data)


def read(
    adapter: ArcgisEnterpriseAdapter, one: SourceStream, *, cursor: Any = None, mode: Mode = Mode.FULL
) -> list[Page]:
    return list(adapter.fetch(one, cursor=cursor, mode=mode))


def ids(adapter: ArcgisEnterpriseAdapter, one: SourceStream, pages: list[Page]) -> list[str]:
    parse = adapter.reader(one)
    return [record.external_id for page in pages for raw in page.records if (record := parse(raw)) is not None]


def queries(pretend: PretendUtility) -> list[dict[str, str]]:
    """What was asked of layers, in order."""
    asked = zip(pretend.asked, pretend.bodies, strict=True)
    return [dict(parse_qsl(body.decode())) for path, body in asked if path.endswith("/query")]


def tokens_asked_for(pretend: PretendUtility) -> int:
    return sum(path.endswith(("/oauth2/token", "/generateToken")) for path in pretend.asked)


def rename(pretend: PretendUtility, feature: str, name: str) -> None:
    utility = pretend.utility
    utility.features.edit(feature, {"name": name}, now=pretend.clock())


def forget(pretend: PretendUtility) -> None:
    """What was asked so far."""
    pretend.bodies.clear()
    pretend.asked.clear()
