"""The messages: who claims one may call its provider. One transaction decides, holding customer and enrolment."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from language.cap import Contact
from language.lot import EVERYWHERE
from language.message_event import REPORTS
from language.port import Receipt, SendMessage, Verdict
from language.sending import (
    DEAD_ADDRESS,
    Addressee,
    Adoption,
    Claim,
    Claimed,
    Consent,
    Draft,
    Gate,
    Identified,
    InFlight,
    Judgement,
    Overtaken,
    Refusal,
    Result,
    Unresolved,
)
from language.spending import Charge, Filling
from store.address_locks import share_address
from store.address_words import REPLY
from store.arms import everywhere
from store.budgets import CORRECTED, charged, find_used_up, mark_used_up, refund, take
from store.contacts import are_in_a_row, read_contacts
from store.database import Database
from store.facts import lock_customer
from store.links import write_links
from store.progress import EnrolmentStanding, write_progress
from store.reporting import IN_DOUBT, LET_GO
from store.retry import retried

VERDICT_BY_STATUS: dict[str, Verdict] = {
    "sent": "sent",
    **dict.fromkeys(REPORTS, "sent"),
    "suppressed": "suppressed",
    "undeliverable": "undeliverable",
    "expired": "expired",
    "failed": "failed",
    "held_out": "held_out",
    "unknown": "unknown",
}
"""The final ones. Not final: held, claimed, released."""

CUSTOMER = """
SELECT id, traits, locale, time_zone, merged_into FROM customers WHERE id = $1 FOR NO KEY UPDATE
"""

# After the locks, so that its snapshot holds whatever was committed by those who had them before.
STANDING_OF_MESSAGE = """
SELECT m.*, clock_timestamp() AS wall,
  (SELECT jsonb_agg(jsonb_build_array(c.channel, c.topic, c.state)) FROM (
     SELECT DISTINCT ON (channel, topic) channel, topic, state FROM consents
     WHERE customer_id = $2 AND (channel = $3 OR channel IS NULL) AND (topic IN ($4, '*') OR topic IS NULL)
       AND state <> 'pending'
     ORDER BY channel, topic, at DESC, id DESC) c) AS consents,
  (SELECT source FROM suppressions
     WHERE channel = $3 AND address = CASE WHEN $3 = 'email' THEN lower($5) ELSE $5 END AND lifted_at IS NULL
  ) AS suppressed_by,
  CASE WHEN $6 THEN (SELECT arm FROM arms WHERE customer_id = $2 AND experiment = $7) END AS arm
FROM (SELECT 1) AS always LEFT JOIN messages m ON m.key = $1
"""

WRITE = """
INSERT INTO messages (key, enrolment_id, customer_id, step, visit, channel, message, message_class, topic, provider,
  recipient, sender, subject, body, html, segments, digest, cost, status, reason, attempt, created_at, claimed_at,
  call_until, content, charged, account)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19::text, $20, $21, $22,
  CASE WHEN $19::text = 'claimed' THEN $22::timestamptz END,
  CASE WHEN $19::text = 'claimed' THEN clock_timestamp() + $23::interval END, $25, $26,
  CASE WHEN $19::text = 'claimed' THEN $27::text END)
ON CONFLICT (key) DO UPDATE SET
  customer_id = EXCLUDED.customer_id, status = EXCLUDED.status, reason = EXCLUDED.reason, attempt = EXCLUDED.attempt,
  recipient = coalesce(EXCLUDED.recipient, messages.recipient), sender = coalesce(EXCLUDED.sender, messages.sender),
  subject = coalesce(EXCLUDED.subject, messages.subject), body = coalesce(EXCLUDED.body, messages.body),
  html = coalesce(EXCLUDED.html, messages.html), segments = coalesce(EXCLUDED.segments, messages.segments),
  digest = coalesce(EXCLUDED.digest, messages.digest), cost = EXCLUDED.cost,
  claimed_at = coalesce(EXCLUDED.claimed_at, messages.claimed_at), call_until = EXCLUDED.call_until,
  content = coalesce(EXCLUDED.content, messages.content), charged = EXCLUDED.charged,
  provider = CASE WHEN EXCLUDED.status = 'claimed' THEN EXCLUDED.provider ELSE messages.provider END,
  account = CASE WHEN EXCLUDED.status = 'claimed' THEN EXCLUDED.account ELSE messages.account END
WHERE messages.attempt = $24 AND messages.status = $28
"""

# Locked in the order of their keys: of several look-ups of messages alike, one after the other decides. Of calls and
# WhatsApp's templates a provider shows no words: all to one number are alike, also one that remained unknown just now.
ALIKE = """
SELECT key, digest, provider_id, call_until, clock_timestamp() AS wall FROM messages
WHERE key = $1 OR provider_id = ANY($4::text[]) OR recipient = $2 AND channel = $5 AND provider_id IS NULL AND (
  status = 'claimed' AND (digest = $3 OR channel IN ('voice', 'whatsapp'))
  OR status = 'unknown' AND channel IN ('voice', 'whatsapp') AND call_until > clock_timestamp() - interval '1 hour')
  AND coalesce(account, 'main') = coalesce($6::text, 'main')
ORDER BY key FOR NO KEY UPDATE
"""
NO_TIME = timedelta()

ENDING = "SELECT outcome FROM enrolments WHERE id = $1 AND state <> 'active'"

# That the provider has taken it holds also where a look-up had missed it, and the message was let go.
RECORD = f"""
WITH before AS (
  SELECT cost FROM messages WHERE key = $1
), recorded AS (
  UPDATE messages SET status = $3::text, reason = $4::text, provider_id = coalesce($5, provider_id),
    segments = coalesce($6, segments), cost = CASE WHEN $3::text IN ('sent', 'unknown') THEN
      cost * coalesce($6, segments, 1) / coalesce(segments, 1) END,
    sent_at = CASE WHEN $3::text = 'sent' THEN $7::timestamptz END
  WHERE key = $1 AND attempt = $2 AND (status = 'claimed' OR $3::text = 'sent' AND status = ANY($9::text[]))
  RETURNING customer_id, channel, recipient, status, reason, cost, charged
), corrected AS ({CORRECTED}), dead AS (
  INSERT INTO suppressions (channel, address, reason, source, at)
  SELECT channel, CASE WHEN channel = 'email' THEN lower(recipient) ELSE recipient END, reason, 'answer',
    $7::timestamptz
  FROM recorded WHERE status = 'undeliverable' AND starts_with(reason, '{DEAD_ADDRESS}')
  ON CONFLICT (address, channel) DO UPDATE SET reason = excluded.reason, source = excluded.source, at = excluded.at,
    lifted_at = NULL
  WHERE suppressions.lifted_at IS NOT NULL OR suppressions.source <> '{REPLY}'
), opted_out AS (
  INSERT INTO consents (customer_id, channel, state, source, evidence, at)
  SELECT customer_id, channel, 'opted_out', 'provider', $4::text, $7::timestamptz FROM recorded WHERE $8
)
SELECT status, reason FROM recorded
"""

# A report about the message may come before the provider's answer is recorded; what else the answer said still counts.
SETTLED_BEFORE = """
WITH completed AS (
  UPDATE messages SET provider_id = coalesce(provider_id, $3::text), segments = coalesce($4, segments)
  WHERE key = $1 AND attempt = $2 AND status <> 'claimed' AND $3::text IS NOT NULL
)
SELECT status, reason FROM messages WHERE key = $1
"""


@dataclass(frozen=True, slots=True)
class Found:
    """The message as it stands, and what bears on whether it may go out."""

    row: asyncpg.Record
    consents: tuple[Consent, ...]

    @property
    def attempt(self) -> int:
        return self.row["attempt"] or 0

    @property
    def receipt(self) -> Receipt | None:
        verdict = VERDICT_BY_STATUS.get(self.row["status"])
        return Receipt(verdict=verdict, reason=self.row["reason"]) if verdict else None

    def in_doubt(self, not_accepted: int | None, call_window: timedelta, settle: timedelta) -> Claim | None:
        """What to do first about an attempt that was claimed and never recorded."""
        row = self.row
        if row["status"] != "claimed" or row["attempt"] == not_accepted:
            return None
        if (wait := row["call_until"] + settle - row["wall"]) > timedelta():
            return InFlight(wait)
        texts = (row["subject"], row["body"], row["html"])
        draft = Draft(row["recipient"], row["sender"], *texts, row["segments"], content=row["content"] or {})
        return Unresolved(row["attempt"], draft, row["call_until"] - call_window, row["account"])


class MessageLedger:
    """See `language.sending.Ledger`. `watch` is told of each budget that a claim was charged to, or found used up."""

    def __init__(self, db: Database, *, watch: Callable[[Filling], None] = lambda filling: None) -> None:
        self._db, self._watch = db, watch

    async def claim(
        self,
        send: SendMessage,
        gate: Gate,
        *,
        now: datetime,
        call_window: timedelta,
        settle: timedelta,
        not_accepted: int | None = None,
    ) -> Claim:
        async def attempt() -> tuple[Claim, list[Filling]]:
            async with self._db.pool.acquire() as connection, connection.transaction():
                claiming = Claiming(connection, send, gate, now, call_window)
                return await claiming.run(settle, not_accepted), claiming.fillings

        claim, fillings = await retried(attempt)
        for filling in fillings:
            self._watch(filling)
        return claim

    async def record(self, send: Identified, attempt: int, result: Result, *, now: datetime) -> Receipt:
        async def write() -> Receipt:
            async with self._db.pool.acquire() as connection:
                if not result.opts_out:
                    return await _record(connection, send, attempt, result, now)
                # As every withdrawal: once it is written, nobody claims who has not seen it.
                async with connection.transaction():
                    await lock_customer(connection, send.customer_id)
                    return await _record(connection, send, attempt, result, now)

        return await retried(write)

    async def adopt(
        self,
        send: Identified,
        unresolved: Unresolved,
        provider_ids: tuple[str, ...],
        *,
        settle: timedelta,
        now: datetime,
    ) -> Adoption:
        async def write() -> Adoption:
            async with self._db.pool.acquire() as connection, connection.transaction():
                return await _adopt(connection, send, unresolved, provider_ids, settle, now)

        return await retried(write)


async def _adopt(
    connection: Any,
    send: Identified,
    unresolved: Unresolved,
    provider_ids: tuple[str, ...],
    settle: timedelta,
    now: datetime,
) -> Adoption:
    draft = unresolved.draft
    alike = await connection.fetch(
        ALIKE, send.key, draft.recipient, draft.digest, provider_ids, send.channel, unresolved.account
    )
    owned = {row["provider_id"] for row in alike}
    rivals = [row for row in alike if row["provider_id"] is None and row["key"] != send.key]
    free = [id for id in provider_ids if id not in owned]
    if not free:
        return "none"
    if (wait := max((row["call_until"] + settle - row["wall"] for row in rivals), default=NO_TIME)) > NO_TIME:
        return InFlight(wait)
    if len(free) != len(rivals) + 1 and not _are_interchangeable(free, rivals, unresolved):
        return "unclear"
    return await _record(connection, send, unresolved.attempt, Result("sent", provider_id=free[0]), now)


def _are_interchangeable(free: list[str], rivals: list[asyncpg.Record], unresolved: Unresolved) -> bool:
    """Whether it does not matter which of these messages an id stands for, and each id can stand for one."""
    return len(free) <= len(rivals) and all(row["digest"] == unresolved.draft.digest for row in rivals)


async def _record(connection: Any, send: Identified, attempt: int, result: Result, now: datetime) -> Receipt:
    row = await connection.fetchrow(
        RECORD,
        send.key,
        attempt,
        result.status,
        result.reason,
        result.provider_id,
        result.segments,
        now,
        result.opts_out,
        [*IN_DOUBT, *LET_GO],
    ) or await connection.fetchrow(SETTLED_BEFORE, send.key, attempt, result.provider_id, result.segments)
    if row is None or row["status"] == "claimed":
        raise Overtaken(send.key)
    return Receipt(verdict=VERDICT_BY_STATUS.get(row["status"], "held"), reason=row["reason"])


@dataclass(frozen=True, slots=True)
class Claiming:
    """One claiming transaction."""

    connection: Any
    send: SendMessage
    gate: Gate
    now: datetime
    call_window: timedelta
    fillings: list[Filling] = field(default_factory=list)

    async def run(self, settle: timedelta, not_accepted: int | None) -> Claim:
        addressee = await self._lock_customer(self.send.customer_id)
        standing = await write_progress(self.connection, self.send.progress)
        recipient = self.gate.recipient(addressee)
        found = await self._find(addressee, recipient)
        settled = found.receipt or found.in_doubt(not_accepted, self.call_window, settle)
        if settled is not None:
            return settled
        if found.row["charged"] is not None and found.row["cost"] is not None:
            await refund(self.connection, self.send.key)
        barred = await self._barred(standing, addressee, found)
        if barred is not None:
            return barred
        contacts = await self._contacts(addressee)
        in_a_row = await self._is_in_a_row(addressee)
        judged = self.gate.judge(
            addressee,
            recipient,
            found.consents,
            is_dead=found.row["suppressed_by"] not in (None, REPLY),
            contacts=contacts,
            is_in_a_row=in_a_row,
            is_held_out=await self._is_held_out(addressee, found),
        )
        return await self._take(addressee, found, judged, contacts)

    async def _is_held_out(self, addressee: Addressee, found: Found) -> bool:
        """From all journeys: drawn with the customer's first message that this concerns, then kept."""
        if not self.gate.control:
            return False
        enrolment_id = self.send.progress.enrolment_id
        return await everywhere(
            self.connection, addressee.id, enrolment_id, found.row["arm"], control=self.gate.control, at=self.now
        )

    async def _contacts(self, addressee: Addressee) -> tuple[Contact, ...]:
        """What the customer got before, where it counts: whoever else claims waits for the customer's row."""
        since = self.gate.counts_since
        if since is None:
            return ()
        return await read_contacts(self.connection, addressee.id, since=since, but=self.send.key)

    async def _is_in_a_row(self, addressee: Addressee) -> bool:
        many = self.gate.in_a_row
        return many is not None and await are_in_a_row(self.connection, addressee.id, many=many, but=self.send.key)

    async def _lock_customer(self, customer_id: int) -> Addressee:
        """The customer, locked; the one that it was merged into, if it was."""
        row = await self.connection.fetchrow(CUSTOMER, customer_id)
        if row["merged_into"] is not None:
            return await self._lock_customer(row["merged_into"])
        return Addressee(row["id"], row["traits"], row["locale"], row["time_zone"])

    async def _find(self, addressee: Addressee, recipient: str | Refusal) -> Found:
        channel, address = self.send.channel, None if isinstance(recipient, Refusal) else recipient
        if address is not None:
            await share_address(self.connection, channel, address)
        row = await self.connection.fetchrow(
            STANDING_OF_MESSAGE,
            self.send.key,
            addressee.id,
            channel,
            self.gate.topic,
            address,
            bool(self.gate.control),
            EVERYWHERE,
        )
        return Found(row, self._consents(row))

    def _consents(self, row: asyncpg.Record) -> tuple[Consent, ...]:
        """The customer's own words, and the STOP of whoever has the number, which only START from there takes back."""
        stopped = (Consent(self.send.channel, None, "opted_out"),) if row["suppressed_by"] == REPLY else ()
        return (*stopped, *(Consent(*consent) for consent in row["consents"] or ()))

    async def _barred(self, standing: EnrolmentStanding, addressee: Addressee, found: Found) -> Receipt | None:
        """Why the enrolment itself lets nothing go out now. Written down, except where the run will decide again."""
        enrolment = standing.enrolment
        if enrolment is None or enrolment.state != "active":
            return await self._closed(addressee, found)
        if enrolment.last_seq > self.send.progress.seen_seq:
            if found.row["status"] == "claimed":
                await self._write(addressee, found, "released", "something happened meanwhile")
            return Receipt(verdict="behind", unseen=standing.unseen)
        if enrolment.paused_at is not None or enrolment.suspended_by is not None:
            reason = "the enrolment is paused" if enrolment.paused_at else "another journey has displaced this one"
            await self._write(addressee, found, "held", reason)
            return Receipt(verdict="paused", reason=reason)
        return None

    async def _closed(self, addressee: Addressee, found: Found) -> Receipt:
        """The enrolment has ended, which settles the message; or another run has it, which will say so itself."""
        ended = await self.connection.fetchrow(ENDING, self.send.progress.enrolment_id)
        if ended is None:
            return Receipt(verdict="closed", reason="another run has the enrolment")
        reason = f"the enrolment had ended: {ended['outcome']}"
        await self._write(addressee, found, "suppressed", reason)
        return Receipt(verdict="closed", reason=reason)

    async def _take(
        self, addressee: Addressee, found: Found, judged: Judgement, contacts: tuple[Contact, ...]
    ) -> Claim:
        if isinstance(judged, Draft):
            over = await self._claimed(addressee, found, judged)
            if over is None:
                return Claimed(found.attempt + 1, judged)
            judged = self.gate.over_budget(over, addressee, contacts)
        if isinstance(judged, Refusal):
            await self._write(addressee, found, judged.verdict, judged.reason)
            return Receipt(verdict=judged.verdict, reason=judged.reason)
        await self._write(addressee, found, "held", judged.reason)
        return Receipt(verdict="held", reason=judged.reason, retry_at=judged.until)

    async def _claimed(self, addressee: Addressee, found: Found, draft: Draft) -> Charge | None:
        """Claim it and take its cost from the budgets; nothing is claimed where a charge does not fit."""
        charges = self.gate.charges(draft)
        over, is_told = await find_used_up(self.connection, charges)
        if over is None:
            if charges:
                await self.connection.execute("SAVEPOINT unclaimed")
            await self._write(addressee, found, "claimed", None, draft, charges)
            await write_links(self.connection, self.send.key, draft.links, self.now)
            taken = await take(self.connection, charges)
            if not isinstance(taken, Charge):
                self.fillings.extend(taken)
                return None
            over = taken
            await self.connection.execute("ROLLBACK TO SAVEPOINT unclaimed")
        if not is_told:
            self.fillings.extend(await mark_used_up(self.connection, over))
        return over

    async def _write(
        self,
        addressee: Addressee,
        found: Found,
        status: str,
        reason: str | None,
        draft: Draft | None = None,
        charges: tuple[Charge, ...] = (),
    ) -> None:
        send, gate = self.send, self.gate
        written = await self.connection.execute(
            WRITE,
            send.key,
            send.progress.enrolment_id,
            addressee.id,
            send.step,
            send.visit,
            send.channel,
            send.message,
            gate.message_class,
            gate.topic,
            gate.provider,
            *_columns(draft),
            status,
            reason,
            found.attempt + (draft is not None),
            self.now,
            self.call_window,
            found.attempt,
            draft.content if draft else None,
            charged(charges),
            gate.account,
            found.row["status"],
        )
        if written == "INSERT 0 0":
            raise Overtaken(send.key)


def _columns(draft: Draft | None) -> tuple[Any, ...]:
    if draft is None:
        return (None,) * 8
    content = (draft.recipient, draft.sender, draft.subject, draft.text, draft.html)
    return *content, draft.segments, draft.digest, draft.cost
