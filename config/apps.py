from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """Holds the commands that act on the whole product: `database`, `demo`, `schema`."""

    name = "config"
