"""Public alerts about outages (OASIS CAP 1.2): drafted, held against the standard, signed, kept and sent on."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from connectors import registry
from connectors.cap.message import Alert, cap_time, document
from connectors.cap.signature import UnableToSign
from connectors.cap.validation import faults_of
from connectors.contracts.cap_alert import AlertStatus, CapAlert, MessageType
from connectors.freshness import Freshness
from connectors.landing import DeliveryReceipt
from connectors.models import Connector, State
from connectors.services import outbox
from organisation.models import Organisation, User
from organisation.scope import current_scope
from outage.alerts.draft import Draft, offered
from outage.alerts.place import place_of
from outage.alerts.signing import signer_for
from outage.local_time import in_local_time
from outage.models import OPEN_STATUSES, IssuedAlert, Outage, Status, TimelineKind
from outage.queries import alert_settings, alerts_about, alerts_in_force, current_estimate_of, freshness_of_estimate
from outage.services.timeline import Note, write

SUBJECT = "alert:"


class UnableToIssue(Exception):
    """
    No alert was issued, and nothing was kept.

    :ivar reasons: what is in the way, each a sentence that says what to do
    """

    def __init__(self, *reasons: str) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


@dataclass(frozen=True, kw_only=True)
class Preview:
    """
    What would be issued now.

    :ivar offered: what may be issued, the usual one first
    :ivar alert: `None` if it cannot be drafted
    :ivar missing: why it cannot be issued
    :ivar doubts: what to consider before it is
    """

    offered: tuple[MessageType, ...]
    message_type: MessageType | None
    alert: Alert | None
    missing: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def issue_alert(*, outage: Outage, reason: str, actor: User, now: datetime, seen: str = "") -> IssuedAlert:
    """
    Warn the public of an outage.

    :param seen: the gist of the alert that the person looked at; empty for whoever looked at none
    :raises UnableToIssue: if the outage is over, an alert about it is in force, or it cannot be drafted or signed
    """
    return _issue(MessageType.ALERT, outage=outage, reason=reason, actor=actor, now=now, seen=seen)


def update_alert(*, outage: Outage, reason: str, actor: User, now: datetime, seen: str = "") -> IssuedAlert:
    """
    Put the present state in the place of every alert that is in force about an outage.

    :param seen: as for `issue_alert`
    :raises UnableToIssue: if none is, the outage is over, or it cannot be drafted or signed
    """
    return _issue(MessageType.UPDATE, outage=outage, reason=reason, actor=actor, now=now, seen=seen)


def cancel_alert(*, outage: Outage, reason: str, actor: User, now: datetime, seen: str = "") -> IssuedAlert:
    """
    End every alert that is in force about an outage: its power is back, or the alert was wrong.

    :param seen: as for `issue_alert`
    :raises UnableToIssue: if none is, or it cannot be drafted or signed
    """
    return _issue(MessageType.CANCEL, outage=outage, reason=reason, actor=actor, now=now, seen=seen)


def preview_alert(*, outage: Outage, message_type: MessageType | None, now: datetime) -> Preview:
    """
    What would be issued now, and what is missing. Nothing is kept.

    :param message_type: `None` for the usual one
    """
    choices = offered(outage, alerts_in_force(outage, now=now))
    wanted = message_type if message_type in choices else next(iter(choices), None)
    if wanted is None:
        return Preview(offered=choices, message_type=None, alert=None, missing=(_nothing_to_issue(outage),))
    try:
        draft = _draft(outage, wanted, now=now)
    except UnableToIssue as refusal:
        return Preview(offered=choices, message_type=wanted, alert=None, missing=refusal.reasons)
    alert = draft.alert()
    missing: tuple[str, ...] = ()
    try:
        _issued_bytes(alert, draft.organisation)
    except UnableToIssue as refusal:
        missing = refusal.reasons
    return Preview(offered=choices, message_type=wanted, alert=alert, missing=missing, doubts=_doubts(draft))


@transaction.atomic
def _issue(
    message_type: MessageType, *, outage: Outage, reason: str, actor: User, now: datetime, seen: str
) -> IssuedAlert:
    locked = Outage.objects.select_for_update(of=("self",)).select_related("element").get(pk=outage.pk)
    choices = offered(locked, alerts_in_force(locked, now=now))
    if message_type not in choices:
        raise UnableToIssue(_refusal(locked, message_type, choices))
    draft = _draft(locked, message_type, now=now)
    alert = draft.alert()
    if seen and seen != alert.gist:
        raise UnableToIssue("What the public would be told has changed since you looked: read it again, then issue it.")
    content, is_signed = _issued_bytes(alert, draft.organisation)
    issued = IssuedAlert.objects.create(
        outage=locked,
        sequence=draft.sequence,
        identifier=alert.identifier,
        sender=alert.sender,
        sent=cap_time(alert.sent),
        sent_at=alert.sent,
        status=alert.status,
        message_type=message_type,
        expires_at=draft.expires,
        headline=alert.infos[0].headline,
        is_signed=is_signed,
        content=content,
        digest=hashlib.sha256(content).hexdigest(),
        actor=actor,
    )
    write(locked, _note(issued, reason=reason, actor=actor, now=now), now=now)
    _send_on(issued, actor=actor, now=now)
    return issued


def _draft(outage: Outage, message_type: MessageType, *, now: datetime) -> Draft:
    """
    :raises UnableToIssue: if the sender is not set, or it is not known where the outage is
    """
    own = alert_settings()
    before = alerts_in_force(outage, now=now)
    place = place_of(outage, only_off=message_type != MessageType.CANCEL)
    estimate = None if message_type == MessageType.CANCEL else current_estimate_of(outage)
    missing = []
    if not own.sender:
        missing.append("Nobody is set as the sender: an administrator enters one under Public alerts.")
    if place is None or not place.polygons:
        missing.append(
            "It is not known where this outage is: neither the affected service points nor the element, nor a zone "
            "around it, has a place. Mend that in the source and read it again."
        )
    if missing or place is None:
        raise UnableToIssue(*missing)
    return Draft(
        outage=outage,
        organisation=Organisation.objects.get(pk=outage.organisation_id),
        settings=own,
        message_type=message_type,
        place=place,
        back_at=estimate.estimated_at if estimate is not None and estimate.estimated_at > now else None,
        before=before,
        sequence=alerts_about(outage).count() + 1,
        now=now,
    )


def _issued_bytes(alert: Alert, organisation: Organisation) -> tuple[bytes, bool]:
    """
    The bytes of an alert as they may go out, and whether they are signed.

    :raises UnableToIssue: if a key is set and they cannot be signed, or they break the standard
    """
    try:
        signer = signer_for(organisation.slug)
        content = document(alert.element()) if signer is None else signer.sign(alert.element())
    except UnableToSign as error:
        raise UnableToIssue(f"It cannot be signed, and is not issued unsigned. {error}") from error
    faults = faults_of(content)
    if faults:
        raise UnableToIssue(*map(str, faults))
    return content, signer is not None


def _doubts(draft: Draft) -> tuple[str, ...]:
    doubts = []
    if draft.status != AlertStatus.ACTUAL:
        doubts.append(f"Its status is {draft.status}: receivers warn nobody.")
    if draft.message_type != MessageType.CANCEL:
        if draft.outage.status == Status.DETECTED:
            doubts.append("Nobody has confirmed this outage: the alert calls it likely.")
        if not draft.outage.is_charged:
            doubts.append("Its customers are not counted yet: the alert gives no number.")
        if draft.back_at is None:
            doubts.append("Nobody has said until when: the alert ends after four hours unless it is updated.")
        elif freshness_of_estimate(draft.outage, now=draft.now) != Freshness.FRESH:
            doubts.append("The field has not spoken for a while: ask by radio before you promise when power is back.")
    return tuple(doubts)


def _note(issued: IssuedAlert, *, reason: str, actor: User, now: datetime) -> Note:
    until = in_local_time(issued.expires_at)
    done = {
        MessageType.ALERT: f"Public alert issued, until {until:%H:%M %Z on %d %b}",
        MessageType.UPDATE: f"Public alert updated, until {until:%H:%M %Z on %d %b}",
        MessageType.CANCEL: "Public alert cancelled",
    }[MessageType(issued.message_type)]
    status = "" if issued.status == AlertStatus.ACTUAL else f" ({issued.status.lower()})"
    return Note(
        kind=TimelineKind.ALERT,
        key=f"{SUBJECT}{issued.sequence}",
        at=now,
        summary=done + status,
        reason=reason.strip(),
        actor_id=actor.pk,
    )


def _send_on(issued: IssuedAlert, *, actor: User, now: datetime) -> None:
    """To every connector that takes alerts and is switched on."""
    connectors = Connector.objects.for_organisation(issued.organisation_id).exclude(state=State.DISABLED)
    for connector in connectors.filter(kind__in=registry.kinds_accepting(CapAlert)).order_by("pk"):
        outbox.deliver_record(
            connector=connector,
            record=CapAlert(
                identifier=issued.identifier,
                sender=issued.sender,
                sent=issued.sent_at,
                status=AlertStatus(issued.status),
                message_type=MessageType(issued.message_type),
                document=bytes(issued.content).decode(),
            ),
            subject=f"{SUBJECT}{connector.pk}:{issued.identifier}",
            actor=actor,
            now=now,
        )


@transaction.atomic
def settle_alert(receipt: DeliveryReceipt) -> None:
    """Write on the outage's timeline what a connector made of an alert. It comes at least once."""
    connector_id, _, identifier = receipt.subject.removeprefix(SUBJECT).partition(":")
    organisation_id = current_scope().organisation_id
    issued = IssuedAlert.objects.for_organisation(organisation_id).get(identifier=identifier)
    connector = Connector.objects.for_organisation(organisation_id).get(pk=int(connector_id))
    outcome = "refused" if receipt.error else "took"
    note = Note(
        kind=TimelineKind.ALERT,
        key=f"{SUBJECT}{issued.sequence}:{connector.pk}:{outcome}",
        at=receipt.now,
        summary=f"{connector} {outcome} public alert {issued.identifier}",
        reason=receipt.error,
        source=connector.name,
    )
    write(issued.outage, note, now=receipt.now)


def _nothing_to_issue(outage: Outage) -> str:
    return f"{_how_it_stands(outage)}, and no alert about it is in force: there is nothing to tell the public."


def _how_it_stands(outage: Outage) -> str:
    if outage.status in OPEN_STATUSES:
        return f"Nobody is off by {outage.number}"
    return f"{outage.number} is {outage.get_status_display().lower()}"


def _refusal(outage: Outage, wanted: MessageType, choices: tuple[MessageType, ...]) -> str:
    if not choices:
        return _nothing_to_issue(outage)
    if wanted == MessageType.ALERT:
        return f"An alert about {outage.number} is in force: update it, or cancel it."
    if MessageType.ALERT in choices:
        return f"No alert about {outage.number} is in force: issue one."
    return f"{_how_it_stands(outage)}: its alert can only be cancelled."
