"""A pytest plugin, loaded before Django's settings: starts or finds the real PostgreSQL and Valkey of the suite."""

import os

from config.supervisor import test_services

os.environ.update(test_services.ensure())
# Tests create and flush as the owner; conftest.py lets them run as the role app.
os.environ["DATABASE_ROLE"] = "owner"
os.environ["LOG_LEVEL"] = "ERROR"
