"""An alert made from an outage: what is told, how grave it is, and until when it counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from connectors.cap.message import (
    Alert,
    Area,
    Certainty,
    Info,
    Reference,
    ResponseType,
    Severity,
    Urgency,
)
from connectors.contracts.cap_alert import AlertStatus, MessageType
from organisation.models import Organisation
from outage.alerts.place import Place
from outage.alerts.words import LANGUAGES, Words
from outage.models import OPEN_STATUSES, AlertSettings, IssuedAlert, Outage, Status

CATEGORY = "Infra"
EVENT_CODE = ("OET:v1.2", "OET-145")
"""Power outage, in the OASIS Event Terms List."""

GRACE = timedelta(minutes=30)
"""An alert outlives the moment at which power is expected, so that somebody has time to update it."""
WITHOUT_ESTIMATE = timedelta(hours=4)
SHORTEST, LONGEST = timedelta(hours=1), timedelta(hours=24)

MANY, VERY_MANY = 1_000, 10_000
"""From so many customers on, an outage is moderate, and severe."""

IS_BACK = (Status.RESTORED, Status.VERIFIED, Status.CLOSED)


@dataclass(frozen=True, kw_only=True)
class Draft:
    """
    Everything that an alert is made of.

    :ivar back_at: when the field expects power back; `None` if nobody has said, or that time has passed
    :ivar before: the alerts that are in force, oldest first; it takes their place
    """

    outage: Outage
    organisation: Organisation
    settings: AlertSettings
    message_type: MessageType
    place: Place
    back_at: datetime | None
    before: Sequence[IssuedAlert]
    sequence: int
    now: datetime

    @property
    def identifier(self) -> str:
        """Never used twice: outage numbers have no twins, and the messages about one are counted."""
        return f"{self.organisation.slug}.{self.outage.number}.{self.sequence}"

    @property
    def status(self) -> AlertStatus:
        """Of what it takes the place of: a test is not updated by an alert that warns people."""
        return AlertStatus(self.before[-1].status if self.before else self.settings.status)

    @property
    def sent(self) -> datetime:
        """In the organisation's time zone, whole seconds, and never before a message that it refers to."""
        latest = max([self.now, *(alert.sent_at for alert in self.before)])
        return latest.astimezone(self.zone).replace(microsecond=0)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.organisation.time_zone)

    @property
    def expires(self) -> datetime:
        """
        Some time after power is expected back, within an hour and a day from now. A Cancel counts for as long as
        what it cancels would have, so that whoever looks in between finds it.
        """
        if self.message_type == MessageType.CANCEL:
            return max([self.sent + SHORTEST, *(alert.expires_at.astimezone(self.zone) for alert in self.before)])
        wanted = self.sent + WITHOUT_ESTIMATE if self.back_at is None else self.back_at.astimezone(self.zone) + GRACE
        return min(max(wanted, self.sent + SHORTEST), self.sent + LONGEST).replace(microsecond=0)

    def alert(self) -> Alert:
        return Alert(
            identifier=self.identifier,
            sender=self.settings.sender,
            sent=self.sent,
            status=self.status,
            message_type=self.message_type,
            references=tuple(
                Reference(sender=one.sender, identifier=one.identifier, sent=one.sent) for one in self.before
            ),
            incidents=self.outage.number,
            infos=tuple(self._info(language) for language in self.settings.languages),
        )

    def _info(self, language: str) -> Info:
        _, words = LANGUAGES[language]
        area = self.place.name or words.part_of.format(utility=self.organisation.name)
        ends = self.message_type == MessageType.CANCEL
        return Info(
            language=language,
            category=CATEGORY,
            event=words.event,
            response_type=ResponseType.ALL_CLEAR if ends else ResponseType.MONITOR,
            urgency=Urgency.PAST if ends else Urgency.IMMEDIATE,
            severity=Severity.MINOR if ends else severity(self.outage),
            certainty=Certainty.LIKELY if self.outage.status == Status.DETECTED else Certainty.OBSERVED,
            event_codes=(EVENT_CODE,),
            effective=self.sent,
            onset=self.outage.detected_at.astimezone(self.zone),
            expires=self.expires,
            sender_name=self.organisation.name,
            headline=self._marked(self._headline(words).format(area=area)),
            description=self._marked(self._description(words, area)),
            instruction="" if ends else words.instruction,
            web=self.settings.web,
            contact=self.settings.contact,
            areas=(Area(description=area, polygons=self.place.polygons),),
        )

    def _headline(self, words: Words) -> str:
        if self.message_type != MessageType.CANCEL:
            return words.off_headline
        return words.back_headline if self.outage.status in IS_BACK else words.withdrawn_headline

    def _description(self, words: Words, area: str) -> str:
        if self.message_type == MessageType.CANCEL:
            return (words.back if self.outage.status in IS_BACK else words.withdrawn).format(area=area)
        count = self.outage.customers_off if self.outage.is_charged else None
        off = words.off.format(customers=words.customers(count), since=self._local(self.outage.detected_at), area=area)
        if self.back_at is None:
            return f"{off} {words.not_known}"
        return f"{off} {words.expected.format(utility=self.organisation.name, until=self._local(self.back_at))}"

    def _marked(self, text: str) -> str:
        """Whoever reads a test without its status must not take it for real."""
        return text if self.status == AlertStatus.ACTUAL else f"{self.status.upper()}: {text}"

    def _local(self, moment: datetime) -> str:
        return f"{moment.astimezone(self.zone):%Y-%m-%d %H:%M %Z}"


def severity(outage: Outage) -> Severity:
    """By how many are off; critical customers make it one step graver. Never Extreme: that is for people to say."""
    if not outage.is_charged:
        return Severity.UNKNOWN
    steps = (Severity.MINOR, Severity.MODERATE, Severity.SEVERE)
    step = (outage.customers_off >= MANY) + (outage.customers_off >= VERY_MANY) + bool(outage.critical_customers_off)
    return steps[min(step, 2)]


def offered(outage: Outage, before: Sequence[IssuedAlert]) -> tuple[MessageType, ...]:
    """What may be issued about an outage as it stands, the usual one first."""
    concerns_somebody = outage.status in OPEN_STATUSES and (outage.customers_off > 0 or not outage.is_charged)
    if not before:
        return (MessageType.ALERT,) if concerns_somebody else ()
    return (MessageType.UPDATE, MessageType.CANCEL) if concerns_somebody else (MessageType.CANCEL,)
