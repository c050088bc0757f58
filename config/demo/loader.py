"""Brings the demo utility into being; repeating it changes nothing that is there already."""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.db.models import Q
from django.utils import timezone

from config.demo import content
from connectors.contracts.alarm import Alarm
from connectors.contracts.base import contract_id
from connectors.contracts.cap_alert import AlertStatus
from connectors.models import Connector, ConnectorToken, Mode, Schedule, Stream, Trigger
from connectors.services.schedules import save_schedule
from connectors.services.settings import save_connector, save_stream
from connectors.services.sync import sync_stream
from connectors.services.tokens import issue_connector_token
from connectors.tasks import work_off_outbox
from organisation.models import Membership, Organisation, User
from organisation.queries import TokenExpired, find_token_holder, scope_of
from organisation.roles import Role
from organisation.scope import Scope, acting_for, carrying, system_job
from organisation.services import add_member, add_organisation, issue_token
from outage.models import AlertSettings
from outage.services.alert_settings import save_alert_settings

TOKEN_LIFE = timedelta(days=365)
PATIENCE_S = 120


def load(*, data_dir: Path, port: int, simulator_port: int) -> None:
    """Organisations, people, connectors and their first read, and the tokens that the demo's clients use."""
    _organisation(content.ORGANISATION, content.PEOPLE)
    _organisation(content.NEIGHBOUR, (content.NEIGHBOURS_ADMINISTRATOR,))
    scope = scope_of(content.ORGANISATION[0])
    with carrying(scope):
        _connect(scope, f"http://127.0.0.1:{simulator_port}")
        _public_alerts(scope)
        _first_read(scope)
        _dispatchers_token(scope, data_dir / "demo-token")
        _tablets_token(scope, data_dir / "simulator-push.json", port=port)


def wait_until_read(say: Callable[[str], None]) -> bool:
    """Until workers and beat have read every scheduled stream after now. Returns whether they did in time."""
    scope, began = scope_of(content.ORGANISATION[0]), timezone.now()
    names: list[str] = []
    for _ in range(PATIENCE_S * 4):
        with acting_for(scope):
            often = Schedule.objects.filter(is_enabled=True, every_s__lte=10).values("stream")
            waiting = Stream.objects.filter(pk__in=often).exclude(states__attempted_at__gt=began)
            names = [str(stream) for stream in waiting.select_related("connector")]
        if not names:
            return True
        time.sleep(0.25)
    say(f"Not read yet: {', '.join(names)}")
    return False


@dataclass(frozen=True)
class SignIn:
    email: str
    role: str
    password: str


def sign_ins() -> Iterator[SignIn]:
    for person in (*content.PEOPLE, content.NEIGHBOURS_ADMINISTRATOR):
        yield SignIn(email=person.email, role=person.name, password=content.PASSWORD)


def _organisation(named: tuple[str, str], people: tuple[content.Person, ...]) -> None:
    slug, name = named
    administrator = next(person for person in people if person.role == Role.ADMINISTRATOR)
    with system_job("find-demo"):
        exists = Organisation.objects.filter(slug=slug).exists()
    if not exists:
        add_organisation(
            slug=slug,
            name=name,
            administrator_email=administrator.email,
            administrator_password=content.PASSWORD,
            allowed_networks=list(content.LOOPBACK),
        )
    with acting_for(scope_of(slug)):
        known = set(Membership.objects.values_list("user__email", flat=True))
        for person in people:
            if person.email not in known:
                add_member(email=person.email, name=person.name, role=person.role, password=content.PASSWORD)
        User.objects.filter(email=administrator.email, name="").update(name=administrator.name)


def _public_alerts(scope: Scope) -> None:
    """Tests, in a feed that anybody may read: it is a demo."""
    with acting_for(scope):
        if not AlertSettings.objects.exists():
            save_alert_settings(
                sender=content.ALERTS_FROM,
                status=AlertStatus.TEST,
                languages=["en-GB", "de-DE"],
                web="",
                contact="",
                feed_is_public=True,
            )


def _connect(scope: Scope, simulator: str) -> None:
    for one in content.connectors(simulator):
        with acting_for(scope):
            known = Connector.objects.filter(name=one.name).first()
            connector = save_connector(
                kind=one.kind,
                name=one.name,
                settings={**one.config, **one.secrets},
                now=timezone.now(),
                connector=known,
            )
            for planned in one.streams if known is None else ():
                stream = save_stream(
                    connector=connector,
                    name=planned.name,
                    contract=planned.contract,
                    label=planned.label,
                    options=dict(planned.options),
                    freshness_s=planned.freshness,
                    is_listened_to=planned.is_listened_to,
                )
                for mode, every_s in planned.every.items():
                    save_schedule(stream=stream, mode=Mode(mode), every_s=every_s)


def _first_read(scope: Scope) -> None:
    """In the order in which the systems build on each other; later ones are the schedules' business."""
    with acting_for(scope):
        # The simulator begins with an empty history, so that alarms of an earlier evening are gone.
        due = Q(states__proved_at=None) | Q(contract=contract_id(Alarm))
        unread = Stream.objects.filter(due).exclude(connector__kind="push").order_by("pk")
        waiting = [(stream.pk, _full_if_it_can(stream)) for stream in unread]
    for stream_id, mode in waiting:
        sync_stream(stream_id=stream_id, mode=mode, trigger=Trigger.SCHEDULE)
        work_off_outbox()


def _full_if_it_can(stream: Stream) -> Mode:
    modes = set(stream.schedules.values_list("mode", flat=True))
    return Mode.FULL if Mode.FULL in modes else Mode.INCREMENTAL


def _dispatchers_token(scope: Scope, path: Path) -> None:
    now = timezone.now()
    try:
        if path.exists() and find_token_holder(path.read_text(encoding="utf-8").strip(), now=now) is not None:
            return
    except TokenExpired:
        path.unlink()
    with acting_for(scope):
        member = Membership.objects.select_related("user").get(
            role=Role.DISPATCHER, user__email=content.PEOPLE[1].email
        )
        _, token = issue_token(
            user=member.user,
            name=f"Demo, {now:%Y-%m-%d %H:%M:%S}",
            scopes=member.capabilities,
            expires_at=now + TOKEN_LIFE,
            scope=scope,
            now=now,
        )
    _write_privately(path, token + "\n")


def _tablets_token(scope: Scope, path: Path, *, port: int) -> None:
    now = timezone.now()
    with acting_for(scope):
        tablets = Connector.objects.get(name=content.TABLETS)
        url = f"http://127.0.0.1:{port}/registry/connectors/{tablets.uuid}/records/restoration-estimate/1"
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        hint = known.get("token", "")[:9]
        if not ConnectorToken.objects.filter(
            connector=tablets, hint=hint, revoked_at=None, expires_at__gt=now
        ).exists():
            _, known["token"] = issue_connector_token(
                connector=tablets, name=f"Tablets, {now:%Y-%m-%d %H:%M:%S}", expires_at=now + TOKEN_LIFE, now=now
            )
    _write_privately(path, json.dumps({"url": url, "token": known["token"], "heartbeat_seconds": 30}))


def _write_privately(path: Path, text: str) -> None:
    """In one step, so that nobody reads half of it."""
    with _beside(path) as (descriptor, temporary):
        os.write(descriptor, text.encode())
        os.close(descriptor)
        temporary.replace(path)


@contextmanager
def _beside(path: Path) -> Iterator[tuple[int, Path]]:
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    temporary = Path(name)
    try:
        yield descriptor, temporary
    finally:
        temporary.unlink(missing_ok=True)
