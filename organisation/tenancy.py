"""The shape that every tenant's row shares: whose it is, and references that cannot point at a neighbour's row."""

from typing import Any, Self, TypeVar

from django.db import models

from organisation.scope import current_organisation_id

Row = TypeVar("Row", bound=models.Model, covariant=True)  # noqa: PLC0105  # named for what it stands for


class TenantQuerySet(models.QuerySet[Row]):
    """
    The one filter by organisation. Forced row-level security lies under it: the filter is for the plan, which cannot
    see into a policy, and the policy is for safety.
    """

    def for_organisation(self, organisation_id: int) -> Self:
        return self.filter(organisation_id=organisation_id)


class OrganisationKey(models.ForeignKey):  # type: ignore[type-arg]  # as below
    """Whose row it is: the organisation in scope, unless another is named (which the row policy refuses)."""

    def __init__(self, **options: Any) -> None:
        options = {"to": "organisation.Organisation", "on_delete": models.PROTECT, "related_name": "+", **options}
        super().__init__(**options)

    def get_default(self) -> int | None:
        return current_organisation_id()


class TenantForeignKey(models.ForeignKey):  # type: ignore[type-arg]  # generic only in the stubs; subclassing needs the plain class at run time
    """
    A reference between two rows of the same organisation.

    The database's key checks ignore row policies, so the plain constraint is left out; `TenantTables` adds the
    composite one, `(organisation, x) → (organisation, id)`, which refuses a neighbour's row.

    :param by_policy: the row policy of the table looks at it, and there is no composite one
    """

    def __init__(self, to: Any, on_delete: Any, *, by_policy: bool = False, **options: Any) -> None:
        self.by_policy = by_policy
        options["db_constraint"] = False
        super().__init__(to, on_delete, **options)

    def deconstruct(self) -> Any:
        name, path, arguments, options = super().deconstruct()
        options.pop("db_constraint", None)
        if self.by_policy:
            options["by_policy"] = True
        return name, path, arguments, options


class TenantModel(models.Model):
    """A row that belongs to one organisation."""

    organisation = OrganisationKey()

    objects = TenantQuerySet.as_manager()

    class Meta:
        abstract = True
