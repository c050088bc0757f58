"""The pretend gateway's sessions and subscriptions, and what a restart takes away."""

from typing import Any

import pytest

from tests.simulator.conftest import Clock, Simulator

OURS = "nsu=urn:rural-grid:scada;s="
EVENT_FILTER = {
    "UaTypeId": "i=725",
    "SelectClauses": [
        {"TypeDefinitionId": "i=2041", "BrowsePath": ["EventType"], "AttributeId": 13},
        {"TypeDefinitionId": "i=2041", "BrowsePath": ["SourceNode"], "AttributeId": 13},
    ],
}


class Client:
    """In a session of its own."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.token = simulator.opcua("createsession", {})["AuthenticationToken"]
        self("activatesession")
        asked: dict[str, Any] = {
            "RequestedPublishingInterval": 50,
            "RequestedMaxKeepAliveCount": 1,
            "MaxNotificationsPerPublish": 2,
        }
        self.number = self("createsubscription", **asked)["SubscriptionId"]

    def __call__(self, service: str, *, verbose: bool = False, **body: Any) -> Any:
        header = {"AuthenticationToken": self.token, "TimeoutHint": 500}
        return self.simulator.opcua(service, {"RequestHeader": header, **body}, verbose=verbose)

    def monitor(self, node: str, *, attribute: int = 13, handle: int = 1, **parameters: Any) -> Any:
        item = {
            "ItemToMonitor": {"NodeId": node, "AttributeId": attribute},
            "RequestedParameters": {"ClientHandle": handle, **parameters},
        }
        return self("createmonitoreditems", SubscriptionId=self.number, ItemsToCreate=[item])["Results"][0]

    def publish(self, *acknowledged: int, verbose: bool = False) -> Any:
        said = [{"SubscriptionId": self.number, "SequenceNumber": number} for number in acknowledged]
        return self("publish", SubscriptionAcknowledgements=said, verbose=verbose)


def code_of(answer: Any) -> int:
    return int(answer["ResponseHeader"].get("ServiceResult", {}).get("Code", 0))


@pytest.fixture
def client(simulator: Simulator) -> Client:
    return Client(simulator)


def test_a_value_is_told_at_first_and_when_it_changes(client: Client, clock: Clock) -> None:
    client.monitor(f"{OURS}SW-10770.POS", handle=3)

    first = client.publish()["NotificationMessage"]
    clock.advance(seconds=1)
    client.simulator.post("/scenarios/hv-fault", json={"element": "SW-10770"})
    second = client.publish(1)["NotificationMessage"]

    assert (first["SequenceNumber"], second["SequenceNumber"]) == (1, 2)
    told = [message["NotificationData"][0]["MonitoredItems"] for message in (first, second)]
    assert [[(one["ClientHandle"], one["Value"]["Value"]) for one in items] for items in told] == [[(3, 2)], [(3, 1)]]


def test_an_event_is_told_in_the_fields_that_were_chosen(client: Client) -> None:
    client.monitor("i=2253", attribute=12, Filter=EVENT_FILTER)
    client.simulator.post("/scenarios/alarm", json={"element": "SW-10770"})

    [data] = client.publish(verbose=True)["NotificationMessage"]["NotificationData"]

    assert data["UaTypeId"] == "i=914"
    assert [[field["Value"] for field in one["EventFields"]] for one in data["Events"]] == [
        ["i=10751", f"{OURS}SW-10770"]
    ]


def test_without_news_there_is_a_sign_of_life_with_the_number_that_comes_next(client: Client) -> None:
    client.monitor(f"{OURS}SW-10770.POS")
    client.publish()

    alive = client.publish(1)["NotificationMessage"]

    assert alive["SequenceNumber"] == 2
    assert "NotificationData" not in alive


def test_a_message_is_kept_until_it_is_acknowledged(client: Client) -> None:
    client.monitor(f"{OURS}SW-10770.POS")
    sent = client.publish()["NotificationMessage"]

    again = client("republish", SubscriptionId=client.number, RetransmitSequenceNumber=1)["NotificationMessage"]
    client.publish(1)
    gone = client("republish", SubscriptionId=client.number, RetransmitSequenceNumber=1)

    assert again == sent
    assert code_of(gone) == 0x807B0000


def test_no_message_holds_more_than_was_asked_for(client: Client) -> None:
    for handle, switch in enumerate(("SW-10770", "SW-10918", "SW-10771"), start=1):
        client.monitor(f"{OURS}{switch}.POS", handle=handle)

    first, second = client.publish(), client.publish()

    assert first["MoreNotifications"] is True
    sizes = [len(one["NotificationMessage"]["NotificationData"][0]["MonitoredItems"]) for one in (first, second)]
    assert sizes == [2, 1]


def test_a_refresh_tells_what_is_retained_between_two_events_that_say_so(client: Client) -> None:
    client.simulator.post("/scenarios/alarm", json={"element": "SW-10770"})
    client.monitor("i=2253", attribute=12, Filter=EVENT_FILTER)
    call = {"ObjectId": "i=2782", "MethodId": "i=3875", "InputArguments": [{"UaType": 7, "Value": client.number}]}

    client("call", MethodsToCall=[call])

    messages = [client.publish()["NotificationMessage"] for _ in range(2)]
    events = [event for message in messages for event in message["NotificationData"][0]["Events"]]
    assert [event["EventFields"][0]["Value"] for event in events] == ["i=2787", "i=10751", "i=2788"]


def test_a_restart_forgets_the_session_and_numbers_the_namespaces_anew(client: Client) -> None:
    read = {"NodesToRead": [{"NodeId": "ns=1;s=SW-10770.POS", "AttributeId": 13}]}
    before = client.simulator.opcua("read", read)["Results"][0]

    restarted = client.simulator.post("/scada/restart")

    assert restarted.json() == {"restarts": 1, "namespace_index": 2}
    assert code_of(client.publish()) == 0x80250000
    assert before["Value"] == 2
    assert client.simulator.opcua("read", read)["Results"][0]["Status"] == {"Code": 0x80340000}
    namespaces = client.simulator.opcua("read", {"NodesToRead": [{"NodeId": "i=2255", "AttributeId": 13}]})
    assert namespaces["Results"][0]["Value"][2] == "urn:rural-grid:scada"


def test_what_is_not_there_is_refused(client: Client) -> None:
    assert client.monitor("i=85", attribute=12)["StatusCode"] == {"Code": 0x80350000}
    assert client.monitor("i=2253", attribute=12)["StatusCode"] == {"Code": 0x80430000}
    assert client.monitor(f"{OURS}SW-1.NONE")["StatusCode"] == {"Code": 0x80340000}
    client("deletesubscriptions", SubscriptionIds=[client.number])
    assert code_of(client.publish()) == 0x80790000
    client("closesession")
    assert code_of(client.publish()) == 0x80250000
