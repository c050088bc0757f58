"""What a system is made of, in the order in which it starts. It stops in the opposite order."""

import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from config.supervisor.environment import PROJECT, data_dir_of
from config.supervisor.failures import StartFailed
from config.supervisor.processes import POLITE, StopSignal

# A warm stop lets running tasks end, a cold one returns them to the queue.
WORKER_STOPPING = (
    StopSignal(signal.SIGTERM, 12),
    StopSignal(signal.SIGQUIT, 15),
    StopSignal(signal.SIGKILL, 5),
)


@dataclass(frozen=True)
class Options:
    """What one may choose from outside."""

    data_dir: Path
    port: int
    simulator_port: int
    demo: bool
    worker_concurrency: int
    own_database: bool
    own_broker: bool

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Options":
        """
        :raises StartFailed: if a variable cannot be understood, naming it.
        """
        named = [name for name in ("DATABASE_URL", "DATABASE_OWNER_URL") if environ.get(name)]
        if len(named) == 1:
            raise StartFailed(
                f"Only {named[0]} is set. For a database of your own set both: DATABASE_URL (role app) and "
                "DATABASE_OWNER_URL (role owner)."
            )
        return cls(
            data_dir=data_dir_of(environ),
            port=_number(environ, "PORT", 8000, largest=65535),
            simulator_port=_number(environ, "SIMULATOR_PORT", 8100, largest=65535),
            demo=(environ.get("DEMO") or "1").strip().lower() in {"1", "true", "yes", "on"},
            worker_concurrency=_number(environ, "WORKER_CONCURRENCY", 3),
            own_database=len(named) == 2,
            own_broker=bool(environ.get("REDIS_URL")),
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


@dataclass(frozen=True)
class Server:
    """PostgreSQL or Valkey from their wheels, or the operator's own: then only looked at."""

    name: str


@dataclass(frozen=True)
class Step:
    """A command that must end well before the next thing starts."""

    name: str
    command: tuple[str, ...]
    prints: bool = False


@dataclass(frozen=True)
class Service:
    """A program of ours that runs until the system stops."""

    name: str
    command: tuple[str, ...]
    probe: str | None = None
    port: tuple[str, int] | None = None
    stopping: tuple[StopSignal, ...] = field(default=POLITE)


Part = Server | Step | Service

SERVERS: tuple[Part, ...] = (Server("postgresql"), Server("valkey"))


def parts(options: Options) -> list[Part]:
    """Everything that `make up` starts, in order."""
    return [
        Server("postgresql"),
        Step("database roles", _manage("database", "roles")),
        Step("migrate", _manage("migrate", "--noinput")),
        Step("database partitions", _manage("database", "partitions")),
        Step("database schedules", _manage("database", "schedules")),
        Server("valkey"),
        Step("collect static files", _manage("collectstatic", "--noinput", "--clear")),
        *([_simulator(options)] if options.demo else []),
        *([Step("load demo", _manage("demo", "load"))] if options.demo else []),
        Service(
            "web",
            _python(
                "-m",
                "uvicorn",
                "config.asgi:application",
                "--host=127.0.0.1",
                f"--port={options.port}",
                "--timeout-graceful-shutdown=5",
                "--no-access-log",
                "--no-server-header",
            ),
            probe=f"{options.url}health/ready",
            port=("PORT", options.port),
        ),
        Service(
            "worker",
            _python(
                "-m",
                "celery",
                "--app=config",
                "worker",
                "--pool=prefork",
                f"--concurrency={options.worker_concurrency}",
                "--loglevel=info",
            ),
            stopping=WORKER_STOPPING,
        ),
        Service(
            "beat",
            _python(
                "-m",
                "celery",
                "--app=config",
                "beat",
                "--scheduler=config.beat:Scheduler",
                "--pidfile=",
                "--loglevel=info",
            ),
        ),
        Service("listener", _manage("listen")),
        Service("upkeep", _manage("database", "upkeep")),
        *([Step("first sync", _manage("demo", "await"))] if options.demo else []),
        *([Step("sign-ins", _manage("demo", "sign-ins"), prints=True)] if options.demo else []),
    ]


def _simulator(options: Options) -> Service:
    return Service(
        "simulator",
        _python(
            "-m",
            "simulator",
            f"--port={options.simulator_port}",
            f"--push-config={options.data_dir / 'simulator-push.json'}",
            f"--product-url=http://127.0.0.1:{options.port}",
        ),
        probe=f"http://127.0.0.1:{options.simulator_port}/health",
        port=("SIMULATOR_PORT", options.simulator_port),
    )


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, *arguments)


def _manage(*arguments: str) -> tuple[str, ...]:
    return _python(str(PROJECT / "manage.py"), *arguments)


def _number(environ: Mapping[str, str], name: str, default: int, largest: int = 1000) -> int:
    text = environ.get(name) or str(default)
    if text.isascii() and text.isdigit() and 1 <= int(text) <= largest:
        return int(text)
    raise StartFailed(f"{name} is {text!r}. It must be a whole number from 1 to {largest}.")
