import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from organisation.models import Membership
from organisation.scope import acting_for
from organisation.services import issue_token
from tests.conftest import scope_for

Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def token(coordinator: Membership) -> str:
    """A bearer token that may do all that a coordinator may."""
    now = timezone.now()
    with acting_for(scope_for(coordinator)) as scope:
        _, text = issue_token(
            user=coordinator.user,
            name="test",
            scopes=coordinator.capabilities,
            expires_at=now + timedelta(days=1),
            scope=scope,
            now=now,
        )
    return text


@pytest.fixture
def ask(token: str) -> Ask:
    """Ask over HTTP as a dispatcher's client does; the answer's data, or the whole answer where errors are wanted."""

    def send(query: str, *, expect_errors: bool = False, **variables: Any) -> dict[str, Any]:
        response = Client().post(
            "/graphql",
            json.dumps({"query": query, "variables": variables}),
            content_type="application/json",
            headers={"Authorization": f"Bearer {token}"},
        )
        answer: dict[str, Any] = response.json()
        if expect_errors:
            return answer
        assert answer.get("errors") is None, answer
        data: dict[str, Any] = answer["data"]
        return data

    return send
