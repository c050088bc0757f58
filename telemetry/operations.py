"""Native partitioning by range, as a migration operation: Django makes the model, the clause is appended."""

from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState


class CreatePartitionedModel(migrations.CreateModel):
    """
    `CreateModel` with `PARTITION BY RANGE (column)`. The primary key must hold the column. Partitions are not
    made here: `telemetry.services.partitions` keeps them days ahead.
    """

    def __init__(self, *args: Any, partition_by: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.partition_by = partition_by

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        name, arguments, options = super().deconstruct()
        return name, list(arguments), {**options, "partition_by": self.partition_by}

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        plain = schema_editor.sql_create_table
        schema_editor.sql_create_table = f'{plain} PARTITION BY RANGE ("{self.partition_by}")'
        try:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        finally:
            schema_editor.sql_create_table = plain
