"""What a supervisor that was killed outright may have left running, and how it is cleared away."""

from collections.abc import Iterable
from pathlib import Path

from config.supervisor import postgresql, valkey
from config.supervisor.processes import clear, marked

# Every program of ours carries this variable, whose value is its DATA_DIR.
MARK = "SUPERVISED_IN"


def clear_leftovers(folder: Path, servers: Iterable[postgresql.PostgreSQL | valkey.Valkey]) -> int:
    """End our programs first, then the servers that they use. Returns how many processes there were."""
    return clear(marked(MARK, str(folder))) + sum(server.clear_orphans() for server in servers)
