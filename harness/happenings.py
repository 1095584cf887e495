"""What happened to a customer in one journey, read from PostgreSQL as the simulator would tell it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from language.happening import Happening
from store.database import Database

# `at`, kind, name, channel, subject, text, why.
_HAPPENED = """
WITH own AS (SELECT * FROM enrolments WHERE journey = $1 AND started_at >= $2)
SELECT m.sent_at AS at, 'sent' AS kind, m.message AS name, m.channel, m.subject, m.body AS text, NULL AS why
  FROM own JOIN messages m ON m.enrolment_id = own.id WHERE m.sent_at IS NOT NULL
UNION ALL SELECT created_at, CASE status WHEN 'held' THEN 'held' ELSE 'not_sent' END, message, channel, NULL, NULL,
  m.reason FROM own JOIN messages m ON m.enrolment_id = own.id
  WHERE m.sent_at IS NULL AND m.status NOT IN ('claimed', 'released')
UNION ALL SELECT created_at, 'task', task, NULL, NULL, NULL, NULL FROM own JOIN tasks t ON t.enrolment_id = own.id
UNION ALL SELECT first_at, 'call', destination, NULL, NULL, NULL, c.reason
  FROM own JOIN calls c ON c.enrolment_id = own.id WHERE c.status IN ('done', 'refused')
UNION ALL SELECT s.at, 'start', other.journey, NULL, NULL, NULL, NULL
  FROM own JOIN journey_starts s ON split_part(s.key, '/', 1)::bigint = own.id
  JOIN enrolments other ON other.id = s.enrolment_id
UNION ALL SELECT started_at, 'started', journey, NULL, NULL, NULL, NULL FROM own
UNION ALL SELECT paused_at, 'paused', coalesce(step, ''), NULL, NULL, NULL, reason FROM own WHERE paused_at IS NOT NULL
UNION ALL SELECT ended_at, 'ended', outcome, NULL, NULL, NULL, NULL FROM own WHERE state = 'ended'
UNION ALL SELECT at, CASE verdict WHEN 'ignored' THEN 'ignored' ELSE 'refused' END, journey, NULL, NULL, NULL, reason
  FROM verdicts WHERE journey = $1 AND at >= $2
ORDER BY at
"""


async def happenings(db: Database, journey: str, begins: datetime) -> list[Happening]:
    """Everything since it began, in order: kinds sent, held, not_sent, task, call, start, started, paused, ended,
    refused and ignored."""
    return list(_told(await db.pool.fetch(_HAPPENED, journey, begins), begins))


def _told(rows: list[Any], begins: datetime) -> Iterator[Happening]:
    for row in rows:
        text = f"{row['subject']}\n\n{row['text']}" if row["subject"] else row["text"]
        yield Happening(row["at"] - begins, row["kind"], row["name"], row["channel"], text, row["why"])
