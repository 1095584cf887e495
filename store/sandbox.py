"""What the sandbox has received in a provider's place, kept over restarts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from store.database import Database

OWN = "sandbox"
"""The provider of messages that go through no other one's API."""

ADD = """
INSERT INTO sandbox_messages
  (provider, provider_id, channel, sender, recipient, subject, text, html, details, received_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (provider_id) DO NOTHING
"""

FIND = """
SELECT * FROM sandbox_messages
WHERE provider = $1 AND ($2::text IS NULL OR recipient = $2) AND ($3::text IS NULL OR sender = $3)
  AND ($4::timestamptz IS NULL OR received_at >= $4) AND ($7::text[] IS NULL OR channel = ANY($7))
ORDER BY id DESC LIMIT $5 OFFSET $6
"""

# What a call says that asks us only when somebody has answered is known from our message.
# Wanted: an address or part of one (a few digits are no part), our customer's id, or any identifier of a customer.
SHOW = """
WITH wanted AS (
  SELECT $1::text AS address, array(SELECT customer_id FROM identifiers WHERE value = $1) AS customers
)
SELECT s.id, s.channel, s.sender, s.recipient, s.subject, coalesce(s.text, m.body) AS text, s.html,
  coalesce(m.content, '{}') || jsonb_strip_nulls(s.details) AS details,
  coalesce(m.claimed_at, s.received_at) AS at, m.key, m.customer_id, m.step, m.message, m.segments, m.status, e.journey,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('report', v.report, 'at', v.at, 'text',
    coalesce(v.details ->> 'digits', v.details ->> 'text'))
    ORDER BY v.id), '[]') FROM message_events v WHERE v.message_key = m.key) AS events
FROM wanted, sandbox_messages s
LEFT JOIN messages m ON m.key = s.details ->> 'key'
LEFT JOIN enrolments e ON e.id = m.enrolment_id
WHERE ($1 IS NULL OR ($1 !~ '^[0-9]{1,4}$' AND strpos(lower(s.recipient), lower($1)) > 0) OR m.customer_id::text = $1
    OR m.customer_id = ANY(wanted.customers))
  AND ($2::text IS NULL OR s.channel = $2) AND s.id > $3 AND ($4::bigint IS NULL OR s.id < $4)
ORDER BY s.id DESC LIMIT $5
"""

RING = 25
"""Seconds that a phone rings if its message does not say."""

RUNG_OUT = f"""
SELECT s.id, m.key FROM messages m JOIN sandbox_messages s ON s.provider_id = m.provider_id
WHERE m.channel = 'voice' AND m.status = 'sent'
  AND m.sent_at + coalesce((m.content ->> 'timeout')::int, {RING}) * interval '1 second' <= $1
ORDER BY s.id LIMIT 100
"""


@dataclass(frozen=True, slots=True)
class SandboxAccount:
    """What the sandbox takes for its customers' credentials, and the senders it lends them.

    `webhook_seed`: hex digits from which the key follows that it signs webhooks with.
    """

    account_sid: str
    auth_token: str
    api_key: str
    phone: str = "+15005550006"
    email: str = "Sojourn <hello@sojourn.example>"
    webhook_seed: str = field(default="0", repr=False)

    @classmethod
    def of(cls, database_url: str) -> "SandboxAccount":
        """The account of a database: API and worker find the same, and nobody who does not know the database can."""

        def derived(name: str) -> str:
            return blake2b(database_url.encode(), digest_size=16, person=name.encode()).hexdigest()

        seed = derived("webhook") + derived("webhook, too")
        return cls(f"AC{derived('account')}", derived("token"), f"SG.{derived('key')}", webhook_seed=seed)


@dataclass(frozen=True, slots=True)
class SandboxMessage:
    """`received_at` is wall time, as a provider's would be. `details` holds our `key` and what only answers need."""

    provider: str
    provider_id: str
    channel: str
    sender: str | None
    recipient: str
    subject: str | None
    text: str | None
    html: str | None
    details: dict[str, Any] = field(default_factory=dict)
    received_at: datetime = field(default_factory=lambda: datetime.now(UTC))


class SandboxInbox:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def add(self, messages: list[SandboxMessage]) -> None:
        rows = [
            (
                m.provider,
                m.provider_id,
                m.channel,
                m.sender,
                m.recipient,
                m.subject,
                m.text,
                m.html,
                m.details,
                m.received_at,
            )
            for m in messages
        ]
        await self._db.pool.executemany(ADD, rows)

    async def put(
        self,
        provider_id: str,
        *,
        key: str,
        channel: str,
        sender: str,
        recipient: str,
        subject: str | None,
        text: str,
        content: Mapping[str, Any],
    ) -> None:
        """A message on a channel whose provider is the sandbox itself; the same again changes nothing."""
        details = {"key": key, **content}
        await self.add([SandboxMessage(OWN, provider_id, channel, sender, recipient, subject, text, None, details)])

    async def has(self, provider_id: str) -> bool:
        return await self.get(OWN, provider_id) is not None

    async def get(self, provider: str, provider_id: str) -> SandboxMessage | None:
        row = await self._db.pool.fetchrow(
            "SELECT * FROM sandbox_messages WHERE provider = $1 AND provider_id = $2", provider, provider_id
        )
        return _message(row) if row else None

    async def get_by_id(self, id: int) -> SandboxMessage | None:
        row = await self._db.pool.fetchrow("SELECT * FROM sandbox_messages WHERE id = $1", id)
        return _message(row) if row else None

    async def find(
        self,
        provider: str,
        *,
        recipient: str | None = None,
        sender: str | None = None,
        since: datetime | None = None,
        limit: int = 50,
        offset: int = 0,
        channels: Sequence[str] | None = None,
    ) -> list[SandboxMessage]:
        """Newest first."""
        rows = await self._db.pool.fetch(FIND, provider, recipient, sender, since, limit, offset, channels)
        return [_message(row) for row in rows]

    async def show(
        self,
        *,
        wanted: str | None = None,
        channel: str | None = None,
        after: int = 0,
        before: int | None = None,
        limit: int = 50,
    ) -> list[dict[str, Any]]:
        """Messages with what we know of them, newest first; `after` and `before` are ids. `at` is journey time."""
        wanted = (wanted or "").strip() or None
        return [dict(row) for row in await self._db.pool.fetch(SHOW, wanted, channel, after, before, limit)]

    async def show_one(self, id: int) -> dict[str, Any] | None:
        found = await self.show(after=id - 1, before=id + 1, limit=1)
        return found[0] if found else None

    async def rung_out(self, now: datetime) -> list[tuple[int, str]]:
        """Calls that have rung as long as they would, by journey time, the oldest: their ids and messages' keys."""
        return [tuple(row) for row in await self._db.pool.fetch(RUNG_OUT, now)]


def _message(row: Any) -> SandboxMessage:
    return SandboxMessage(**{name: row[name] for name in SandboxMessage.__slots__})
