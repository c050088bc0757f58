"""History columns that every tracked model's history shares; `audit` fills the rows by triggers."""

from typing import Any

from django.db import models
from simple_history.models import HistoricalRecords

from organisation.scope import current_organisation_id, current_origin, current_request_id


class HistoryColumns(models.Model):
    """Where a change came from, beside simple-history's own who, when and why."""

    origin = models.CharField(max_length=10, default=current_origin, editable=False)
    request_id = models.CharField(max_length=64, blank=True, default=current_request_id, editable=False)

    class Meta:
        abstract = True


class SharedHistoryColumns(HistoryColumns):
    """For rows that belong to no single organisation: the change belongs to the one in which it was made."""

    organisation = models.ForeignKey(
        "organisation.Organisation",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        default=current_organisation_id,
        related_name="+",
        editable=False,
    )

    class Meta:
        abstract = True


def tracked(**options: Any) -> HistoricalRecords:
    """
    simple-history's records with our columns. Rows are written by statement triggers (`audit.triggers`), which also
    see bulk writes; `SIMPLE_HISTORY_ENABLED` is off so that nothing is written twice.
    """
    options.setdefault("bases", [HistoryColumns])
    return HistoricalRecords(
        history_id_field=models.BigAutoField(),
        history_change_reason_field=models.TextField(null=True),
        **options,
    )
