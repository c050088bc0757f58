"""The ArcGIS adapter against the pretend utility: signing in."""

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.protocols.errors import BadConfig, SourceError, Throttled, Unauthorized
from tests.connectors.adapters.arcgis import (
    LINES,
    PORTAL,
    USER,
    ZONES,
    arcgis,
    read,
    stream,
    tokens_asked_for,
)
from tests.connectors.adapters.wire import PretendUtility, pretend_utility


@pytest.fixture
def pretend() -> Iterator[PretendUtility]:
    with pretend_utility() as utility:
        yield utility


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        ("401", Unauthorized, "gives us no token"),
        ("429", Throttled, "asks us to slow down"),
        ("500", Unauthorized, "gives us no token"),
        ("garbage", BadConfig, "gives no token at this address"),
    ],
)
def test_each_way_to_be_refused_a_token_has_its_sentence(
    pretend: PretendUtility, fault: str, error: type[SourceError], said: str
) -> None:
    pretend.fault("arcgis", fault)

    with pytest.raises(error, match=said):
        read(arcgis(), stream())


def test_one_token_serves_a_read_and_is_replaced_before_it_runs_out(pretend: PretendUtility) -> None:
    """It lasts five minutes, and is used for half of them."""
    adapter = arcgis(pretend)
    read(adapter, stream(LINES))
    assert tokens_asked_for(pretend) == 1

    pretend.clock.advance(seconds=149)
    read(adapter, stream(ZONES, "zone/1"))
    assert tokens_asked_for(pretend) == 1
    pretend.clock.advance(seconds=2)
    read(adapter, stream(ZONES, "zone/1"))

    assert tokens_asked_for(pretend) == 2


def test_a_token_that_is_refused_early_is_replaced_once(pretend: PretendUtility) -> None:
    adapter = arcgis()
    read(adapter, stream(ZONES, "zone/1"))
    pretend.clock.advance(hours=1)  # the server's clock, not ours

    pages = read(adapter, stream(ZONES, "zone/1"))

    assert pages[-1].complete
    assert tokens_asked_for(pretend) == 2


def test_a_new_token_that_is_refused_is_told_at_once(pretend: PretendUtility) -> None:
    pretend.fault("arcgis", "401", after=1)

    with pytest.raises(Unauthorized, match="does not accept our token, though it is new"):
        read(arcgis(), stream())

    assert pretend.services() == ["token", "0"]


def test_a_user_is_signed_in_where_the_server_says(pretend: PretendUtility) -> None:
    adapter = arcgis(pretend, **USER, token_url="")

    assert read(adapter, stream(ZONES, "zone/1"))[-1].complete
    pretend.clock.advance(hours=1)
    assert read(adapter, stream(ZONES, "zone/1"))[-1].complete

    assert tokens_asked_for(pretend) == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"client_secret": "s3cret"}, "gives us no token .*Invalid client_id.*Enter the client id and secret"),
        ({**USER, "token_url": f"{PORTAL}/generateToken", "password": "s3cret"}, "Invalid username or password"),
        ({"sign_in": "BEARER", "token": "s3cret"}, "does not accept our token, though it is new"),
        ({"sign_in": "NONE"}, "wants us to sign in .it says: Token Required.*Choose a sign-in"),
    ],
)
def test_wrong_credentials_are_told_without_showing_them(
    pretend: PretendUtility, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(Unauthorized, match=said) as caught:
        list(arcgis(**changes).discover())

    assert "s3cret" not in str(caught.value)


def test_no_credential_stands_in_an_address(pretend: PretendUtility) -> None:
    read(arcgis(None, **USER, token_url=""), stream(ZONES, "zone/1"))

    assert all("token=" not in path and "password" not in path for path in pretend.asked)
