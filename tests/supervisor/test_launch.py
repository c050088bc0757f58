from pathlib import Path

import pytest

from config.supervisor import postgresql, residence
from config.supervisor.environment import PROJECT, discover
from config.supervisor.failures import StartFailed
from config.supervisor.launch import Options, parts


def names(environ: dict[str, str]) -> list[str]:
    return [part.name for part in parts(Options.of(environ))]


def test_the_demo_starts_with_a_simulator_and_waits_for_the_first_sync() -> None:
    assert names({}) == [
        "postgresql",
        "database roles",
        "migrate",
        "database partitions",
        "database schedules",
        "valkey",
        "collect static files",
        "simulator",
        "load demo",
        "web",
        "worker",
        "beat",
        "listener",
        "upkeep",
        "first sync",
        "sign-ins",
    ]


def test_without_the_demo_there_is_no_simulator_and_nothing_is_loaded() -> None:
    assert names({"DEMO": "0"}) == [
        "postgresql",
        "database roles",
        "migrate",
        "database partitions",
        "database schedules",
        "valkey",
        "collect static files",
        "web",
        "worker",
        "beat",
        "listener",
        "upkeep",
    ]


def test_a_relative_data_dir_counts_from_the_project() -> None:
    assert Options.of({}).data_dir == PROJECT / ".data"
    assert Options.of({"DATA_DIR": "elsewhere"}).data_dir == PROJECT / "elsewhere"
    assert Options.of({"DATA_DIR": "/srv/utility"}).data_dir == Path("/srv/utility")


@pytest.mark.parametrize("port", ["0", "65536", "eighty", "-1", "8000.0", "²"])
def test_a_port_that_is_none_is_refused_by_name(port: str) -> None:
    with pytest.raises(StartFailed) as refusal:
        Options.of({"PORT": port})

    assert str(refusal.value) == f"PORT is '{port}'. It must be a whole number from 1 to 65535."


def test_one_address_of_an_own_database_is_not_enough() -> None:
    with pytest.raises(StartFailed, match=r"^Only DATABASE_URL is set\. For a database of your own set both: "):
        Options.of({"DATABASE_URL": "postgresql://app@database/utility"})


def test_own_servers_are_recognised() -> None:
    own = Options.of(
        {
            "DATABASE_URL": "postgresql://app@database/utility",
            "DATABASE_OWNER_URL": "postgresql://owner@database/utility",
            "REDIS_URL": "redis://broker",
        }
    )

    assert (own.own_database, own.own_broker) == (True, True)


def test_what_is_given_wins_over_what_is_found_and_databases_are_not_mixed(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text('{"environment": {"SECRET_KEY": "found"}, "passwords": {"app": "x"}}')
    (tmp_path / "services.json").write_text(
        '{"environment": {"DATABASE_URL": "found", "DATABASE_OWNER_URL": "found", "REDIS_URL": "found"}}'
    )

    assert discover({"DATA_DIR": str(tmp_path), "REDIS_URL": "given", "SECRET_KEY": ""}) == {
        "DATA_DIR": str(tmp_path),
        "DATABASE_URL": "found",
        "DATABASE_OWNER_URL": "found",
        "REDIS_URL": "given",
        "SECRET_KEY": "found",
    }
    assert discover({"DATA_DIR": str(tmp_path), "DATABASE_URL": "given"}) == {
        "DATA_DIR": str(tmp_path),
        "DATABASE_URL": "given",
        "REDIS_URL": "found",
        "SECRET_KEY": "found",
    }


def test_a_folder_too_deep_for_a_socket_means_loopback(tmp_path: Path) -> None:
    def server_in(folder: Path) -> postgresql.PostgreSQL:
        server = postgresql.PostgreSQL(data_dir=folder, log=folder / "log", passwords={"app": "p/w"})
        server.home = residence.Residence(folder / "data", folder / "run", folder)
        server.port = 5432
        return server

    assert server_in(Path("/srv/utility")).url("app") == (
        "postgresql://app:p%2Fw@/utility?host=%2Fsrv%2Futility%2Frun&port=5432"
    )
    assert server_in(Path("/srv") / ("deep/" * 20)).url("app") == "postgresql://app:p%2Fw@127.0.0.1:5432/utility"
