"""Beat's scheduler: reads schedules from the database, and leaves them as people set them."""

from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry


class Entry(ModelEntry):
    def save(self) -> None:
        """
        Write down when it last ran, and nothing else.

        The library reads a whole row and writes it back: a schedule that was switched on in between is off for good.
        """
        type(self.model)._default_manager.filter(pk=self.model.pk).update(
            last_run_at=self.model.last_run_at, total_run_count=self.model.total_run_count
        )


class Scheduler(DatabaseScheduler):
    Entry = Entry

    def setup_schedule(self) -> None:
        # The library looks after the first reading, and misses what changed between the two.
        self._last_timestamp = self.Changes.last_change()
        super().setup_schedule()
