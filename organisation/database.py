"""The database's roles, and what must be true of them before anything is served."""

from collections.abc import Collection, Iterator, Mapping

from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from psycopg import sql

APP, SYSTEM = "app", "app_system"


class UnsafeDatabase(ImproperlyConfigured):
    """The database would not keep organisations apart."""


def create_roles(*, app_password: str | None) -> None:
    """
    Create `app` and `app_system`, and let them use what the owner makes here. Run by the owner, before the first
    migration; repeating it changes nothing.

    `app` is a member of `app_system` without inheriting it: with inheritance it would see every organisation.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('roles'))")
        for role, options in ((SYSTEM, "NOLOGIN"), (APP, "LOGIN NOINHERIT")):
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
            if cursor.fetchone() is None:
                cursor.execute(f"CREATE ROLE {role} {options}")
        if app_password is not None:
            _execute(cursor, sql.SQL("ALTER ROLE app PASSWORD {}").format(sql.Literal(app_password)))
        for member, group in ((APP, SYSTEM), ("CURRENT_USER", APP), ("CURRENT_USER", SYSTEM)):
            cursor.execute(f"GRANT {group} TO {member}")
        cursor.execute(f"GRANT USAGE ON SCHEMA public TO {APP}, {SYSTEM}")
        for kind, rights in (
            ("TABLES", "SELECT, INSERT, UPDATE, DELETE"),
            ("SEQUENCES", "USAGE, SELECT"),
            ("FUNCTIONS", "EXECUTE"),
        ):
            cursor.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT {rights} ON {kind} TO {APP}, {SYSTEM}")
        cursor.execute(
            sql.SQL("GRANT TEMPORARY ON DATABASE {} TO {}, {}")
            .format(sql.Identifier(connection.settings_dict["NAME"]), sql.Identifier(APP), sql.Identifier(SYSTEM))
            .as_string()
        )


def require_safe_role() -> None:
    """
    :raises UnsafeDatabase: if this process' role could see past the row policies
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolname, rolsuper, rolbypassrls, pg_has_role(current_user, 'app_system', 'USAGE') "
            "FROM pg_roles WHERE rolname = current_user"
        )
        name, superuser, bypasses, inherits = cursor.fetchone()
    if superuser or bypasses or inherits:
        raise UnsafeDatabase(
            f"DATABASE_URL signs in as {name}, which sees every organisation's rows. "
            "Use the role app, which `manage.py database roles` creates."
        )


def has_pending_migrations() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def unguarded_tables(tables: list[str]) -> Iterator[str]:
    """Those of the tables on which row-level security is not forced."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relname = ANY(%s) AND NOT (relrowsecurity AND relforcerowsecurity)",
            [tables],
        )
        yield from (row[0] for row in cursor.fetchall())


def missing_references(references: dict[str, str]) -> Iterator[str]:
    """Those of the composite references (constraint name → what it binds) that the database does not have."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT conname FROM pg_constraint WHERE conname = ANY(%s)", [list(references)])
        found = {row[0] for row in cursor.fetchall()}
    yield from (bound for name, bound in references.items() if name not in found)


def _execute(cursor: object, statement: sql.Composed) -> None:
    cursor.execute(statement.as_string())  # type: ignore[attr-defined]  # Django's cursor wrapper has no public type


def unchecked_by_policy(columns: Mapping[str, Collection[str]]) -> dict[str, set[str]]:
    """Of these columns of tables, those that the table's row policy does not look at when a row is written."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename, with_check FROM pg_policies "
            "WHERE policyname = 'organisation_scope' AND tablename = ANY(%s)",
            [list(columns)],
        )
        checks = {table: check or "" for table, check in cursor.fetchall()}
    missing = {table: {name for name in names if name not in checks.get(table, "")} for table, names in columns.items()}
    return {table: names for table, names in missing.items() if names}
