from typing import ClassVar

from django.db import models

from connectors.contracts.service_point import ServicePriority
from connectors.records import SourceRecord
from organisation.tenancy import TenantModel


class ServicePoint(SourceRecord):
    """Where a customer takes supply. `node` is the connectivity node on which it hangs; null: not known yet."""

    name = models.TextField(blank=True)
    node = models.TextField(null=True)
    customer_class = models.TextField(blank=True)
    priority = models.CharField(
        max_length=10, choices=[(one.value, one.value.capitalize()) for one in ServicePriority], default=ServicePriority.NORMAL
    )
    priority_reason = models.TextField(blank=True)
    account_number = models.TextField(blank=True)
    longitude = models.FloatField(null=True)
    latitude = models.FloatField(null=True)

    class Meta(SourceRecord.Meta):
        indexes: ClassVar = [
            models.Index(fields=["organisation", "node"], name="service_point_node"),
            models.Index(
                fields=["organisation", "node"], condition=models.Q(priority="CRITICAL"), name="service_point_critical"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.external_id})"


class CumulativeCount(TenantModel):
    """
    How many present service points, and critical ones, hang on supplied nodes numbered up to and including `enter`:
    the difference of two look-ups answers any subtree. One row per numbered node that has service points.
    """

    version = models.BigIntegerField(help_text="The network's numbering that these belong to.")
    enter = models.IntegerField()
    total = models.IntegerField()
    critical = models.IntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organisation", "version", "enter"], include=["total", "critical"], name="cumulative_count_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.enter}: {self.total}"
