import gc
import os

from celery import Celery
from celery.signals import setup_logging, worker_init, worker_process_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# Read at first use, so that importing this package loads no settings.
app = Celery("config", task_cls="organisation.tasks:ScopedTask", config_source="config.settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_our_logging(**options: object) -> None:
    """Celery leaves logging alone when this signal has a receiver: Django's settings hold."""


@worker_init.connect
def refuse_an_unsafe_start(**options: object) -> None:
    # Inside, because they load the settings.
    from connectors.checks import require_keys  # noqa: PLC0415
    from organisation.database import require_safe_role  # noqa: PLC0415

    require_safe_role()
    require_keys()


@worker_process_init.connect
def spare_the_collector(**options: object) -> None:
    """
    What is loaded by now stays loaded. The collector need not look through it again and again while pages come and go:
    that takes as long as to read them.
    """
    gc.collect()
    gc.freeze()
