"""Migration operations that make tables safe for several organisations. Without a scope, there are no rows."""

from collections.abc import Iterator
from typing import Any

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from organisation.tenancy import TenantForeignKey

SCOPE_FUNCTIONS = """
CREATE FUNCTION app_organisations() RETURNS bigint[] LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT string_to_array(nullif(current_setting('app.organisation_ids', true), ''), ',')::bigint[] $$;
CREATE FUNCTION app_actor() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT nullif(current_setting('app.actor', true), '')::bigint $$;
"""
DROP_SCOPE_FUNCTIONS = "DROP FUNCTION app_actor(); DROP FUNCTION app_organisations();"


class TableOperation(Operation):
    """Runs statements over tables, each after the models that it names exist in the migration's state."""

    reduces_to_sql = True
    reversible = True

    def __init__(self, *model_names: str) -> None:
        self.model_names = model_names

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return self.__class__.__name__, list(self.model_names), {}

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """The state does not change: Django has no word for a policy."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        # Row policies cannot be made while deferred key checks on the table are pending.
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        models_ = [to_state.apps.get_model(app_label, name) for name in self.model_names]
        for step in (self.forwards, self.bind):
            for model in models_:
                for statement in step(model):
                    schema_editor.execute(statement)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        for name in reversed(self.model_names):
            for statement in self.backwards(from_state.apps.get_model(app_label, name)):
                schema_editor.execute(statement)

    def forwards(self, model: type[models.Model]) -> Iterator[str]:
        raise NotImplementedError  # each operation says its statements

    def bind(self, model: type[models.Model]) -> Iterator[str]:
        """What needs all of the tables to be ready; nothing, unless an operation says so."""
        yield from ()

    def backwards(self, model: type[models.Model]) -> Iterator[str]:
        raise NotImplementedError  # each operation says its statements


class TenantTables(TableOperation):
    """
    Force row-level security on the models' tables, and bind their references to rows of the same organisation.

    The scope stands in a sub-select, so that it is read once per statement and not once per row.
    """

    def forwards(self, model: type[models.Model]) -> Iterator[str]:
        table = model._meta.db_table
        yield from scope_policies(table)
        if model._meta.pk.column == "id":
            yield f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_organisation_key" UNIQUE (organisation_id, id)'

    def bind(self, model: type[models.Model]) -> Iterator[str]:
        for reference in tenant_references(model):
            yield composite_reference(model, reference)

    def backwards(self, model: type[models.Model]) -> Iterator[str]:
        table = model._meta.db_table
        for reference in tenant_references(model):
            yield f'ALTER TABLE "{table}" DROP CONSTRAINT "{reference_name(model, reference)}"'
        yield f'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS "{table}_organisation_key"'
        yield from drop_scope_policies(table)

    def describe(self) -> str:
        return f"Force row-level security on {', '.join(self.model_names)}"


class HistoryTables(TableOperation):
    """Row-level security on history tables, which people may read and only the trail's triggers write."""

    def forwards(self, model: type[models.Model]) -> Iterator[str]:
        table = model._meta.db_table
        yield from scope_policies(table)
        yield f'REVOKE INSERT, UPDATE, DELETE ON "{table}" FROM app'

    def backwards(self, model: type[models.Model]) -> Iterator[str]:
        table = model._meta.db_table
        yield f'GRANT INSERT, UPDATE, DELETE ON "{table}" TO app'
        yield from drop_scope_policies(table)

    def describe(self) -> str:
        return f"Force row-level security on the history {', '.join(self.model_names)}"


def scope_policies(
    table: str, condition: str = "organisation_id = ANY ((SELECT app_organisations())::bigint[])"
) -> Iterator[str]:
    yield f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY'
    yield f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY'
    yield f'CREATE POLICY organisation_scope ON "{table}" USING ({condition})'
    yield f'CREATE POLICY system_jobs ON "{table}" TO app_system USING (true) WITH CHECK (true)'


def drop_scope_policies(table: str) -> Iterator[str]:
    yield f'DROP POLICY system_jobs ON "{table}"'
    yield f'DROP POLICY organisation_scope ON "{table}"'
    yield f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY'
    yield f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY'


def tenant_references(model: type[models.Model]) -> list[TenantForeignKey]:
    """Those that a composite key checks."""
    return [one for one in model._meta.local_fields if isinstance(one, TenantForeignKey) and not one.by_policy]


def references_by_policy(model: type[models.Model]) -> list[TenantForeignKey]:
    return [one for one in model._meta.local_fields if isinstance(one, TenantForeignKey) and one.by_policy]


def reference_name(model: type[models.Model], field: TenantForeignKey) -> str:
    return f"{model._meta.db_table}_{field.column}_same_organisation"[:63]


def composite_reference(model: type[models.Model], field: TenantForeignKey) -> str:
    target = field.related_model._meta.db_table
    return (
        f'ALTER TABLE "{model._meta.db_table}" ADD CONSTRAINT "{reference_name(model, field)}" '
        f'FOREIGN KEY (organisation_id, "{field.column}") REFERENCES "{target}" (organisation_id, id) '
        "DEFERRABLE INITIALLY DEFERRED"
    )
