"""A migration operation for tables of what came from sources."""

from collections.abc import Iterator

from django.db import models

from organisation.operations import TableOperation, composite_reference, reference_name, references_by_policy

IN_SCOPE = "organisation_id = ANY ((SELECT app_organisations())::bigint[])"
OF_A_STREAM = (
    "connector_id IN (SELECT id FROM connectors_connector) AND stream_id IN (SELECT id FROM connectors_stream)"
)


class SourceTables(TableOperation):
    """
    Have the row policy see that a row is of a connector and a stream of its organisation: it reads them once per
    statement, where foreign keys would look each up for every row, which is a third of what landing costs.

    What the keys would also do, refuse that a stream with rows is deleted, is left to the models' `PROTECT`.
    """

    def forwards(self, model: type[models.Model]) -> Iterator[str]:
        table = model._meta.db_table
        for reference in references_by_policy(model):
            yield f'ALTER TABLE "{table}" DROP CONSTRAINT "{reference_name(model, reference)}"'
        yield f'ALTER POLICY organisation_scope ON "{table}" WITH CHECK ({IN_SCOPE} AND {OF_A_STREAM})'

    def backwards(self, model: type[models.Model]) -> Iterator[str]:
        yield f'ALTER POLICY organisation_scope ON "{model._meta.db_table}" WITH CHECK ({IN_SCOPE})'
        for reference in references_by_policy(model):
            yield composite_reference(model, reference)

    def describe(self) -> str:
        return f"Check the streams of {', '.join(self.model_names)} in their row policies"
