"""Lists stay quick when there are many rows: each is read by an index, a page at a time."""

import asyncio
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from store.contacts import read_contacts
from store.database import Database
from store.reading_calls import CallFilter, list_calls
from store.reading_enrolments import EnrolmentFilter, list_enrolments
from store.reading_messages import MessageFilter, list_messages
from store.reading_tasks import TaskFilter, list_tasks
from store.reading_timeline import Order, read_timeline
from store.reading_why import list_passed_over, list_refusals, list_reports
from store.replays import ReplayQueue
from tests.databases import address_of, execute
from tests.rows import AT, add_version

MANY = 20_000
ALLOWED = 2_000
"""Rows that may be touched for one page: some pages' worth of them, not a share of the table."""

FILL = f"""
INSERT INTO customers (first_seen_at) SELECT '{AT}' FROM generate_series(1, 100);
INSERT INTO enrolments (customer_id, journey, version, key, state, outcome, started_at)
SELECT 1 + n % 100, CASE n % 2 WHEN 0 THEN 'reservation' ELSE 'win_back' END, 1, CASE WHEN n % 500 = 0 THEN 'k' ELSE ''
    END, CASE WHEN n % 1000 = 0 THEN 'ending' ELSE 'ended' END, 'expired', '{AT}'
FROM generate_series(1, {MANY}) n;
INSERT INTO events (source, message_id, customer_id, kind, name, occurred_at, received_at)
SELECT 's', n::text, 1, 'track', 'E', '{AT}', timestamptz '{AT}' + n * interval '1 second'
FROM generate_series(1, {MANY}) n;
INSERT INTO messages (key, enrolment_id, customer_id, step, visit, channel, message, message_class, status, attempt,
    created_at)
SELECT n::text, n, 1 + n % 100, 'send', 1, 'sms', 'hello', 'promotional', CASE WHEN n % 1000 = 0 THEN 'failed' ELSE
    'sent' END, 1, timestamptz '{AT}' + n * interval '1 second' FROM generate_series(1, {MANY}) n;
INSERT INTO tasks (key, enrolment_id, customer_id, journey, step, visit, task, team, title, created_at, state)
SELECT n::text, 1 + n % 100 * 1000, 1 + n % 100, 'reservation', 'call', 1, 'call', 'sales', 'Call', '{AT}',
    CASE WHEN n % 1000 = 0 THEN 'open' ELSE 'done' END FROM generate_series(1, {MANY}) n;
INSERT INTO calls (key, enrolment_id, customer_id, destination, status, attempts, first_at, at)
SELECT n || '/call/1', n, 1 + n % 100, 'crm', CASE WHEN n % 250 = 0 THEN 'refused' ELSE 'done' END, 1, '{AT}',
    timestamptz '{AT}' + n * interval '1 second' FROM generate_series(1, {MANY // 4}) n;
UPDATE calls SET replay = 'waiting', replay_from = now() + (enrolment_id - 4) * interval '1 minute',
    replay_until = now() + interval '1 year' WHERE enrolment_id % 2 = 0;
UPDATE enrolments SET state = 'active', outcome = NULL WHERE id = 1;
ANALYZE
"""


class Watched:
    """A database that explains each query while it answers it."""

    def __init__(self, db: Database) -> None:
        self._pool = db.pool
        self.pool = SimpleNamespace(fetch=self.fetch, fetchrow=self.fetchrow)
        self.touched = 0.0

    async def fetch(self, query: str, *arguments: Any) -> Any:
        plan = await self._pool.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", *arguments)
        self.touched = sum(_touched(plan), 0.0)
        return await self._pool.fetch(query, *arguments)

    async def fetchrow(self, query: str, *arguments: Any) -> Any:
        return next(iter(await self.fetch(query, *arguments)), None)


def _touched(plan: Any) -> Iterator[float]:
    """Rows that each scan of a plan read, those it threw away as well."""
    match plan:
        case str():
            yield from _touched(json.loads(plan))
        case list():
            for part in plan:
                yield from _touched(part)
        case {"Plan": inner}:
            yield from _touched(inner)
        case {"Node Type": kind, "Actual Rows": rows, "Actual Loops": loops}:
            if "Scan" in kind and "Relation Name" in plan:
                yield (rows + plan.get("Rows Removed by Filter", 0)) * loops
            yield from _touched(plan.get("Plans", []))


@pytest.fixture(scope="module")
def database_url(postgres_url: str, database_template: str) -> Iterator[str]:
    """One full database for all: filling it takes longer than all tests. Who writes, writes what no other reads."""
    name = "sojourn_full"
    url = address_of(postgres_url, name)
    execute(postgres_url, f"CREATE DATABASE {name} TEMPLATE {database_template} STRATEGY file_copy")

    async def fill() -> None:
        db = await Database.open(url)
        for journey in ("reservation", "win_back"):
            await add_version(db, journey)
        await db.pool.execute(FILL)
        await db.close()

    asyncio.run(fill())
    yield url
    execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def watched(db: Database) -> Watched:
    return Watched(db)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (EnrolmentFilter(), 50),
        (EnrolmentFilter(journey="reservation"), 50),
        (EnrolmentFilter(journey="reservation", state="ended"), 50),
        (EnrolmentFilter(state="ending"), 20),
        (EnrolmentFilter(state="active"), 1),
        (EnrolmentFilter(customer_ids=[7]), 50),
        (EnrolmentFilter(customer_ids=[7], journey="win_back"), 0),
        (EnrolmentFilter(key="k"), 40),
    ],
)
async def test_enrolments_are_listed_by_an_index(watched: Watched, wanted: EnrolmentFilter, found: int) -> None:
    page = await list_enrolments(cast(Database, watched), wanted)
    assert len(page.items) == found
    assert watched.touched < ALLOWED


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (MessageFilter(), 50),
        (MessageFilter(status="failed"), 20),
        (MessageFilter(status="held"), 0),
        (MessageFilter(customer_ids=[7]), 50),
        (MessageFilter(enrolment_id=7), 1),
        (MessageFilter(journey="reservation"), 50),
        (MessageFilter(channel="sms", message="hello"), 50),
    ],
)
async def test_messages_are_listed_by_an_index(watched: Watched, wanted: MessageFilter, found: int) -> None:
    page = await list_messages(cast(Database, watched), wanted)
    assert len(page.items) == found
    assert watched.touched < ALLOWED


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (TaskFilter(), 50),
        (TaskFilter(state="open"), 20),
        (TaskFilter(state="open", team="sales", journey="reservation"), 20),
        (TaskFilter(state="claimed"), 0),
        (TaskFilter(customer_ids=[7]), 50),
        (TaskFilter(team="sales"), 50),
    ],
)
async def test_tasks_are_listed_by_an_index(watched: Watched, wanted: TaskFilter, found: int) -> None:
    page = await list_tasks(cast(Database, watched), wanted, AT)
    assert len(page.items) == found
    assert watched.touched < ALLOWED


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (CallFilter(), 50),
        (CallFilter(status="refused"), 20),
        (CallFilter(status="refused", destination="crm", journey="reservation", since=AT), 20),
        (CallFilter(status="cut_off"), 0),
        (CallFilter(replay="waiting", status="refused"), 20),
        (CallFilter(customer_ids=[7]), 50),
    ],
)
async def test_calls_are_listed_by_an_index(watched: Watched, wanted: CallFilter, found: int) -> None:
    page = await list_calls(cast(Database, watched), wanted)
    assert len(page.items) == found
    assert watched.touched < ALLOWED


async def test_a_call_to_make_again_is_found_among_many_that_are_not_due(watched: Watched) -> None:
    assert await ReplayQueue(cast(Database, watched)).take([]) is not None
    assert watched.touched < ALLOWED
    assert await ReplayQueue(cast(Database, watched)).take([]) is None


@pytest.mark.parametrize("order", ["oldest", "newest"])
async def test_long_story_is_read_a_page_at_a_time(watched: Watched, order: Order) -> None:
    first = await read_timeline(cast(Database, watched), [1], order=order, kinds=["event", "enrolment_started"])
    assert len(first.items) == 50
    assert watched.touched < ALLOWED
    await read_timeline(cast(Database, watched), [1], order=order, kinds=["event"], cursor=first.cursor)
    assert watched.touched < ALLOWED


async def test_what_a_customer_got_is_counted_without_reading_what_others_got(db: Database, watched: Watched) -> None:
    await db.pool.execute("UPDATE messages SET claimed_at = created_at WHERE customer_id = 7")
    contacts = await read_contacts(watched, 7, since=AT, but="6")
    assert len(contacts) == MANY // 100 - 1
    assert watched.touched < ALLOWED


async def test_why_is_answered_without_reading_about_others(db: Database, watched: Watched) -> None:
    await db.pool.execute(f"""
        INSERT INTO steps (enrolment_id, step, visit, verb, entered_at, result)
        SELECT n, 'send', 1, 'send', '{AT}', '{{"skipped": "not enabled"}}' FROM generate_series(1, {MANY}) n;
        INSERT INTO verdicts (customer_id, journey, verdict, reason, at)
        SELECT 1 + n % 100, 'win_back', 'not_started', 'already in it', '{AT}' FROM generate_series(1, {MANY}) n;
        INSERT INTO message_events (event_id, message_key, report, at, occurred_at)
        SELECT n, n, 'delivered', '{AT}', '{AT}' FROM generate_series(1, {MANY}) n;
        ANALYZE
    """)
    asked = cast(Database, watched)
    assert len(await list_passed_over(asked, range(1, 101), limit=50)) == 50
    assert watched.touched < ALLOWED
    assert [it.times for it in await list_refusals(asked, [7], limit=50)] == [MANY // 100]
    assert watched.touched < ALLOWED
    assert len(await list_reports(asked, [str(n) for n in range(1, 101)])) == 100
    assert watched.touched < ALLOWED
