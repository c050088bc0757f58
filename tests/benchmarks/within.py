"""
`python -m tests.benchmarks.within MODULE`: runs a module as a program, with Django around it as a worker has it.
"""

import os
import runpy
import sys

import django

from config.celery import spare_the_collector

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    spare_the_collector()
    runpy.run_module(sys.argv[1], run_name="__main__")
