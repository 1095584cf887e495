"""What became of an attempt that nobody recorded: its account is asked, and what went out is adopted."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from activities.channel import AccountTrouble, Outgoing, Route, Unknowable
from language.port import Receipt
from language.sending import Identified, InFlight, Ledger, Result, Unresolved

CALL_MARGIN = 1.2
"""`call_until` is later than the HTTP deadline by this factor."""


@dataclass(frozen=True, slots=True)
class Unsure:
    """It may or may not have gone out, and nobody will ever tell."""

    reason: str


@dataclass(frozen=True, slots=True)
class Resolving:
    """Of one message; it sends nothing. `now` is the journey's."""

    ledger: Ledger
    route: Route
    message: Identified
    now: Callable[[], datetime]

    async def run(self, unresolved: Unresolved, outgoing: Outgoing) -> Receipt | InFlight | Unsure | Literal["none"]:
        """`none`: nothing of it went out. A receipt: it did and is adopted, or somebody else has settled it meanwhile.

        Raises Overtaken, and a `SendError` when the account could not be asked this time.
        """
        channel = self.route.of(unresolved.account)
        if channel is None:
            raise AccountTrouble(f"the account {unresolved.account} is not configured any more")
        try:
            sighting = await channel.look_up(outgoing, since=unresolved.called_at)
        except Unknowable as error:
            return Unsure(error.reason)
        ids, now = sighting.provider_ids, self.now()
        if ids and sighting.is_proof:
            result = Result("sent", provider_id=ids[0])
            return await self.ledger.record(self.message, unresolved.attempt, result, now=now)
        settle = self.route.settle
        adopted = await self.ledger.adopt(self.message, unresolved, ids, settle=settle, now=now)
        if adopted == "unclear":
            return Unsure("the provider shows messages that are alike, but not which is which")
        return adopted
