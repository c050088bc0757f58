"""How a Django model's columns become fields: our scalars in place of graphene-django's."""

from typing import Any

import graphene
from django.db import models
from graphene_django.converter import convert_django_field

from graphql_kit.scalars import JSON, Instant, Long


def use_our_scalars() -> None:
    """Call it before the first type is made of a model."""

    @convert_django_field.register(models.DateTimeField)
    def _(field: Any, registry: Any = None) -> Any:
        return Instant(description=field.help_text, required=not field.null)

    @convert_django_field.register(models.BigIntegerField)
    def _(field: Any, registry: Any = None) -> Any:
        return Long(description=field.help_text, required=not field.null)

    @convert_django_field.register(models.JSONField)
    def _(field: Any, registry: Any = None) -> Any:
        return JSON(description=field.help_text, required=not field.null)

    @convert_django_field.register(models.DecimalField)
    def _(field: Any, registry: Any = None) -> Any:
        return graphene.Float(description=field.help_text, required=not field.null)


use_our_scalars()
