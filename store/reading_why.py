"""What bears on why a customer did or did not get into a journey, or get a message."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from store.database import Database

# Of refusals that are alike the newest speaks for all.
_REFUSALS = """
SELECT journey, reason, max(at) AS at, count(*) AS times FROM verdicts
WHERE customer_id = ANY($1::bigint[]) AND verdict = 'not_started'
GROUP BY journey, reason ORDER BY max(at) DESC, journey LIMIT $2
"""

_REPORTS = """
SELECT message_key, report, details, at, occurred_at FROM message_events
WHERE message_key = ANY($1::text[]) ORDER BY at, id
"""

_PASSED_OVER = """
SELECT enrolment_id, step, visit, entered_at AS at, result ->> 'skipped' AS reason FROM steps
WHERE enrolment_id = ANY($1::bigint[]) AND verb IN ('send', 'cascade') AND result ? 'skipped'
ORDER BY entered_at DESC, number DESC LIMIT $2
"""

# The versions that the customer has been in, and those that are live.
_SENDERS = """
SELECT journey, version, state = 'live' AS is_live, definition FROM journey_versions
WHERE messages ? $2 AND (state = 'live' OR (journey, version) IN (
    SELECT journey, version FROM enrolments WHERE customer_id = ANY($1::bigint[])))
ORDER BY journey, version
"""


@dataclass(frozen=True, slots=True)
class RefusalRecord:
    """That a customer did not enter a journey: `times` for this reason, most recently `at`."""

    journey: str
    reason: str
    at: datetime
    times: int


@dataclass(frozen=True, slots=True)
class ReportRecord:
    """What was reported of a message."""

    message_key: str
    report: str
    details: dict[str, Any]
    at: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class PassedOverRecord:
    """A visit of a step that would have sent something, and was passed over."""

    enrolment_id: int
    step: str
    visit: int
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class SenderRecord:
    """A version of a journey that has a message. `definition` is JSON."""

    journey: str
    version: int
    is_live: bool
    definition: str


async def list_refusals(db: Database, family: Sequence[int], *, limit: int) -> list[RefusalRecord]:
    """The newest first. `family` are the ids under which the customer's rows may stand."""
    return [RefusalRecord(**row) for row in await db.pool.fetch(_REFUSALS, list(family), limit)]


async def list_reports(db: Database, keys: Sequence[str]) -> list[ReportRecord]:
    """What was reported of these messages, in the order in which it came."""
    return [ReportRecord(**row) for row in await db.pool.fetch(_REPORTS, list(keys))]


async def list_passed_over(db: Database, enrolment_ids: Sequence[int], *, limit: int) -> list[PassedOverRecord]:
    """The newest first."""
    return [PassedOverRecord(**row) for row in await db.pool.fetch(_PASSED_OVER, list(enrolment_ids), limit)]


async def list_senders(db: Database, family: Sequence[int], message: str) -> list[SenderRecord]:
    """Who could send a message of that id to the customer."""
    return [SenderRecord(**row) for row in await db.pool.fetch(_SENDERS, list(family), message)]
