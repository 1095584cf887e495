"""Sending: gate, claim, call, record. Whatever dies in between, one message goes out once, or is accounted for."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from prometheus_client import Counter, Histogram
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.account_circuits import AccountCircuits
from activities.channel import (
    AccountTrouble,
    Ambiguous,
    Channel,
    DeadAddress,
    NotAccepted,
    NotPermitted,
    OptedOut,
    Outgoing,
    Refused,
    Route,
    SendError,
)
from activities.clock import journey_now
from activities.resolving import CALL_MARGIN, Resolving, Unsure
from language.circuit import WAITING, Standing
from language.customer_pages import Whose
from language.gate import MessageGate
from language.message import Message
from language.opt_out_offer import OptOutOffer
from language.policy import Policy
from language.port import Receipt, SendMessage
from language.sending import DEAD_ADDRESS, Claim, Claimed, Draft, Hold, InFlight, Ledger, Result, Unresolved
from language.tracked_links import Link

Messages = Callable[[str, int, str], Awaitable[Message]]
"""The message of a journey's version: journey, version, message id. Versions never change, so it may be cached."""

Policies = Callable[[], Awaitable[Policy]]
"""The contact policy that holds now."""

ATTEMPTS = 5
"""How often Temporal tries again by itself before the enrolment waits instead, where exits and goals reach it."""

LONGEST_RETRY = timedelta(seconds=60)
HOLD = timedelta(minutes=1)
HOLD_FOR_ACCOUNT, LONGEST_HOLD_FOR_ACCOUNT = timedelta(minutes=5), timedelta(hours=1)
LONGEST_NOT_PERMITTED, LEAST_NOT_PERMITTED = timedelta(days=3), 24
"""What our set-up does not let out, while others go, has failed after so long and so many attempts."""

AT_ONCE = timedelta(milliseconds=50)

SENDS = Counter("sojourn_sends", "What became of sends.", ["channel", "verdict"])
TROUBLES = Counter("sojourn_send_errors", "What providers answered instead of accepting.", ["channel", "kind"])
CALL_SECONDS = Histogram("sojourn_provider_seconds", "How long a provider took to accept.", ["channel"])

log = structlog.get_logger()


class MessagingActivities:
    """`link` makes tracked links, `offer` tells the pages on which customers choose what they get. All of it is
    asked for: whoever forgot the policy would send without one. `hit` names the points at which tests and
    `scripts/chaos` kill a worker."""

    def __init__(
        self,
        ledger: Ledger,
        routes: Mapping[str, Route],
        messages: Messages,
        *,
        circuits: AccountCircuits,
        policies: Policies,
        link: Callable[[str], Link],
        offer: Callable[[Whose], OptOutOffer],
        hit: Callable[[str], None] = lambda point: None,
    ) -> None:
        self._ledger = ledger
        self._routes = routes
        self._circuits = circuits
        self._messages = messages
        self._policies = policies
        self._hit = hit
        self._link = link
        self._offer = offer

    @activity.defn
    async def send_message(self, send: SendMessage) -> Receipt:
        """Send one message on one channel, or decide not to. Safe to repeat at any point."""
        journey_now(send.at, send.pace)  # its clock runs from here
        route = self._routes[send.channel]
        message = await self._messages(send.journey, send.version, send.message)
        policy = await self._policies()
        way = await choose(self._circuits, route, send.channel, is_urgent=message.class_ == "transactional")
        now = journey_now(send.at, send.pace)  # nothing is waited for from here to the claim
        channel, away = way.channel, way.hold(send, message.class_, now, self._circuits.draw())
        gate = MessageGate(
            send, message, channel.provider, channel.sender, now, self._link, policy, self._offer, way.account, away
        )
        try:
            receipt = await Sending(self._ledger, route, way, self._circuits, send, gate, now, self._hit).run()
        finally:
            if way.is_probe:
                await self._circuits.give_back(send.channel, way.account)
        SENDS.labels(send.channel, receipt.verdict).inc()
        return receipt


@dataclass(frozen=True, slots=True)
class Way:
    """The account that a message goes by. `is_probe`: it alone, to see whether the account works again; `away`: no
    account takes messages, and how the one stands that does soonest."""

    account: str
    channel: Channel
    is_probe: bool = False
    away: Standing | None = None

    def hold(self, send: SendMessage, message_class: str, now: datetime, draw: float) -> Hold | None:
        if self.away is None:
            return None
        until = now + self.away.stay_away(message_class, draw) * send.pace.speed
        return Hold(until, WAITING + self.away.reason)


async def choose(circuits: AccountCircuits, route: Route, channel: str, *, is_urgent: bool) -> Way:
    """The first account that takes messages, or may be tried. Somebody waits for what is urgent: while another account
    takes it, it tries none, unless nothing else has done so for long."""
    standings = {account: await circuits.standing(channel, account) for account in route.by_account}
    spares = is_urgent and None in standings.values()
    for account, standing in standings.items():
        if standing is None:
            return Way(account, route.by_account[account])
        may_try = standing.is_overdue if spares else standing.may_try
        if may_try and await circuits.take_probe(standing):
            return Way(account, route.by_account[account], is_probe=True)
    soonest = min((it for it in standings.values() if it is not None), key=lambda it: it.left)
    return Way(soonest.account, route.by_account[soonest.account], away=soonest)


@dataclass(frozen=True, slots=True)
class Sending:
    """One attempt of the activity at one message. `now` is journey time when it began."""

    ledger: Ledger
    route: Route
    way: Way
    circuits: AccountCircuits
    send: SendMessage
    gate: MessageGate
    now: datetime
    hit: Callable[[str], None]

    async def run(self) -> Receipt:
        began = asyncio.get_running_loop().time()
        claim = await self._claim()
        if isinstance(claim, Unresolved):
            began = asyncio.get_running_loop().time()
            claim = await self._resolve(claim)
        if isinstance(claim, InFlight):
            raise again("an earlier attempt is not over", claim.wait)
        if isinstance(claim, Claimed):
            return await self._call(claim, began)
        assert isinstance(claim, Receipt)
        return claim

    async def _claim(self, not_accepted: int | None = None) -> Claim:
        return await self.ledger.claim(
            self.send,
            self.gate,
            now=self.now,
            call_window=self._call_window,
            settle=self.route.settle,
            not_accepted=not_accepted,
        )

    async def _call(self, claimed: Claimed, began: float) -> Receipt:
        """Call the provider once. `began`: before the claim, so that the deadline ends before `call_until` does."""
        self.hit("worker.claimed")
        loop = asyncio.get_running_loop()
        channel = self.way.channel
        within = began + channel.call_timeout.total_seconds() - loop.time()
        try:
            if within <= 0:
                raise NotAccepted("claiming took too long")
            called = loop.time()
            accepted = await channel.send(self._outgoing(claimed.draft), within=within)
        except SendError as error:
            await self._tell(error)
            return await self._failed(claimed.attempt, error)
        CALL_SECONDS.labels(self.send.channel).observe(loop.time() - called)
        self.hit("worker.called")
        result = Result("sent", provider_id=accepted.provider_id, segments=accepted.segments)
        receipt = await self._record(claimed.attempt, result)
        self.hit("worker.recorded")
        await self._tell(None)
        return receipt

    async def _tell(self, error: SendError | None) -> None:
        await self.circuits.told(self.send.channel, self.way.account, error, is_probe=self.way.is_probe)

    async def _failed(self, attempt: int, error: SendError) -> Receipt:
        """Record what the error means; nothing is recorded where nothing is known."""
        TROUBLES.labels(self.send.channel, type(error).__name__).inc()
        match error:
            case NotAccepted():
                return await self._not_accepted(attempt, error)
            case AccountTrouble():
                return await self._in_trouble(attempt, error)
            case DeadAddress():
                return await self._record(attempt, Result("undeliverable", f"{DEAD_ADDRESS}: {error.reason}"))
            case OptedOut():
                return await self._record(attempt, Result("suppressed", error.reason, opts_out=True))
            case Refused():
                return await self._record(attempt, Result("failed", error.reason))
            case _:
                raise again(error.reason, self._call_window + self.route.settle)

    async def _in_trouble(self, attempt: int, error: AccountTrouble) -> Receipt:
        """Surely refused for our own set-up: by another account, or when this one is mended."""
        channel, account = self.send.channel, self.way.account
        standing = None if isinstance(error, NotPermitted) else await self.circuits.standing(channel, account)
        if standing is None:
            log.error("channel.account_trouble", channel=channel, account=account, reason=error.reason)
            if isinstance(error, NotPermitted) and self._has_tried_enough(attempt):
                return await self._record(attempt, Result("failed", error.reason))
            return await self._hold(attempt, error.reason, self._gap)
        if await self.circuits.is_free(channel, self.route, but=account):
            await self._record(attempt, Result("released", error.reason))
            raise again(error.reason, AT_ONCE)
        wait = standing.stay_away(self.gate.message_class, self.circuits.draw())
        return await self._hold(attempt, WAITING + error.reason, wait)

    async def _not_accepted(self, attempt: int, error: NotAccepted) -> Receipt:
        """The claim is released: whoever comes next passes the whole gate again."""
        if self._is_patient(error.retry_after):
            await self._record(attempt, Result("released", error.reason))
            raise again(error.reason, error.retry_after)
        return await self._hold(attempt, error.reason, error.retry_after or HOLD)

    async def _hold(self, attempt: int, reason: str, real: timedelta) -> Receipt:
        await self._record(attempt, Result("held", reason))
        return self._held(reason, real)

    async def _resolve(self, unresolved: Unresolved) -> Claim:
        """An attempt that nobody recorded: adopt it, begin anew, or leave it by the message's own policy.

        Only the account that it went by is asked, and before anything goes out by another.
        """
        resolving = Resolving(self.ledger, self.route, self.send, lambda: journey_now(self.send.at, self.send.pace))
        try:
            found = await resolving.run(unresolved, self._outgoing(unresolved.draft))
        except SendError as error:
            TROUBLES.labels(self.send.channel, "look_up").inc()
            if isinstance(error, Ambiguous | NotAccepted) and self._is_patient(None):
                raise again(f"look-up: {error.reason}") from None
            return self._held(f"look-up: {error.reason}", HOLD)
        if found == "none":
            return await self._claim(not_accepted=unresolved.attempt)
        if isinstance(found, Unsure):
            return await self._unsure(unresolved, found.reason)
        return found

    async def _unsure(self, unresolved: Unresolved, reason: str) -> Claim:
        log.warning("message.unsure", key=self.send.key, reason=reason, policy=self.send.if_unsure)
        if self.send.if_unsure == "rather_twice":
            return await self._claim(not_accepted=unresolved.attempt)
        return await self._record(unresolved.attempt, Result("unknown", reason))

    async def _record(self, attempt: int, result: Result) -> Receipt:
        now = journey_now(self.send.at, self.send.pace)
        return await self.ledger.record(self.send, attempt, result, now=now)

    def _held(self, reason: str, real: timedelta) -> Receipt:
        """Tried again `real` from now, or when it has been valid for long enough, if that is sooner."""
        now, last = journey_now(self.send.at, self.send.pace), self.send.valid_until
        retry_at = now + real * self.send.pace.speed
        if last is not None and now < last < retry_at:
            retry_at = last
        return Receipt(verdict="held", reason=reason, retry_at=retry_at)

    def _outgoing(self, draft: Draft) -> Outgoing:
        return Outgoing.of(self.send.key, self.send.channel, draft, self.gate.message_class, self._lasts)

    @property
    def _lasts(self) -> timedelta | None:
        if self.send.valid_until is None:
            return None
        return max(self.send.valid_until - self.now, timedelta()) / self.send.pace.speed

    @property
    def _age(self) -> timedelta:
        """How long ago it fell due, in real time."""
        return (self.now - self.send.due_at) / self.send.pace.speed

    @property
    def _gap(self) -> timedelta:
        """Until our own set-up may have been mended."""
        return min(max(self._age / 4, HOLD_FOR_ACCOUNT), LONGEST_HOLD_FOR_ACCOUNT)

    def _has_tried_enough(self, attempt: int) -> bool:
        return self._age >= LONGEST_NOT_PERMITTED and attempt >= LEAST_NOT_PERMITTED

    @property
    def _call_window(self) -> timedelta:
        return self.route.call_timeout * CALL_MARGIN

    def _is_patient(self, hint: timedelta | None) -> bool:
        return activity.info().attempt < ATTEMPTS and (hint or timedelta()) <= LONGEST_RETRY


def again(reason: str, after: timedelta | None = None) -> ApplicationError:
    """Temporal shall run the activity again, `after` from now or by its retry policy."""
    return ApplicationError(reason, type="NotYet", next_retry_delay=after, category=ApplicationErrorCategory.BENIGN)
