"""What every row that came from a source system carries."""

from typing import ClassVar, Self, TypeVar

from django.db import models

from connectors.models import Connector, Stream
from organisation.tenancy import OrganisationKey, TenantForeignKey, TenantModel, TenantQuerySet

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

    # No index and no key check of their own: the unique constraint begins with them, and the row policy looks at them
    # (connectors.operations.SourceTables).
    organisation = OrganisationKey(db_index=False, db_constraint=False)
    connector = TenantForeignKey(Connector, models.PROTECT, related_name="+", db_index=False, by_policy=True)
    stream = TenantForeignKey(Stream, models.PROTECT, related_name="+", db_index=False, by_policy=True)
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
