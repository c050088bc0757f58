"""Mutations that either happen whole, or answer with typed errors and undo what they began."""

from typing import Any, ClassVar, TypeVar

import graphene
from django.db import transaction
from django.db.models import Model, QuerySet

from graphql_kit.ids import keys_of

M = TypeVar("M", bound=Model)


class Refused(Exception):
    """A mutation's own refusal: a code of its enum, a sentence for a person, and the input field to blame."""

    def __init__(self, code: str, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.field = code, message, field


def row_named(rows: QuerySet[M], type_name: str, given: str) -> M:
    """
    The row that an input field names by its relay id; the field is called as the type is.

    :raises Refused: as NOT_FOUND, if there is none among the rows
    """
    row = rows.filter(pk__in=keys_of(type_name, given)).first()
    if row is None:
        field = type_name.lower()
        raise Refused("NOT_FOUND", f"There is no such {field}.", field=field)
    return row


class TypedMutation(graphene.Mutation):
    """
    Subclasses give `codes` (a graphene enum), `Arguments` with one `input`, output fields, and `work`, which returns
    the output fields or raises `Refused`. Each mutation field is a transaction of its own: graphene-django's setting
    of that name does not roll back.
    """

    class Meta:
        abstract = True

    @classmethod
    def __init_subclass_with_meta__(cls, codes: type[graphene.Enum] | None = None, **options: Any) -> None:
        if codes is not None:
            error = type(
                f"{cls.__name__}Error",
                (graphene.ObjectType,),
                {
                    "__doc__": "Why it was refused.",
                    "code": codes(required=True),
                    "message": graphene.String(required=True, description="A sentence for a person."),
                    "field": graphene.String(description="The input field to blame, if one is."),
                },
            )
            cls.errors = graphene.List(graphene.NonNull(error), required=True)
            cls.error_type = error
        super().__init_subclass_with_meta__(**options)

    error_type: ClassVar[type[graphene.ObjectType]]

    @classmethod
    def work(cls, info: Any, **arguments: Any) -> dict[str, Any]:
        raise NotImplementedError  # each mutation does its own

    @classmethod
    def mutate(cls, root: Any, info: Any, **arguments: Any) -> Any:
        try:
            with transaction.atomic():
                return cls(errors=[], **cls.work(info, **arguments))
        except Refused as refusal:
            return cls(errors=[cls.error_type(code=refusal.code, message=refusal.message, field=refusal.field)])
