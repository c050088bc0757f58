"""
A small system under the real supervisor, run as a process of its own: `python -m tests.supervisor.pretend`.

Real PostgreSQL and Valkey when PRETEND names `servers`; a web server that answers, and one that does nothing.
"""

import os
import sys

from config.supervisor.caller import follow_make, watch_terminal
from config.supervisor.launch import Options, Part, Server, Service, Step
from config.supervisor.supervise import Supervisor

REFUSE_TO_END = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


def parts(options: Options, wanted: set[str]) -> list[Part]:
    servers: list[Part] = [Server("postgresql"), Server("valkey")] if "servers" in wanted else []
    web = Service(
        "web",
        (sys.executable, "-m", "http.server", str(options.port), "--bind=127.0.0.1"),
        probe=options.url,
        port=("PORT", options.port),
    )
    failing = Step("count the poles", (sys.executable, "-c", "raise SystemExit('37 poles are missing')"))
    slow = Step("count slowly", (sys.executable, "-c", "import time; time.sleep(600)"))
    printing = Step("sign-ins", (sys.executable, "-c", "print('coordinator@example')"), prints=True)
    return [
        *servers,
        web,
        Service("idler", (sys.executable, "-c", "import time; time.sleep(600)")),
        *([Service("stubborn", (sys.executable, "-c", REFUSE_TO_END))] if "stubborn" in wanted else []),
        *([failing] if "failing" in wanted else []),
        *([slow] if "slow" in wanted else []),
        printing,
    ]


def main() -> int:
    gone = [watch_terminal(), *([follow_make()] if "under-make" in sys.argv else [])]
    options = Options.of(os.environ)
    wanted = set(os.environ.get("PRETEND", "").split(","))
    return Supervisor(
        options=options,
        parts=parts(options, wanted),
        environ=os.environ,
        ready=f"Ready: {options.url}",
        gone=gone,
    ).run()


if __name__ == "__main__":
    sys.exit(main())
