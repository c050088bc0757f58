import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from config.console import UNFOLD  # noqa: F401  # a setting, read by its name
from config.environment import Environment
from config.logs import logging_config

BASE_DIR = Path(__file__).resolve().parent.parent
environment = Environment()

DATA_DIR = Path(environment.text("DATA_DIR"))
PORT = environment.number("PORT")
SIMULATOR_PORT = environment.number("SIMULATOR_PORT")
DEFAULT_ORGANISATION = environment.text("DEFAULT_ORGANISATION")
DEMO = environment.flag("DEMO")

DEBUG = environment.flag("DEBUG")
SECRET_KEY = environment.text("SECRET_KEY")
SECRETS_KEYS = environment.items("SECRETS_KEYS")
ALLOWED_HOSTS = environment.items("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = environment.items("CSRF_TRUSTED_ORIGINS")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = environment.flag("SECURE")
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.simple_history",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_celery_beat",
    "simple_history",
    "graphene_django",
    "config",
    "api",
    "outage",
    "telemetry",
    "customer",
    "work",
    "gis",
    "connectors",
    "audit",
    "organisation",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "api.middleware.ContentSecurityPolicyMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "organisation.middleware.ScopeMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# Database ------------------------------------------------------------------------------------------------------------
# Commands that make or change tables sign in as the owner (manage.py says which); everything else is the role app.
DATABASE_URL = environment.text("DATABASE_URL")
DATABASE_OWNER_URL = environment.text("DATABASE_OWNER_URL")
ACTS_AS_OWNER = os.environ.get("DATABASE_ROLE") == "owner"
POOLED = environment.flag("DATABASE_POOL") and not ACTS_AS_OWNER and "pytest" not in sys.modules

_PLACE = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}


def database(url: str) -> dict[str, Any]:
    """
    Django's settings of a `postgresql://` address; a socket's folder stands in `?host=`, and what else libpq knows
    (`sslmode`, `sslrootcert`, …) beside it.
    """
    given = conninfo_to_dict(url)
    place = {key: given.pop(name, "") for key, name in _PLACE.items()}
    options: dict[str, Any] = given
    if POOLED:
        options["pool"] = {"min_size": 1, "max_size": environment.number("DATABASE_POOL_SIZE"), "timeout": 10}
    return {
        "ENGINE": "django.db.backends.postgresql",
        **place,
        "OPTIONS": options,
        "ATOMIC_REQUESTS": True,
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": False,
    }


DATABASES = {"default": database(DATABASE_OWNER_URL if ACTS_AS_OWNER else DATABASE_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATEMENT_TIMEOUT_S = environment.number("STATEMENT_TIMEOUT_S")

# People --------------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "organisation.User"
AUTHENTICATION_BACKENDS = ["organisation.backends.MembershipBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
SESSION_COOKIE_AGE = int(timedelta(hours=12).total_seconds())

# The trail is written by triggers (audit.triggers); simple-history gives the models, the reading and the admin.
SIMPLE_HISTORY_ENABLED = False
SIMPLE_HISTORY_DATE_INDEX = False
SIMPLE_HISTORY_ENFORCE_HISTORY_MODEL_PERMISSIONS = False

# Tasks and cache -----------------------------------------------------------------------------------------------------
REDIS_URL = environment.text("REDIS_URL")
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
# A task is acknowledged when it is done, and comes back when its worker dies.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": int(timedelta(hours=2).total_seconds()),  # above the longest task, twice over
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
}
CELERY_WORKER_CONCURRENCY = environment.number("WORKER_CONCURRENCY")
CELERY_BEAT_SCHEDULER = "config.beat:Scheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1

# Reading sources -----------------------------------------------------------------------------------------------------
LEASE_S = environment.number("LEASE_S")

# What lands where ----------------------------------------------------------------------------------------------------
CONTRACT_WIRING = "config.wiring.WIRING"
ADAPTERS_FROM_ENTRY_POINTS = True

# Public alerts -------------------------------------------------------------------------------------------------------
CAP_SIGNING_KEY = environment.text("CAP_SIGNING_KEY")
CAP_SIGNING_CERTIFICATE = environment.text("CAP_SIGNING_CERTIFICATE")

GRAPHENE = {"SCHEMA": "api.schema.schema", "SCHEMA_OUTPUT": "api/schema.graphql"}

# Words, time, files --------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

MAP_ATTRIBUTION = environment.text("MAP_ATTRIBUTION") or ("Network: SimBench, ODbL 1.0" if DEMO else "")

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
SERVESTATIC_USE_FINDERS = DEBUG or "pytest" in sys.modules

DATA_UPLOAD_MAX_MEMORY_SIZE = 20 * 1024 * 1024  # a pushed batch of records; GraphQL has a limit of its own
LOGGING_CONFIG = "config.logs.configure"
LOGGING = logging_config(format_=environment.text("LOG_FORMAT"), level=environment.text("LOG_LEVEL"))
