"""The same from the command line."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone
from pytest_django import Settings

from connectors import secrets
from connectors.models import Connector, Lease, Run, Stream
from connectors.protocols.errors import Unauthorized
from gis.models import Zone
from organisation.models import Organisation
from organisation.scope import Scope, acting_for
from tests.connectors.engine.scripted import Domain, Source, zones


@pytest.fixture(autouse=True)
def _default(settings: Settings, utility: Organisation) -> None:
    settings.DEFAULT_ORGANISATION = utility.slug


@pytest.fixture
def run(scope: Scope, capsys: pytest.CaptureFixture[str]) -> Any:
    """The JSON lines that a command prints, and its exit status."""

    def run(action: str, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
        capsys.readouterr()
        status = 0
        try:
            call_command("connector", action, *arguments, "--json")
        except SystemExit as left:
            status = int(left.code or 0)
        return status, [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return run


def test_kinds_are_listed_with_their_settings(run: Any) -> None:
    status, kinds = run("kinds")

    [scripted] = [kind for kind in kinds if kind["kind"] == "scripted"]
    assert status == 0
    assert (scripted["settings"], scripted["secrets"]) == (["address", "strict"], ["password"])
    assert scripted["emits"] == ["zone/1", "restoration-estimate/1"]
    assert scripted["accepts"] == ["alarm-acknowledgement/1"]


def test_a_connector_is_added_with_its_secret_from_elsewhere(
    run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SCRIPT_PASSWORD", "hunter2")
    status, [added] = run(
        "add", "scripted", "Script", "--set", "address=here", "--secret", "password=SCRIPT_PASSWORD",
        "--stream", "zone/1=zones",
    )  # fmt: skip
    connector = Connector.objects.get()

    assert (status, added["name"], added["uuid"]) == (0, "Script", str(connector.uuid))
    assert secrets.decrypt(connector.secrets) == {"password": "hunter2"}
    assert Stream.objects.get().contract == "zone/1"
    (tmp_path / "password").write_text("swordfish\n")
    run("add", "scripted", "Other", "--set", "address=x", "--secret", f"password=@{tmp_path / 'password'}")
    assert secrets.decrypt(Connector.objects.get(name="Other").secrets) == {"password": "swordfish"}


def test_streams_are_listened_to_if_they_are_to_be_and_can_be(run: Any) -> None:
    run(
        "add", "scripted", "Script", "--set", "address=here", "--listen",
        "--stream", "zone/1=zones", "--stream", "restoration-estimate/1=estimates",
    )  # fmt: skip
    zones = Stream.objects.get(name="zones")
    since = timezone.now()
    Lease.objects.create(
        stream=zones,
        mode="EVENT",
        trigger="PUSH",
        phase="LISTENING",
        started_at=since,
        expires_at=since + timedelta(minutes=1),
    )

    _, [listed] = run("list")

    assert [zones.is_listened_to, Stream.objects.get(name="estimates").is_listened_to] == [True, False]
    told = {one["name"]: one["listening_since"] for one in listed["streams"]}
    assert told == {"zones": since.isoformat(), "estimates": None}


def test_a_setting_of_several_values_is_given_once_for_each(run: Any) -> None:
    status, _ = run("add", "push", "Tablets", "--set", "contracts=restoration-estimate/1", "--set", "contracts=crew/1")

    assert status == 0
    assert sorted(Connector.objects.get().config["contracts"]) == ["crew/1", "restoration-estimate/1"]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (["scripted", "Script"], "address"),
        (["scripted", "Script", "--set", "address=here", "--set", "adress=there"], "adress"),
        (["scripted", "Script", "--set", "address=here", "--stream", "alarm/1=zones"], "contract"),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_is_added(run: Any, arguments: list[str], field: str) -> None:
    status, [refusal] = run("add", *arguments)

    assert (status, list(refusal["errors"])) == (2, [field])
    assert not Connector.objects.exists()


def test_what_is_unknown_is_refused(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ("add", "telepathy", "Mind"),
        ("add", "scripted", "Script", "--secret", "password=NO_SUCH_VARIABLE"),
        ("probe", "Nobody"),
        ("sync", "Nobody"),
        ("list", "--organisation", "nowhere"),
    ):
        status, [refusal] = run(*arguments)
        assert (status, list(refusal)) == (2, ["error"])
    with pytest.raises(CommandError, match="There is no connector 'Nobody'") as refused:
        call_command("connector", "probe", "Nobody")
    assert refused.value.returncode == 2


def test_a_probe_says_what_it_found(run: Any, connector: Connector, source: Source) -> None:
    assert run("probe", "Script")[1][0]["product"] == "Script"

    source.probing = Unauthorized("script refuses our key.")
    status, [failed] = run("probe", "Script")

    assert (status, failed["succeeded"], failed["summary"]) == (1, False, "script refuses our key.")
    assert run("list")[1][0]["state"] == "ERROR"


def test_a_sync_reads_whole_first_and_changes_then(
    run: Any, stream: Stream, source: Source, domain: Domain, capsys: pytest.CaptureFixture[str]
) -> None:
    source.pages = [zones("A"), zones("B")]

    status, [first] = run("sync", "Script")
    _, [second] = run("sync", "Script")
    _, [whole] = run("sync", "Script", "--mode", "full")

    assert (status, first["outcome"], first["created"], first["run"]) == (0, "SUCCEEDED", 2, first["run"])
    assert [str(mode) for mode, _ in source.asked] == ["FULL", "INCREMENTAL", "FULL"]
    assert [one["unchanged"] for one in (second, whole)] == [0 + len(source.pages)] * 2
    assert [change.ids for change in domain.told] == [tuple(Zone.objects.order_by("pk").values_list("pk", flat=True))]
    assert [one["mode"] for one in run("runs")[1]] == ["FULL", "INCREMENTAL", "FULL"]
    call_command("connector", "sync", "Script")
    said = capsys.readouterr()
    assert "zones: page 2, 2 records" in said.err
    assert "zones: SUCCEEDED. 0 created, 0 updated, 2 unchanged" in said.out


def test_a_sync_that_fails_says_so(run: Any, stream: Stream, source: Source) -> None:
    source.pages = [zones("A")]
    source.fails(Unauthorized("script refuses our key."))

    status, [failed] = run("sync", "Script")

    assert (status, failed["outcome"], failed["detail"]) == (1, "UNAUTHORIZED", "script refuses our key.")
    assert run("runs")[1][0]["status"] == "FAILED"
    assert Run.objects.count() == 1


def test_a_mode_that_cannot_be_is_refused_and_harms_nothing(run: Any, connector: Connector) -> None:
    Stream.objects.create(connector=connector, name="estimates", contract="restoration-estimate/1")

    status, [refusal] = run("sync", "Script", "--mode", "full")

    assert (status, "pushes by itself" in refusal["error"]) == (2, True)
    assert Connector.objects.get().state == "REGISTERED"


def test_each_organisation_has_its_own(run: Any, connector: Connector, neighbour: Organisation) -> None:
    assert run("list", "--organisation", neighbour.slug) == (0, [])
    assert run("add", "scripted", "Script", "--set", "address=x", "--organisation", neighbour.slug)[0] == 0

    assert [one["uuid"] for one in run("list")[1]] == [str(connector.uuid)]
    with acting_for(Scope(organisation_id=neighbour.pk)):
        assert Connector.objects.get().config["address"] == "x"
