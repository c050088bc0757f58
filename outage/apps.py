from django.apps import AppConfig


class OutageConfig(AppConfig):
    name = "outage"
    default_auto_field = "django.db.models.BigAutoField"
