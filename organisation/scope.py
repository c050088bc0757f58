"""
Who acts, for which organisation: kept in a context variable, and inside a transaction in transaction-local settings
that the row policies and the trail's triggers read.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from enum import StrEnum

from django.db import connection, transaction

from organisation.roles import Capability


class Origin(StrEnum):
    """Where a change came from."""

    CONSOLE = "CONSOLE"
    API = "API"
    SYNC = "SYNC"
    SYSTEM = "SYSTEM"


@dataclass(frozen=True, kw_only=True)
class Scope:
    """
    :param capabilities: what the actor may do here; a task of the system itself may do everything
    """

    organisation_id: int
    actor_id: int | None = None
    origin: Origin = Origin.SYSTEM
    reason: str = ""
    request_id: str = ""
    capabilities: frozenset[Capability] = frozenset(Capability)

    def may(self, capability: Capability) -> bool:
        return capability in self.capabilities

    def because(self, reason: str) -> "Scope":
        """The same scope with a reason, which the trail keeps."""
        return replace(self, reason=reason)


class ScopeMissing(Exception):
    """Something asked for the scope where none was set: a task without organisation, a view before sign-in."""


_current: ContextVar[Scope | None] = ContextVar("scope", default=None)

_SETTINGS = ("app.organisation_ids", "app.actor", "app.origin", "app.reason", "app.request_id")


def current_scope() -> Scope:
    scope = _current.get()
    if scope is None:
        raise ScopeMissing("No organisation is in scope here; enter acting_for(scope) or carrying(scope) first.")
    return scope


def current_scope_or_none() -> Scope | None:
    return _current.get()


def current_organisation_id() -> int | None:
    """The default of every tenant row's organisation."""
    scope = _current.get()
    return None if scope is None else scope.organisation_id


def current_actor_id() -> int | None:
    scope = _current.get()
    return None if scope is None else scope.actor_id


def current_origin() -> str:
    scope = _current.get()
    return Origin.SYSTEM if scope is None else scope.origin


def current_request_id() -> str:
    scope = _current.get()
    return "" if scope is None else scope.request_id


@contextmanager
def carrying(scope: Scope) -> Iterator[Scope]:
    """Set the scope for code that opens `acting_for` itself, once per unit of work. No transaction, no connection."""
    token = _current.set(scope)
    try:
        yield scope
    finally:
        _current.reset(token)


@contextmanager
def acting_for(scope: Scope) -> Iterator[Scope]:
    """Open a transaction in which only the scope's rows exist. No network call and no sleep belongs inside."""
    outer = _current.get()
    nested = connection.in_atomic_block
    with carrying(scope), transaction.atomic():
        _apply(scope)
        yield scope
        # A released savepoint keeps what was set inside it.
        if nested and not connection.needs_rollback:
            _apply(outer)


@contextmanager
def system_job(name: str) -> Iterator[None]:
    """
    Act across organisations in one short transaction. Each use is named: it is a door that a reviewer can list.

    :param name: what for, such as `sign-in`; kept as the transaction's application name for who looks at the server
    """
    nested = connection.in_atomic_block
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user, set_config('application_name', %s, true)", [f"job:{name}"])
            previous = cursor.fetchone()[0]
            cursor.execute("SET LOCAL ROLE app_system")
        yield
        if nested and not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL ROLE {connection.ops.quote_name(previous)}")


def _apply(scope: Scope | None) -> None:
    values = (
        ("", "", "", "", "")
        if scope is None
        else (
            str(scope.organisation_id),
            "" if scope.actor_id is None else str(scope.actor_id),
            str(scope.origin),
            scope.reason,
            scope.request_id,
        )
    )
    assignments = ", ".join("set_config(%s, %s, true)" for _ in _SETTINGS)
    parameters = [part for pair in zip(_SETTINGS, values, strict=True) for part in pair]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {assignments}", parameters)
