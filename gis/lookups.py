from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Lookup
from django.db.models.sql.compiler import SQLCompiler


class Among(Lookup):
    """
    `filter(Among(F("node"), nodes))`: one array as one value. The planner finds its way through it whatever its
    statistics; a join with rows that were just written, of which it has none yet, it may well walk once for each of
    the others.
    """

    lookup_name = "among"
    prepare_rhs = False

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        column, values = self.process_lhs(compiler, connection)
        # Of the column's own type: PostgreSQL hashes no array of a smaller integer, and compares them one by one.
        kind = self.lhs.output_field.cast_db_type(connection)
        return f"{column} = ANY(%s::{kind}[])", (*values, list(self.rhs))
