from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from config.beat import Scheduler
from config.celery import app


@pytest.fixture
def task() -> Any:
    interval = IntervalSchedule.objects.create(every=1, period=IntervalSchedule.SECONDS)
    return PeriodicTask.objects.create(name="read poles", task="pretend", interval=interval, enabled=True)


@pytest.mark.django_db
def test_writing_down_when_a_schedule_ran_writes_nothing_that_a_person_sets(task: Any) -> None:
    entry = next(Scheduler.Entry(task, app=app))

    with CaptureQueriesContext(
        connection,
    ) as asked:
        entry.save()

    [update] = [query["sql"] for query in asked]
    columns = update.partition(" SET ")[2].partition(" WHERE ")[0]
    assert [column.split(" = ")[0] for column in columns.split(", ")] == ['"last_run_at"', '"total_run_count"']
    task.refresh_from_db()
    assert (task.total_run_count, task.last_run_at) == (1, entry.last_run_at)


@pytest.mark.django_db(transaction=True)  # it looks through a connection of its own
def test_what_changes_after_the_first_reading_is_noticed(task: Any) -> None:
    scheduler = Scheduler(app=app)
    assert "read poles" in scheduler.schedule

    task.enabled = False
    task.save()

    assert "read poles" not in scheduler.schedule
