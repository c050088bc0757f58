from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GistIndex
from django.db import models

from connectors.contracts.network_element import ElementKind
from connectors.contracts.reading import SwitchState
from connectors.contracts.zone import ZoneLevel
from connectors.records import SourceRecord
from connectors.models import Connector
from organisation.history import tracked
from organisation.tenancy import TenantForeignKey, TenantModel


class BoxField(models.Field):  # type: ignore[type-arg]  # generic only in the stubs
    """PostgreSQL's own `box`, for a GiST index over extents without PostGIS. Text form: `(x2,y2),(x1,y1)`."""

    def db_type(self, connection: Any) -> str:
        return "box"


class Placed(models.Model):
    """Geometry as GeoJSON in CRS84, with its extent for the index and a point to put a mark on."""

    geometry = models.JSONField(null=True)
    extent = BoxField(null=True)
    longitude = models.FloatField(null=True)
    latitude = models.FloatField(null=True)

    class Meta:
        abstract = True


class Feature(SourceRecord, Placed):
    """A geographic feature of a source's collection, as it is."""

    collection = models.TextField()
    properties = models.JSONField(default=dict)

    class Meta(SourceRecord.Meta):
        indexes: ClassVar = [
            models.Index(fields=["organisation", "collection", "external_id"], name="feature_of_collection"),
            GistIndex(fields=["extent"], name="feature_extent"),
        ]

    def __str__(self) -> str:
        return f"{self.collection} {self.external_id}"


class Zone(SourceRecord, Placed):
    """An area of the utility. `parent_external_id` is kept until the zone that it names has landed."""

    name = models.TextField()
    level = models.CharField(max_length=20, choices=[(one.value, one.value.replace("_", " ").capitalize()) for one in ZoneLevel])
    parent_external_id = models.TextField(null=True)
    parent = TenantForeignKey("self", models.SET_NULL, null=True, related_name="children")

    class Meta(SourceRecord.Meta):
        indexes: ClassVar = [GistIndex(fields=["extent"], name="zone_extent")]

    def __str__(self) -> str:
        return f"{self.name} ({self.external_id})"


class NetworkElement(SourceRecord, Placed):
    """
    One element of the network model: the anchor at which every system's name for it comes together.

    `from_node` and `to_node` are connectivity nodes. An element with both is a branch; one with `from_node` alone
    sits on that node. `normally_open` is the planned state, `SwitchPosition` the live one.
    """

    kind = models.CharField(max_length=20, choices=[(one.value, one.value.replace("_", " ").capitalize()) for one in ElementKind])
    name = models.TextField(blank=True)
    nominal_voltage_v = models.FloatField(null=True)
    from_node = models.TextField()
    to_node = models.TextField(null=True)
    normally_open = models.BooleanField(default=False)
    zone_external_id = models.TextField(null=True)
    zone = TenantForeignKey(Zone, models.SET_NULL, null=True, related_name="elements")

    class Meta(SourceRecord.Meta):
        indexes: ClassVar = [
            models.Index(fields=["organisation", "external_id"], name="element_by_external_id"),
            models.Index(fields=["organisation", "from_node"], name="element_from_node"),
            models.Index(fields=["organisation", "to_node"], name="element_to_node"),
            GistIndex(fields=["extent"], name="element_extent"),
        ]

    def __str__(self) -> str:
        return f"{self.name or self.kind} ({self.external_id})"


class ElementAlias(TenantModel):
    """
    What another system calls a network element: the crosswalk. Made unresolved when a record names an element that
    we do not know yet; resolving it, by equality with an element's external id or by a person, is one update.
    """

    connector = TenantForeignKey(Connector, models.PROTECT, related_name="+")
    external_id = models.TextField()
    element = TenantForeignKey(NetworkElement, models.PROTECT, null=True, related_name="aliases")
    created_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)

    history = tracked()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "connector", "external_id"], name="element_alias_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organisation", "external_id"], condition=models.Q(element=None), name="element_alias_unresolved"),
        ]

    def __str__(self) -> str:
        return self.external_id


class SwitchPosition(TenantModel):
    """The newest known position of a switch. An older reading never replaces a newer one."""

    element = TenantForeignKey(NetworkElement, models.CASCADE, related_name="positions")
    state = models.CharField(max_length=12, choices=[(one.value, one.value.capitalize()) for one in SwitchState])
    source_time = models.DateTimeField()
    landed_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["organisation", "element"], name="switch_position_once")]

    def __str__(self) -> str:
        return f"{self.element} {self.state.lower()}"


class Network(TenantModel):
    """
    An organisation's network as one thing: which version of its numbering is in force. Locking this row serialises
    renumbering. `topology_at` is when an element or a switch last changed; numbers older than that are due.
    """

    version = models.BigIntegerField(default=0)
    topology_at = models.DateTimeField(null=True)
    numbered_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["organisation"], name="network_once")]

    def __str__(self) -> str:
        return f"Network at version {self.version}"


class ElementNumber(TenantModel):
    """
    The numbering behind impact. Elements and connectivity nodes stand in one dominator tree, walked from the sources
    over closed devices: opening an element takes supply from exactly those with `enter` in [enter, leave).
    An element that no source reaches has no number.
    """

    version = models.BigIntegerField()
    element = TenantForeignKey(NetworkElement, models.CASCADE, related_name="numbers")
    enter = models.IntegerField()
    leave = models.IntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "version", "element"], name="element_number_once"),
        ]

    def __str__(self) -> str:
        return f"{self.element_id} [{self.enter}, {self.leave})"


class NodeNumber(TenantModel):
    """The `enter` of each supplied connectivity node, in the same numbering."""

    version = models.BigIntegerField()
    node = models.TextField()
    enter = models.IntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "version", "node"], name="node_number_once"),
        ]

    def __str__(self) -> str:
        return f"{self.node} {self.enter}"


class SwitchOpening(TenantModel):
    """
    What a device fed in the last state in which it was closed, kept when it opens: the connectivity nodes that lost
    supply. An outage is charged with it whichever of alarm and position lands first.
    """

    element = TenantForeignKey(NetworkElement, models.CASCADE, related_name="openings")
    opened_at = models.DateTimeField(help_text="By the source's clock.")
    version = models.BigIntegerField(help_text="The numbering in which it was closed.")
    nodes = ArrayField(models.TextField())
    closed_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["organisation", "element", "-opened_at"], name="opening_newest")]

    def __str__(self) -> str:
        return f"{self.element_id} opened at {self.opened_at:%H:%M:%S}"
