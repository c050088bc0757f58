"""Being told by an OPC UA server: what it grants, what it tells, and what is done about what did not arrive."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import responses

from connectors.protocols.egress import EgressPolicy
from connectors.protocols.errors import (
    CannotListen,
    ContractBroken,
    Interrupted,
    SourceError,
    Throttled,
    Unauthorized,
    Unreachable,
)
from connectors.protocols.http import HttpLimits, HttpSession
from connectors.protocols.opcua.subscriptions import Subscription, Told, subscribed
from connectors.protocols.opcua.web_api import SelectClause, WebApi

BASE = "https://gateway.example/opcua"
PUBLISHED = datetime(2026, 11, 22, 1, 15, 3, tzinfo=UTC)
CLAUSES = (SelectClause(name="Time", event_type="i=2041", path=("Time",)),)


def fault(code: int) -> dict[str, Any]:
    return {"ResponseHeader": {"ServiceResult": {"Code": code}}}


def message(number: int, *data: Any, **more: Any) -> dict[str, Any]:
    body = {
        "SequenceNumber": number,
        "PublishTime": "2026-11-22T01:15:03Z",
        **({"NotificationData": [*data]} if data else {}),
    }
    return {"ResponseHeader": {}, "SubscriptionId": 7, "NotificationMessage": body, **more}


def values(*pairs: tuple[int, Any], type_id: str = "i=809") -> dict[str, Any]:
    items = [{"ClientHandle": handle, "Value": value} for handle, value in pairs]
    return {"UaTypeId": type_id, "MonitoredItems": items}


ONE, TWO, THREE = ({"UaType": 6, "Value": number} for number in (1, 2, 3))


class Gateway:
    """Answers each service with what was prepared for it, in turn, and keeps what it was asked."""

    def __init__(self, mock: responses.RequestsMock) -> None:
        self.mock = mock
        self.answers("createsession", {"AuthenticationToken": "s=token", "SessionId": "i=5"})
        self.answers("activatesession", {"ResponseHeader": {}})
        self.answers(
            "createsubscription",
            {"SubscriptionId": 7, "RevisedPublishingInterval": 500.0, "RevisedMaxKeepAliveCount": 6},
        )
        self.answers("closesession", {"ResponseHeader": {}})

    def answers(self, service: str, *bodies: Any, status: int = 200) -> None:
        for body in bodies:
            self.mock.post(f"{BASE}/{service}", status=status, json=body)

    def refuses(self, service: str, code: int) -> None:
        self.mock.remove(responses.POST, f"{BASE}/{service}")
        self.answers(service, fault(code))

    def asked(self, service: str) -> list[Any]:
        return [
            json.loads(call.request.body or "") for call in self.mock.calls if call.request.url == f"{BASE}/{service}"
        ]


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield Gateway(mock)


@pytest.fixture
def api() -> WebApi:
    session = HttpSession(egress=EgressPolicy(), now=lambda: PUBLISHED, limits=HttpLimits(retries=0))
    return WebApi(session, base_url=BASE, auth=None, verbose=False)


@pytest.fixture
def subscription(api: WebApi, gateway: Gateway) -> Iterator[Subscription]:
    with subscribed(api, doing="listening") as subscription:
        yield subscription


def acknowledged(gateway: Gateway) -> list[list[int]]:
    return [
        [one["SequenceNumber"] for one in body["SubscriptionAcknowledgements"]] for body in gateway.asked("publish")
    ]


def test_a_session_is_known_by_its_token_and_left_at_the_end(api: WebApi, gateway: Gateway) -> None:
    with subscribed(api, doing="listening"):
        pass

    services = [str(call.request.url).rpartition("/")[2] for call in gateway.mock.calls]
    assert services == ["createsession", "activatesession", "createsubscription", "closesession"]
    tokens = [
        json.loads(call.request.body or "")["RequestHeader"].get("AuthenticationToken") for call in gateway.mock.calls
    ]
    assert tokens == [None, "s=token", "s=token", "s=token"]
    assert gateway.asked("closesession")[0]["DeleteSubscriptions"] is True


@pytest.mark.parametrize("service", ["activatesession", "createsubscription"])
def test_a_session_without_a_subscription_is_closed(api: WebApi, gateway: Gateway, service: str) -> None:
    gateway.refuses(service, 0x80EE0000)

    with pytest.raises(Throttled), subscribed(api, doing="listening"):
        pass

    assert len(gateway.asked("closesession")) == 1


def test_nobody_takes_leave_of_a_server_that_does_not_answer(api: WebApi, gateway: Gateway) -> None:
    gateway.answers("publish", {}, status=503)

    with pytest.raises(Unreachable), subscribed(api, doing="listening") as subscription:
        next(subscription.told())

    assert not gateway.asked("closesession")


@pytest.mark.parametrize("service", ["createsession", "createsubscription"])
@pytest.mark.parametrize("code", [0x800B0000, 0x803D0000, 0x80400000, 0x80770000])
def test_what_a_server_does_not_grant_cannot_be_listened_to(
    api: WebApi, gateway: Gateway, service: str, code: int
) -> None:
    gateway.refuses(service, code)

    with pytest.raises(CannotListen, match="does not tell by itself"), subscribed(api, doing="listening"):
        pass


def test_a_gateway_without_sessions_cannot_be_listened_to(api: WebApi, gateway: Gateway) -> None:
    gateway.mock.remove(responses.POST, f"{BASE}/createsession")
    gateway.mock.post(f"{BASE}/createsession", status=404)

    with pytest.raises(CannotListen, match="offers no sessions"), subscribed(api, doing="listening"):
        pass


@pytest.mark.parametrize(
    ("service", "code", "kind"),
    [
        ("createsession", 0x80560000, Throttled),
        ("activatesession", 0x80210000, Unauthorized),
        ("createsubscription", 0x80250000, Interrupted),
    ],
)
def test_other_refusals_are_what_they_are_elsewhere(
    api: WebApi, gateway: Gateway, service: str, code: int, kind: type[SourceError]
) -> None:
    gateway.refuses(service, code)

    with pytest.raises(kind), subscribed(api, doing="listening"):
        pass


@pytest.mark.parametrize("published", [None, "0001-01-01T00:00:00.000Z"])
def test_a_message_that_does_not_say_when_it_was_published_was_when_it_was_answered(
    subscription: Subscription, gateway: Gateway, published: str | None
) -> None:
    untimed = message(1, values((1, ONE)))
    untimed["ResponseHeader"]["Timestamp"] = "2026-11-22T01:15:03Z"
    untimed["NotificationMessage"]["PublishTime"] = published
    gateway.answers("publish", untimed)

    assert next(subscription.told()) == Told(values=[(1, ONE)], at=PUBLISHED)


def test_items_are_asked_for_in_batches_with_their_places_as_handles(
    subscription: Subscription, gateway: Gateway
) -> None:
    gateway.answers(
        "createmonitoreditems",
        fault(0x80100000),
        {"Results": [{"MonitoredItemId": 1}, {"StatusCode": {"Code": 0x80340000}}]},
        {"Results": [{"MonitoredItemId": 2}]},
    )

    statuses = subscription.monitor_values(["i=1", "i=2", "i=3"], batch=3)

    assert [status.symbol for status in statuses] == ["Good", "BadNodeIdUnknown", "Good"]
    asked = [
        [(one["ItemToMonitor"]["NodeId"], one["RequestedParameters"]["ClientHandle"]) for one in body["ItemsToCreate"]]
        for body in gateway.asked("createmonitoreditems")
    ]
    assert asked == [[("i=1", 1), ("i=2", 2), ("i=3", 3)], [("i=1", 1), ("i=2", 2)], [("i=3", 3)]]


def test_events_are_asked_for_by_the_attribute_and_filter_of_the_standard(
    subscription: Subscription, gateway: Gateway
) -> None:
    gateway.answers("createmonitoreditems", {"Results": [{"MonitoredItemId": 1}]})

    assert subscription.monitor_events("i=2253", CLAUSES).is_good

    [item] = gateway.asked("createmonitoreditems")[0]["ItemsToCreate"]
    assert item["ItemToMonitor"] == {"NodeId": "i=2253", "AttributeId": 12}
    assert item["RequestedParameters"]["Filter"] == {
        "UaTypeId": "i=725",
        "SelectClauses": [{"TypeDefinitionId": "i=2041", "BrowsePath": ["Time"], "AttributeId": 13}],
    }


@pytest.mark.parametrize(
    "written",
    [
        values((1, ONE), (2, TWO)),
        values((1, ONE), (2, TWO), type_id="i=15345"),
        {"TypeId": {"Id": 809}, "Body": values((1, ONE), (2, TWO))},
    ],
    ids=["data type", "its encoding", "1.04"],
)
def test_values_come_with_their_handles(subscription: Subscription, gateway: Gateway, written: dict[str, Any]) -> None:
    gateway.answers("publish", message(1, written))

    assert next(subscription.told()) == Told(values=[(1, ONE), (2, TWO)], at=PUBLISHED)


def test_events_come_as_they_were_written(subscription: Subscription, gateway: Gateway) -> None:
    event = {"ClientHandle": 1, "EventFields": [{"UaType": 13, "Value": "2026-11-22T01:15:00Z"}]}
    gateway.answers("publish", message(1, {"UaTypeId": "i=914", "Events": [event]}))

    assert next(subscription.told()) == Told(events=[event], at=PUBLISHED)


def test_a_sign_of_life_needs_no_acknowledgement(subscription: Subscription, gateway: Gateway) -> None:
    gateway.answers("publish", message(1), message(1), message(1, values((1, ONE))), message(2))
    told = subscription.told()

    assert [next(told), next(told)] == [Told(at=PUBLISHED)] * 2
    next(told)
    next(told)

    assert acknowledged(gateway) == [[], [], [], [1]]


def test_what_did_not_arrive_is_asked_for_again_and_comes_in_its_order(
    subscription: Subscription, gateway: Gateway
) -> None:
    gateway.answers("publish", message(1, values((1, ONE))), message(3, values((1, THREE))), message(4))
    gateway.answers("republish", message(2, values((1, TWO))))
    told = subscription.told()

    heard = [(next(told) or Told()).values for _ in range(4)]

    assert heard == [[(1, ONE)], [(1, TWO)], [(1, THREE)], []]
    assert [body["RetransmitSequenceNumber"] for body in gateway.asked("republish")] == [2]
    assert acknowledged(gateway) == [[], [1], [2, 3]]


def test_a_sign_of_life_shows_that_the_last_message_did_not_arrive(
    subscription: Subscription, gateway: Gateway
) -> None:
    gateway.answers("publish", message(2))
    gateway.answers("republish", message(1, values((1, ONE))))
    told = subscription.told()

    assert next(told) == Told(values=[(1, ONE)], at=PUBLISHED)
    assert next(told) == Told(at=PUBLISHED)


def test_a_message_that_the_server_no_longer_has_is_an_interruption(
    subscription: Subscription, gateway: Gateway
) -> None:
    gateway.answers("publish", message(2, values((1, TWO))))
    gateway.answers("republish", fault(0x807B0000))

    with pytest.raises(Interrupted, match="no longer has message 1"):
        next(subscription.told())


@pytest.mark.parametrize("code", [0x80280000, 0x80790000, 0x80250000, 0x80260000, 0x80270000])
def test_a_server_that_has_forgotten_us_is_an_interruption(
    subscription: Subscription, gateway: Gateway, code: int
) -> None:
    gateway.answers("publish", fault(code))

    with pytest.raises(Interrupted, match="has forgotten us"):
        next(subscription.told())


@pytest.mark.parametrize("number", [0, 5_000])
def test_numbers_that_begin_anew_are_an_interruption(subscription: Subscription, gateway: Gateway, number: int) -> None:
    gateway.answers(
        "publish", message(1, values((1, ONE))), message(2, values((1, TWO))), message(number or 1, values())
    )
    told = subscription.told()
    next(told)
    next(told)

    with pytest.raises(Interrupted, match="anew"):
        next(told)


def test_the_end_of_a_subscription_is_an_interruption(subscription: Subscription, gateway: Gateway) -> None:
    gateway.answers("publish", message(1, {"UaTypeId": "i=818", "Status": {"Code": 0x800A0000}}))

    with pytest.raises(Interrupted, match="BadTimeout"):
        next(subscription.told())


def test_a_poll_that_ran_out_says_nothing_until_too_many_have(subscription: Subscription, gateway: Gateway) -> None:
    gateway.answers("publish", fault(0x800A0000), fault(0x80850000))
    told = subscription.told()

    assert next(told) is None
    with pytest.raises(Interrupted, match="no longer says that the subscription is alive"):
        next(told)


def test_what_was_heard_is_acknowledged_after_a_poll_that_ran_out_too(
    subscription: Subscription, gateway: Gateway
) -> None:
    gateway.answers("publish", message(1, values((1, ONE))), fault(0x800A0000), message(2))
    told = subscription.told()

    assert [type(next(told)) for _ in range(3)] == [Told, type(None), Told]
    assert acknowledged(gateway) == [[], [1], [1]]


def test_conditions_are_refreshed_for_the_subscription(subscription: Subscription, gateway: Gateway) -> None:
    gateway.answers("call", {"Results": [{}]})

    assert subscription.refresh_conditions().is_good

    [call] = gateway.asked("call")
    assert call["MethodsToCall"] == [
        {"ObjectId": "i=2782", "MethodId": "i=3875", "InputArguments": [{"UaType": 7, "Value": 7}]}
    ]
    assert call["RequestHeader"]["AuthenticationToken"] == "s=token"


@pytest.mark.parametrize(
    "body",
    [
        {"ResponseHeader": {}},
        message(1, {"UaTypeId": "i=809", "MonitoredItems": [{"Value": ONE}]}),
        message(1, "surprise"),
        {"NotificationMessage": {"SequenceNumber": "one"}},
    ],
)
def test_what_is_no_message_breaks_the_contract(subscription: Subscription, gateway: Gateway, body: Any) -> None:
    gateway.answers("publish", body)

    with pytest.raises(ContractBroken):
        next(subscription.told())
