"""
The demo utility: who works there, and how its five systems are connected. The systems are the simulator's; what is
written here is what an administrator would fill into the console's forms.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from organisation.roles import Role

ORGANISATION = ("rural-grid", "Rural Grid Utility")
NEIGHBOUR = ("neighbour", "Neighbour Networks")
PASSWORD = "breaker-at-0215"  # noqa: S105  # of the demo's people, printed by `make up`
ALERTS_FROM = "alerts@rural-grid.example"
LOOPBACK = ("127.0.0.0/8", "::1/128")


@dataclass(frozen=True)
class Person:
    email: str
    name: str
    role: Role


PEOPLE = (
    Person("coordinator@rural-grid.example", "Outage coordinator", Role.COORDINATOR),
    Person("dispatcher@rural-grid.example", "Dispatcher", Role.DISPATCHER),
    Person("administrator@rural-grid.example", "Administrator", Role.ADMINISTRATOR),
    Person("auditor@rural-grid.example", "Auditor", Role.AUDITOR),
)
NEIGHBOURS_ADMINISTRATOR = Person("administrator@neighbour.example", "Neighbour's administrator", Role.ADMINISTRATOR)


@dataclass(frozen=True, kw_only=True)
class DemoStream:
    """
    `every` is seconds between reads, by mode; `freshness` the age at which its facts count as stale, in seconds. What
    is listened to is read for changes only while nobody listens.
    """

    name: str
    contract: str
    label: str
    freshness: int
    every: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    is_listened_to: bool = False


@dataclass(frozen=True, kw_only=True)
class DemoConnector:
    kind: str
    name: str
    config: Mapping[str, Any]
    secrets: Mapping[str, str] = field(default_factory=dict)
    streams: tuple[DemoStream, ...] = ()


MINUTE, HOUR, DAY = 60, 3_600, 86_400

TABLETS = "Field tablets"
SERVICE_POINTS = {
    "path": "service-points",
    "records": "data",
    "total": "total",
    "paging": "PAGE",
    "page_parameter": "page",
    "first_page": 1,
    "size_parameter": "per_page",
    "page_size": 500,
    "since_parameter": "updated_since",
    "updated": "updatedAt",
    "mapping": """
external_id = servicePointId
source_time = updatedAt
name = name
node = connectivityNode
customer_class = customerClass
priority = priority || 'NORMAL'
priority_reason = priorityReason || ''
account_number = account.number
position = location.{longitude: lon, latitude: lat}
""",
}


def connectors(simulator: str) -> tuple[DemoConnector, ...]:
    """
    The demo's connectors, in the order in which their first reads make sense.

    :param simulator: where the pretend utility answers, such as `http://127.0.0.1:8100`
    """
    return (
        DemoConnector(
            kind="ogc-api-features",
            name="Network GIS",
            config={"base_url": f"{simulator}/gis", "sign_in": "BASIC", "username": "gis-reader"},
            secrets={"password": "gis-demo-password"},
            streams=(
                DemoStream(name="zones", contract="zone/1", label="Zones", freshness=DAY, every={"FULL": 6 * HOUR}),
                DemoStream(
                    name="network",
                    contract="network-element/1",
                    label="Network elements",
                    freshness=DAY,
                    every={"FULL": 6 * HOUR, "INCREMENTAL": 5 * MINUTE},
                ),
            ),
        ),
        DemoConnector(
            kind="rest-json",
            name="Customer information",
            config={
                "base_url": f"{simulator}/cis/v1",
                "sign_in": "OAUTH2",
                "token_url": f"{simulator}/cis/oauth/token",
                "client_id": "utility-connectors",
                "probe_path": "service-points?page=1",
            },
            secrets={"client_secret": "cis-demo-secret"},
            streams=(
                DemoStream(
                    name="service-points",
                    contract="service-point/1",
                    label="Service points",
                    freshness=DAY,
                    every={"FULL": 6 * HOUR, "INCREMENTAL": 5 * MINUTE},
                    options=SERVICE_POINTS,
                ),
            ),
        ),
        DemoConnector(
            kind="opcua-rest",
            name="SCADA gateway",
            # 0: the simulator keeps all alarms, so that a full read proves which are gone.
            config={"base_url": f"{simulator}/opcua", "sign_in": "BEARER", "alarm_look_back_days": 0},
            secrets={"token": "scada-demo-token"},
            streams=(
                DemoStream(name="signals", contract="signal/1", label="Signals", freshness=DAY, every={"FULL": HOUR}),
                DemoStream(
                    name="readings",
                    contract="reading/1",
                    label="Readings",
                    freshness=10,
                    every={"INCREMENTAL": 1},
                    is_listened_to=True,
                ),
                DemoStream(
                    name="alarms",
                    contract="alarm/1",
                    label="Alarms",
                    freshness=10,
                    every={"INCREMENTAL": 1, "FULL": HOUR},
                    is_listened_to=True,
                ),
            ),
        ),
        DemoConnector(
            kind="maximo",
            name="Work management",
            config={"base_url": f"{simulator}/maximo/api", "sign_in": "API_KEY"},
            secrets={"api_key": "maximo-demo-apikey"},
            streams=(
                DemoStream(
                    name="mxapiasset",
                    contract="equipment/1",
                    label="Equipment",
                    freshness=DAY,
                    every={"FULL": 6 * HOUR, "INCREMENTAL": 5 * MINUTE},
                ),
                DemoStream(
                    name="mxapiamcrew",
                    contract="crew/1",
                    label="Crews",
                    freshness=MINUTE,
                    every={"INCREMENTAL": 5, "FULL": HOUR},
                ),
                DemoStream(
                    name="mxapiwodetail",
                    contract="work-order/1",
                    label="Work orders",
                    freshness=MINUTE,
                    every={"INCREMENTAL": 5, "FULL": HOUR},
                ),
            ),
        ),
        DemoConnector(
            kind="push",
            name=TABLETS,
            config={"contracts": ["restoration-estimate/1"]},
            streams=(
                DemoStream(
                    name="restoration-estimate/1",
                    contract="restoration-estimate/1",
                    label="Restoration estimates",
                    freshness=15 * MINUTE,
                ),
            ),
        ),
    )
