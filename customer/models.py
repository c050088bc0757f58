from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
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
        max_length=10,
        choices=[(one.value, one.value.capitalize()) for one in ServicePriority],
        default=ServicePriority.NORMAL,
    )
    priority_reason = models.TextField(blank=True)
    account_number = models.TextField(blank=True)
    longitude = models.FloatField(null=True)
    latitude = models.FloatField(null=True)

    class Meta(SourceRecord.Meta):
        indexes: ClassVar = [
            models.Index(fields=["organisation", "node"], name="service_point_node"),
            models.Index(
                fields=["organisation", "node"],
                condition=models.Q(priority="CRITICAL"),
                name="service_point_critical",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.external_id})"


class CumulativeCounts(TenantModel):
    """
    How many present service points, and critical ones, hang on the supplied nodes ranked below each number of a page
    (`gis.paging`): the difference of two of them answers any range of the network's numbering. Position 0 of page 0
    is the count below rank 0, which is none.
    """

    version = models.BigIntegerField(help_text="The network's numbering that these belong to.")
    page = models.IntegerField()
    totals = ArrayField(models.IntegerField())
    criticals = ArrayField(models.IntegerField())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "version", "page"], name="cumulative_counts_once"),
        ]

    def __str__(self) -> str:
        return f"Counts {self.version}/{self.page}"
