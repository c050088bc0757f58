from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GistIndex
from django.db import models

from connectors.contracts.network_element import ElementKind
from connectors.contracts.reading import SwitchState
from connectors.contracts.zone import ZoneLevel
from connectors.models import Connector
from connectors.records import SourceRecord
from organisation.history import tracked
from organisation.tenancy import TenantForeignKey, TenantModel


class BoxField(models.Field):  # type: ignore[type-arg]  # generic only in the stubs
    """PostgreSQL's own `box`, for a GiST index over extents without PostGIS. Text form: `(x2,y2),(x1,y1)`."""

    def db_type(self, connection: Any) -> str:
        return "box"


class Placed(models.Model):
    """Geometry as GeoJSON in CRS84, and a point to put a mark on."""

    geometry = models.JSONField(null=True)
    longitude = models.FloatField(null=True)
    latitude = models.FloatField(null=True)

    class Meta:
        abstract = True


class Extended(Placed):
    """Placed, with its extent for the index by which the map finds it."""

    extent = BoxField(null=True)

    class Meta:
        abstract = True


class Feature(SourceRecord, Placed):
    """
    A geographic feature of a source's collection, as it is. Its `external_id` begins with the collection's name, so
    that the one index finds both. A bare table: it takes collections of millions.
    """

    collection = models.TextField()
    properties = models.JSONField(default=dict)

    class Meta(SourceRecord.Meta):
        pass

    def __str__(self) -> str:
        return f"{self.collection} {self.external_id}"


class Zone(SourceRecord, Extended):
    """An area of the utility. `parent_external_id` is kept until the zone that it names has landed."""

    name = models.TextField()
    level = models.CharField(
        max_length=20, choices=[(one.value, one.value.replace("_", " ").capitalize()) for one in ZoneLevel]
    )
    parent_external_id = models.TextField(null=True)
    parent = TenantForeignKey("self", models.SET_NULL, null=True, related_name="+")

    class Meta(SourceRecord.Meta):
        indexes: ClassVar = [GistIndex(fields=["extent"], name="zone_extent")]

    def __str__(self) -> str:
        return f"{self.name} ({self.external_id})"


class NetworkElement(SourceRecord, Extended):
    """
    One element of the network model: the anchor at which every system's name for it comes together.

    `from_node` and `to_node` are connectivity nodes. An element with both is a branch; one with `from_node` alone
    sits on that node. `normally_open` is the planned state, `SwitchPosition` the live one.
    """

    kind = models.CharField(
        max_length=20, choices=[(one.value, one.value.replace("_", " ").capitalize()) for one in ElementKind]
    )
    name = models.TextField(blank=True)
    nominal_voltage_v = models.FloatField(null=True)
    from_node = models.TextField()
    to_node = models.TextField(null=True)
    normally_open = models.BooleanField(default=False)
    zone_external_id = models.TextField(null=True)
    zone = TenantForeignKey(Zone, models.SET_NULL, null=True, related_name="+")

    class Meta(SourceRecord.Meta):
        indexes: ClassVar = [
            models.Index(fields=["organisation", "external_id"], name="element_by_external_id"),
            models.Index(fields=["organisation", "from_node"], name="element_from_node"),
            models.Index(fields=["organisation", "to_node"], name="element_to_node"),
            models.Index(fields=["organisation", "zone_external_id"], name="element_of_zone"),
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
            models.Index(
                fields=["organisation", "external_id"],
                condition=models.Q(element=None),
                name="element_alias_unresolved",
            ),
        ]

    def __str__(self) -> str:
        return self.external_id


class SwitchPosition(TenantModel):
    """
    The newest known position of a switch. An older reading never replaces a newer one.

    `is_open` is the last position that was either open or closed: a device under way keeps it, and where none is
    known, the planned state counts.
    """

    element = TenantForeignKey(NetworkElement, models.CASCADE, related_name="positions")
    state = models.CharField(max_length=12, choices=[(one.value, one.value.capitalize()) for one in SwitchState])
    is_open = models.BooleanField(null=True)
    source_time = models.DateTimeField()
    landed_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "element"], name="switch_position_once")
        ]

    def __str__(self) -> str:
        return f"{self.element} {self.state.lower()}"


class Network(TenantModel):
    """
    An organisation's network as one thing: which version of its numbering is in force. Locking this row serialises
    everything that changes what is supplied. `is_due`: elements came, changed or went of which the numbering does not
    know yet.
    """

    version = models.BigIntegerField(default=0)
    is_due = models.BooleanField(default=False)
    topology_at = models.DateTimeField(null=True, help_text="When an element last changed.")
    numbered_at = models.DateTimeField(null=True)
    node_count = models.IntegerField(default=0, help_text="How many connectivity nodes a source reached.")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["organisation"], name="network_once")]

    def __str__(self) -> str:
        return f"Network at version {self.version}"


class ElementNumbers(TenantModel):
    """
    The numbering behind impact, one row per page of element ids (`gis.paging`).

    The supplied connectivity nodes are ranked so that whatever an element takes supply from when it opens or fails is
    one range: the nodes ranked in [enter, leave). A meshed element has an empty range; one that is open, unsupplied or
    retired has -1 for both.
    """

    version = models.BigIntegerField()
    page = models.BigIntegerField(help_text="The element's id, less its lowest bits.")
    enters = ArrayField(models.IntegerField())
    leaves = ArrayField(models.IntegerField())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "version", "page"], name="element_numbers_once"),
        ]

    def __str__(self) -> str:
        return f"Numbers {self.version}/{self.page}"


class NodeRanking(TenantModel):
    """The supplied connectivity nodes in the order of their rank, one row per page of ranks."""

    version = models.BigIntegerField()
    page = models.IntegerField()
    nodes = ArrayField(models.TextField())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "version", "page"], name="node_ranking_once"),
        ]

    def __str__(self) -> str:
        return f"Ranking {self.version}/{self.page}"


class DeadRange(TenantModel):
    """
    A device that opened after the numbering and by itself feeds the nodes ranked in [enter, leave): they are without
    supply while it stays open, and every other number stays true. So a trip and its restoration write one row.
    """

    version = models.BigIntegerField()
    element = TenantForeignKey(NetworkElement, models.CASCADE, related_name="dead_ranges")
    enter = models.IntegerField()
    leave = models.IntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "version", "element"], name="dead_range_once"),
            models.CheckConstraint(condition=models.Q(leave__gt=models.F("enter")), name="dead_range_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.element_id} [{self.enter}, {self.leave})"


class UnsuppliedNode(TenantModel):
    """
    A connectivity node that no source reaches now. `rank` is its number if it lost supply after the numbering.
    A node that is neither here nor at any present element is not known at all.
    """

    node = models.TextField()
    rank = models.IntegerField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "node"], include=["rank"], name="unsupplied_node_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["organisation", "rank"], name="unsupplied_node_rank")]

    def __str__(self) -> str:
        return self.node


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
