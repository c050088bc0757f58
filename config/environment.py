"""Every setting that the environment may give: the one list, from which docs/reference/settings.md is written."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from config.supervisor.environment import discover


@dataclass(frozen=True)
class Setting:
    name: str
    default: str
    meaning: str


SETTINGS: tuple[Setting, ...] = (
    Setting("PORT", "8000", "Port of the console and the API, on 127.0.0.1."),
    Setting("SIMULATOR_PORT", "8100", "Port of the pretend utility."),
    Setting("DATA_DIR", ".data", "Where the embedded services, generated secrets and logs live."),
    Setting("DEMO", "1", "`0` starts empty: no demo utility, no simulator."),
    Setting(
        "DEFAULT_ORGANISATION",
        "rural-grid",
        "Slug of the organisation that commands act for when none is named.",
    ),
    Setting("DATABASE_URL", "", "PostgreSQL 15 or newer, signed in as the role `app`. Empty: the embedded server."),
    Setting("DATABASE_OWNER_URL", "", "The same database, signed in as its owner; for migrations and upkeep only."),
    Setting("REDIS_URL", "", "Redis or Valkey (`redis://` or `unix://`). Empty: the embedded server."),
    Setting("SECRET_KEY", "", "Signs sessions. Generated into DATA_DIR when empty under `make up`."),
    Setting(
        "SECRETS_KEYS",
        "",
        "Keys that encrypt connector secrets, newest first: `id:fernet-key,id:fernet-key`. Generated into DATA_DIR "
        "when empty under `make up`.",
    ),
    Setting(
        "ALLOWED_HOSTS",
        "127.0.0.1,localhost,[::1]",
        "Host names under which the console may be reached, by commas.",
    ),
    Setting(
        "CSRF_TRUSTED_ORIGINS",
        "",
        "Origins (`https://…`) from which forms may be posted behind a proxy, by commas.",
    ),
    Setting("SECURE", "0", "`1` behind TLS: cookies are sent over HTTPS only."),
    Setting("DEBUG", "0", "`1` shows tracebacks to the browser; never where others can reach it."),
    Setting("LOG_FORMAT", "console", "`console` for people, `json` for a log store."),
    Setting("LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR."),
    Setting("DATABASE_POOL", "1", "`0` opens a connection per request instead of keeping a pool."),
    Setting("DATABASE_POOL_SIZE", "8", "Most connections that one process keeps."),
    Setting("STATEMENT_TIMEOUT_S", "30", "Longest time that one statement of a web request may run, in seconds."),
    Setting(
        "MAP_ATTRIBUTION",
        "",
        "Whose network the map is drawn from, as its licence asks; stands on every map. Empty: the demo's own.",
    ),
    Setting(
        "CAP_SIGNING_KEY",
        "",
        "File with the private key (PEM, no password, RSA or elliptic curve) that signs public alerts. With "
        "`{organisation}` in its name, which is each one's short name, every organisation signs with its own. Empty: "
        "alerts are issued unsigned.",
    ),
    Setting(
        "CAP_SIGNING_CERTIFICATE",
        "",
        "File with the certificate of that key (PEM), and after it those that vouch for it; `{organisation}` as above.",
    ),
    Setting("WORKER_CONCURRENCY", "3", "Processes of one worker."),
    Setting(
        "LEASE_S",
        "30",
        "How long a read whose worker died keeps its stream, in seconds, before another goes on with it.",
    ),
)

_DEFAULTS = {setting.name: setting.default for setting in SETTINGS}


class Environment:
    """Reads settings by name; an unlisted name is a mistake in the code."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._values = discover(os.environ if environ is None else environ)

    def text(self, name: str) -> str:
        return self._values.get(name) or _DEFAULTS[name]

    def flag(self, name: str) -> bool:
        return self.text(name).strip().lower() in {"1", "true", "yes", "on"}

    def number(self, name: str) -> int:
        return int(self.text(name))

    def items(self, name: str) -> list[str]:
        return [item.strip() for item in self.text(name).split(",") if item.strip()]


def settings_page() -> str:
    """docs/reference/settings.md, as it must stand."""
    rows = "\n".join(f"| `{s.name}` | {f'`{s.default}`' if s.default else 'empty'} | {s.meaning} |" for s in SETTINGS)
    return (
        "# Settings\n\nRead from the environment when a process starts. "
        "This page is written by `manage.py schema --write`.\n\n"
        f"| name | default | meaning |\n|---|---|---|\n{rows}\n"
    )
