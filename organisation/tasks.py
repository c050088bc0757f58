"""How a task gets its scope: in the message's headers, put there by whoever queued it."""

from dataclasses import asdict
from typing import Any

from celery import Task, current_task
from celery.signals import before_task_publish

from organisation.roles import Capability
from organisation.scope import Scope, carrying, current_scope_or_none

HEADER = "organisation_scope"


class TaskWithoutOrganisation(Exception):
    """A task came without an organisation, and is not a named system job."""


class ScopedTask(Task):  # type: ignore[type-arg]  # generic only in the stubs
    """
    Carries the scope of its message; the body opens `acting_for` once per unit of work. A task that visits every
    organisation says so by `system_job="its-name"`, and gets none.
    """

    abstract = True
    system_job: str | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.system_job is not None:
            return super().__call__(*args, **kwargs)
        given = self.request.get(HEADER) or (self.request.headers or {}).get(HEADER)
        scope = current_scope_or_none() if given is None else scope_from_header(given)
        if scope is None:
            raise TaskWithoutOrganisation(f"{self.name} was queued without an organisation in scope.")
        with carrying(scope):
            return super().__call__(*args, **kwargs)


def scope_to_header(scope: Scope) -> dict[str, Any]:
    return {**asdict(scope), "capabilities": sorted(scope.capabilities)}


def scope_from_header(header: dict[str, Any]) -> Scope:
    return Scope(**{**header, "capabilities": frozenset(Capability(one) for one in header["capabilities"])})


@before_task_publish.connect
def put_scope_into_headers(headers: dict[str, Any] | None = None, **options: Any) -> None:
    if headers is None or HEADER in headers:
        return
    scope = current_scope_or_none()
    if scope is not None:
        headers[HEADER] = scope_to_header(scope)
    elif current_task and current_task.request.get(HEADER):  # type: ignore[truthy-bool]  # a proxy: false outside of tasks
        # The next link of a chain is published after the body, when the scope is gone.
        headers[HEADER] = current_task.request.get(HEADER)
