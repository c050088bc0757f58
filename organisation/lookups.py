from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, Lookup, TextField
from django.db.models.sql.compiler import SQLCompiler


@CharField.register_lookup
@TextField.register_lookup
class Starts(Lookup):
    """
    `external_id__starts="SW-"`: a prefix by `starts_with`, which is leakproof. `LIKE` is not, so that under a row
    policy it would look at every row of every organisation.
    """

    lookup_name = "starts"

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        column, values = self.process_lhs(compiler, connection)
        prefix, given = self.process_rhs(compiler, connection)
        return f"starts_with({column}, {prefix})", (*values, *given)
