"""System checks that keep a new table from slipping past the scope (`manage.py check --database default`)."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.core.checks import CheckMessage, Error
from django.db import models

from organisation import database
from organisation.operations import reference_name, references_by_policy, tenant_references

WITHOUT_ORGANISATION: dict[str, str] = {
    "django_migrations": "which migrations ran",
    "django_content_type": "names of models",
    "auth_permission": "Django's own names of rights, not used",
    "auth_group": "Django's own, not used",
    "auth_group_permissions": "Django's own, not used",
    "django_session": "signed keys of a session; holds ids, no names",
    "django_admin_log": "never written: history has it",
    "organisation_organisation": "has a policy of its own: one sees the organisations in scope",
    "organisation_user": "has a policy of its own: one sees oneself and those who share an organisation in scope",
    "django_celery_beat_clockedschedule": "times",
    "django_celery_beat_crontabschedule": "times",
    "django_celery_beat_intervalschedule": "times",
    "django_celery_beat_solarschedule": "times",
    "django_celery_beat_periodictask": "carries ids and, in its headers, the organisation",
    "django_celery_beat_periodictasks": "when the schedules last changed",
}


def tenant_models() -> list[type[models.Model]]:
    """Models with an organisation, history included."""
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if any(field.name == "organisation" for field in model._meta.local_fields)
    ]


def check_every_table_has_an_organisation(
    app_configs: Sequence[AppConfig] | None, **options: Any
) -> list[CheckMessage]:
    tenant = {model._meta.db_table for model in tenant_models()}
    return [
        Error(
            f"{model._meta.label} has no organisation.",
            hint="Make it a TenantModel, or list its table with a reason in checks.WITHOUT_ORGANISATION.",
            obj=model,
            id="organisation.E001",
        )
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed
        and model._meta.db_table not in tenant
        and model._meta.db_table not in WITHOUT_ORGANISATION
    ]


def check_row_security(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **options: Any
) -> Sequence[CheckMessage]:
    if not databases or database.has_pending_migrations():
        return []  # `migrate` checks before it has made what is checked
    models_ = tenant_models()
    tables = [model._meta.db_table for model in models_] + ["organisation_organisation", "organisation_user"]
    references = {
        reference_name(model, field): f"{model._meta.label}.{field.name}"
        for model in models_
        if not hasattr(model, "instance_type")  # a history row repeats what its guarded row held
        for field in tenant_references(model)
    }
    by_policy = {
        model._meta.db_table: {field.column for field in references_by_policy(model)}
        for model in models_
        if references_by_policy(model)
    }
    return (
        [
            Error(
                f"Row-level security is not forced on {table}.",
                hint="Add TenantTables to its migration.",
                id="organisation.E002",
            )
            for table in database.unguarded_tables(tables)
        ]
        + [
            Error(
                f"{bound} may point at another organisation's row.",
                hint="Add TenantTables to its migration.",
                id="organisation.E003",
            )
            for bound in database.missing_references(references)
        ]
        + [
            Error(
                f"The row policy of {table} does not look at {', '.join(sorted(targets))}.",
                hint="Add SourceTables to its migration.",
                id="organisation.E004",
            )
            for table, targets in database.unchecked_by_policy(by_policy).items()
        ]
    )
