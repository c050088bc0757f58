"""What every row that came from a source system carries."""

from typing import ClassVar, Self, TypeVar

from django.db import models

from connectors.models import Connector, Stream
from organisation.tenancy import TenantForeignKey, TenantModel, TenantQuerySet

SourceRow_co = TypeVar("SourceRow_co", bound=models.Model, covariant=True)


class SourceRecordQuerySet(TenantQuerySet[SourceRow_co]):
    def present(self) -> Self:
        """What the source still has."""
        return self.filter(retired_at=None)


class SourceRecord(TenantModel):
    """
    :cvar external_id: the source's key, unique within its connector
    :cvar source_time: when the source says that it was true
    :cvar landed_at: when we last learnt something new about it
    :cvar retired_at: when a complete read no longer held it; a sync never deletes
    """

    connector = TenantForeignKey(Connector, models.PROTECT, related_name="+")
    stream = TenantForeignKey(Stream, models.PROTECT, related_name="+")
    external_id = models.TextField()
    source_time = models.DateTimeField(null=True)
    landed_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)

    objects: ClassVar = SourceRecordQuerySet.as_manager()

    class Meta:
        abstract = True
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organisation", "connector", "external_id"], name="%(app_label)s_%(class)s_once"
            ),
        ]
