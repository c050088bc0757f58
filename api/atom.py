"""An Atom feed (RFC 4287) whose entries are CAP alerts: each links to the message itself."""

from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from django.utils.feedgenerator import Atom1Feed, rfc3339_date
from django.utils.xmlutils import SimplerXMLGenerator

from outage.models import IssuedAlert

ALERT = "application/cap+xml"


class AlertFeed(Atom1Feed):
    """
    Django's, with the media type of what an entry links to, by which consumers tell an alert from a web page.

    :param updated_at: when something last happened, even if it stands in the feed no more
    """

    def __init__(self, *, utility: str, address: str, updated_at: datetime) -> None:
        super().__init__(
            title=f"{utility}: public alerts",
            link=address,
            feed_url=address,
            description="",
            author_name=utility,
            feed_guid=uuid5(NAMESPACE_URL, address).urn,
        )
        self._updated_at = updated_at

    def latest_post_date(self) -> datetime:
        return self._updated_at

    def add(self, alert: IssuedAlert, *, address: str) -> None:
        self.add_item(
            title=alert.headline,
            link=address,
            description="",
            updateddate=alert.sent_at,
            unique_id=uuid5(NAMESPACE_URL, f"{alert.sender},{alert.identifier},{alert.sent}").urn,
            categories=[alert.message_type, alert.status],
        )

    def add_item_elements(self, handler: SimplerXMLGenerator, item: dict[str, Any]) -> None:
        handler.addQuickElement("title", str(item["title"]))
        handler.addQuickElement("id", str(item["unique_id"]))
        handler.addQuickElement("updated", rfc3339_date(item["updateddate"]))
        handler.addQuickElement("link", "", {"rel": "alternate", "type": ALERT, "href": str(item["link"])})
        for term in item["categories"]:
            handler.addQuickElement("category", "", {"term": term})
