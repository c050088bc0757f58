"""Rejected records in the console: what is shown, marked, replayed and exported, and to whom."""

import csv
import io
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.messages import get_messages
from django.test import AsyncClient, Client
from django.urls import reverse
from django.utils import timezone

from connectors import tasks
from connectors.console.kept import kept_of
from connectors.models import Connector, Mode, RejectedRecord, Run, RunStatus, Stream, Trigger
from connectors.services import pages
from connectors.services.settings import save_connector, save_stream, switch_connector
from gis.models import Zone
from organisation.models import Membership, Organisation
from organisation.roles import Role
from organisation.scope import Scope, acting_for, current_scope
from tests.conftest import Tenants

FEATURE = {
    "type": "Feature",
    "id": "zones.1",
    "properties": {"name": "North", "level": "county"},
    "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]},
}


@pytest.fixture
def zones(utility: Organisation) -> Stream:
    with acting_for(Scope(organisation_id=utility.pk)):
        gis = save_connector(
            kind="ogc-api-features",
            name="GIS",
            settings={"base_url": "https://gis.example.org", "sign_in": "NONE"},
            now=timezone.now(),
        )
        return save_stream(connector=gis, name="zones", contract="zone/1", label="Zones")


def set_aside(
    stream: Stream,
    key: str,
    *,
    reason: str = "it is wrong",
    path: str = "",
    raw: Any = None,
    at: datetime | None = None,
) -> RejectedRecord:
    rejection = pages.Rejection(
        index=0, external_id=key, reason=reason, path=path, raw=pages.raw_text({"id": key} if raw is None else raw)
    )
    with acting_for(Scope(organisation_id=stream.organisation_id)):
        [pk] = pages.keep_rejections(stream.pk, [rejection], now=at or timezone.now())
        return RejectedRecord.objects.get(pk=pk)


def signed_in(member: Membership) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def page(name: str, *arguments: Any) -> str:
    return reverse(f"admin:connectors_rejectedrecord_{name}", args=arguments)


def said(answer: Any) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


def test_a_page_says_why_and_marks_the_offending_field(administrator: Membership, zones: Stream) -> None:
    rejected = set_aside(
        zones, "zones.1", reason="“county” is not in the table of zone levels", path="properties.level", raw=FEATURE
    )

    shown = signed_in(administrator).get(page("change", rejected.pk)).content.decode()

    assert "“county” is not in the table of zone levels" in shown
    assert "<mark>&quot;level&quot;: &quot;county&quot;</mark>" in shown
    assert page("replay", rejected.pk) in shown


def test_once_the_mapping_is_mended_a_replay_lands_it(
    administrator: Membership, zones: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered: list[int] = []
    monkeypatch.setattr(tasks.deliver_outbox, "delay", lambda: delivered.append(current_scope().organisation_id))
    client = signed_in(administrator)
    rejected = set_aside(zones, "zones.1", raw=FEATURE)

    still = client.post(page("replay", rejected.pk))
    with acting_for(Scope(organisation_id=zones.organisation_id)):
        save_stream(
            connector=Connector.objects.get(),
            stream=Stream.objects.get(),
            name="zones",
            contract="zone/1",
            options={"levels": "county = FEEDER_AREA"},
        )
    mended = client.post(page("replay", rejected.pk))

    assert said(still)[-1] == "Replay of what was set aside: 0 landed, 1 still cannot be read."
    assert said(mended)[-1] == "Replay of what was set aside: 1 landed."
    assert delivered == [zones.organisation_id] * 2
    with acting_for(Scope(organisation_id=zones.organisation_id)):
        rejected.refresh_from_db()
        assert (Zone.objects.get().name, rejected.settled_at is None) == ("North", False)
        assert Run.objects.latest("pk").actor_id == administrator.user_id
    assert page("replay", rejected.pk) not in client.get(page("change", rejected.pk)).content.decode()


def test_what_was_not_kept_whole_has_no_button(administrator: Membership, zones: Stream) -> None:
    rejected = set_aside(zones, "zones.1", raw="{not json")

    shown = signed_in(administrator).get(page("change", rejected.pk)).content.decode()

    assert "It cannot be replayed: what was kept of it is cut, or is no JSON." in shown
    assert page("replay", rejected.pk) not in shown


def test_chosen_ones_and_all_of_a_stream_are_replayed_by_a_worker(
    administrator: Membership,
    zones: Stream,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    queued: list[Any] = []
    monkeypatch.setattr(tasks.replay_rejected, "delay", lambda *arguments: queued.append(arguments))
    first, second = set_aside(zones, "1"), set_aside(zones, "2")
    client = signed_in(administrator)
    shown = client.get(page("changelist")).content.decode()
    assert page("replay_stream", zones.pk) in shown

    with django_capture_on_commit_callbacks(execute=True):
        chosen = {"action": "replay_chosen", "_selected_action": [first.pk, second.pk]}
        client.post(page("changelist"), chosen)
        answer = client.post(page("replay_stream", zones.pk))

    assert queued == [(zones.pk, [first.pk, second.pk]), (zones.pk, None)]
    assert said(answer)[-1].startswith("What was set aside of GIS: Zones will be replayed now.")
    with acting_for(Scope(organisation_id=zones.organisation_id)):
        switch_connector(connector=Connector.objects.get(), on=False, reason="Maintenance", now=timezone.now())
    with django_capture_on_commit_callbacks(execute=True):
        refused = client.post(page("replay_stream", zones.pk))
    assert said(refused)[-1] == "GIS: Zones is switched off: nothing of it lands. Switch it on first."
    assert len(queued) == 2


def test_the_list_opens_on_what_waits_and_is_narrowed_by_stream(administrator: Membership, zones: Stream) -> None:
    with acting_for(Scope(organisation_id=zones.organisation_id)):
        other = Stream.objects.create(connector=zones.connector, name="areas", contract="zone/1")
        run = Run.objects.create(
            stream=zones,
            mode=Mode.FULL,
            trigger=Trigger.PERSON,
            started_at=timezone.now(),
            advanced_at=timezone.now(),
            status=RunStatus.SUCCEEDED,
        )
    set_aside(zones, "waits-here")
    set_aside(other, "waits-there")
    settled = set_aside(zones, "settled-here")
    with acting_for(Scope(organisation_id=zones.organisation_id)):
        RejectedRecord.objects.filter(pk=settled.pk).update(settled_at=timezone.now(), run=run)
    client = signed_in(administrator)

    def listed(**filters: Any) -> set[str]:
        html = client.get(page("changelist"), filters).content.decode()
        return {key for key in ("waits-here", "waits-there", "settled-here") if key in html}

    assert listed() == {"waits-here", "waits-there"}
    assert listed(stream=zones.pk) == {"waits-here"}
    assert listed(settled="yes") == {"settled-here"}
    assert listed(settled="all") == {"waits-here", "waits-there", "settled-here"}
    assert listed(run__id__exact=run.pk) == {"settled-here"}


def exported(client: Client, form: str, **filters: Any) -> bytes:
    answer: Any = client.get(page("export", form), filters)
    assert 'filename="rejected-records-' in answer["Content-Disposition"]
    return b"".join(answer.streaming_content)


def test_what_is_listed_is_exported(administrator: Membership, zones: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.exports.BATCH", 2)
    at = datetime.fromisoformat("2026-11-24T02:15:00+00:00")
    for number in range(5):
        set_aside(zones, f"zones.{number}", at=at, path="properties.level")
    with acting_for(Scope(organisation_id=zones.organisation_id)):
        RejectedRecord.objects.filter(external_id="zones.0").update(settled_at=at)
    client = signed_in(administrator)

    lines = [json.loads(line) for line in exported(client, "ndjson").splitlines()]
    rows = list(csv.DictReader(io.StringIO(exported(client, "csv", settled="all").decode(), newline="")))

    assert [line["external_id"] for line in lines] == [f"zones.{number}" for number in (1, 2, 3, 4)]
    assert lines[0] == {
        "connector": "GIS",
        "stream": "zones",
        "contract": "zone/1",
        "external_id": "zones.1",
        "reason": "it is wrong",
        "path": "properties.level",
        "times": 1,
        "first_seen_at": "2026-11-24T02:15:00+00:00",
        "last_seen_at": "2026-11-24T02:15:00+00:00",
        "settled_at": None,
        "raw": '{"id":"zones.1"}',
    }
    assert [row["external_id"] for row in rows] == [f"zones.{number}" for number in range(5)]
    assert (rows[1]["raw"], rows[0]["settled_at"]) == ('{"id":"zones.1"}', "2026-11-24T02:15:00+00:00")


def test_a_spreadsheet_does_not_compute_what_a_source_wrote(administrator: Membership, zones: Stream) -> None:
    wide = "\N{FULLWIDTH EQUALS SIGN}1+1"
    wrote = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1+1", wide, "=cmd|' /C calc'!A0"]
    for one in wrote:
        set_aside(zones, one, reason=one, raw=one)
    set_aside(zones, "plain = text", raw={"a": -1})

    written = exported(signed_in(administrator), "csv").decode()

    *guarded, plain = csv.DictReader(io.StringIO(written, newline=""))
    assert [(row["external_id"], row["reason"], row["raw"]) for row in guarded] == [(f"'{one}",) * 3 for one in wrote]
    assert (plain["external_id"], plain["raw"]) == ("plain = text", '{"a":-1}')


def test_an_asynchronous_server_sends_it_piece_by_piece(administrator: Membership, zones: Stream) -> None:
    set_aside(zones, "zones.1")
    client = AsyncClient()
    client.force_login(administrator.user)

    async def export() -> list[bytes]:
        answer: Any = await client.get(page("export", "csv"))
        return [part async for part in answer.streaming_content]

    header, rows = async_to_sync(export)()

    assert header.startswith(b"connector,stream,contract")
    assert b"zones.1" in rows


def test_who_may_not_start_a_read_sees_and_exports_and_replays_nothing(
    utility: Organisation, tenants: Tenants, zones: Stream
) -> None:
    rejected = set_aside(zones, "zones.1", raw=FEATURE)
    client = signed_in(tenants.member(utility, Role.AUDITOR))

    assert "zones.1" in client.get(page("changelist")).content.decode()
    assert b"zones.1" in exported(client, "csv")
    assert page("replay", rejected.pk) not in client.get(page("change", rejected.pk)).content.decode()
    assert client.post(page("replay", rejected.pk)).status_code == 403
    assert client.post(page("replay_stream", zones.pk)).status_code == 403
    client.post(page("changelist"), {"action": "replay_chosen", "_selected_action": [rejected.pk]})
    with acting_for(Scope(organisation_id=zones.organisation_id)):
        assert RejectedRecord.objects.get().settled_at is None
        assert not Run.objects.exists()


def test_a_link_that_is_followed_replays_nothing_and_an_unknown_export_is_not_there(
    administrator: Membership, zones: Stream
) -> None:
    rejected = set_aside(zones, "zones.1", raw=FEATURE)
    client = signed_in(administrator)

    assert client.get(page("replay", rejected.pk)).status_code == 405
    assert client.get(page("replay_stream", zones.pk)).status_code == 405
    assert client.get(page("export", "xlsx")).status_code == 404


def test_a_neighbours_records_are_neither_shown_exported_nor_replayed(
    neighbour: Organisation, tenants: Tenants, zones: Stream
) -> None:
    rejected = set_aside(zones, "zones.1", raw=FEATURE)
    client = signed_in(tenants.member(neighbour, Role.ADMINISTRATOR))

    assert "zones.1" not in client.get(page("changelist"), {"settled": "all"}).content.decode()
    assert exported(client, "ndjson", settled="all") == b""
    assert client.post(page("replay", rejected.pk)).status_code == 404
    assert said(client.post(page("replay_stream", zones.pk)))[-1] == "There is no such stream any more."


def test_a_runs_page_says_when_not_all_are_kept(
    administrator: Membership, zones: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MOST_NEW_OF_A_READ", 2)
    monkeypatch.setattr(pages, "MOST_UNSETTLED_OF_A_STREAM", 3)
    now = timezone.now()
    with acting_for(Scope(organisation_id=zones.organisation_id)):
        all_kept, cut, full = (
            Run.objects.create(
                stream=zones,
                mode=Mode.FULL,
                trigger=Trigger.PERSON,
                status=RunStatus.SUCCEEDED,
                started_at=now,
                advanced_at=now,
                finished_at=now + timedelta(seconds=number),
                rejected=rejected,
            )
            for number, rejected in enumerate((1, 1_204, 7))
        )
    kept = [set_aside(zones, key, at=now + timedelta(seconds=number)) for number, key in enumerate("ABC")]
    with acting_for(Scope(organisation_id=zones.organisation_id)):
        for rejected, run in zip(kept, (all_kept, cut, cut), strict=True):
            RejectedRecord.objects.filter(pk=rejected.pk).update(run=run)

        assert kept_of(all_kept) == ""
        assert kept_of(full) == (
            "Not all of these are kept: 3 of the stream are unsettled, and no more are kept until some are settled "
            "or pruned."
        )
    shown = signed_in(administrator).get(reverse("admin:connectors_run_change", args=[cut.pk])).content.decode()
    assert "1,204" in shown
    assert "Of these, 2 are kept with what the source sent: no more new ones are kept of one read." in shown
