"""Journeys that journeys start: the enrolment is made in the transaction that asks whether it may be."""

from typing import Any

from language.port import Answer, StartJourney
from store.database import Database
from store.deeds import permitted
from store.enrolling import Enrol, Enrolling, EnrolmentRefusedError
from store.facts import lock_customer
from store.retry import retried

_KNOWN = "SELECT enrolment_id, reason FROM journey_starts WHERE key = $1"
_KEEP = "INSERT INTO journey_starts (key, enrolment_id, reason, at) VALUES ($1, $2, $3, $4)"


class JourneyStarts:
    """See `activities.enrolling.Starts`."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._enrolling = Enrolling()

    async def start_journey(self, deed: StartJourney) -> Answer:
        async def attempt() -> Answer:
            async with self._db.pool.acquire() as connection, connection.transaction():
                return await self._start(connection, deed)

        return await retried(attempt)

    async def _start(self, connection: Any, deed: StartJourney) -> Answer:
        customer_id = await lock_customer(connection, deed.customer_id)
        barred = await permitted(connection, deed)
        known = await connection.fetchrow(_KNOWN, deed.key)
        if known is not None:
            return _answer(known["enrolment_id"], known["reason"])
        if barred is not None:
            return barred
        enrolment_id, reason = await self._enrol(connection, deed, customer_id)
        await connection.execute(_KEEP, deed.key, enrolment_id, reason, deed.at)
        return _answer(enrolment_id, reason)

    async def _enrol(self, connection: Any, deed: StartJourney, customer_id: int) -> tuple[int | None, str | None]:
        """The new enrolment's id, or why there is none."""
        wanted = Enrol(deed.target, customer_id, properties=deed.properties)
        try:
            decisions = await self._enrolling.decide(connection, wanted, deed.at)
        except EnrolmentRefusedError as error:
            return None, str(error)
        if decisions.refusals:
            return None, f"The customer {decisions.refusals[0].reason}."
        return next(enrolment.id for enrolment in decisions.enrolments if enrolment.is_new), None


def _answer(enrolment_id: int | None, reason: str | None) -> Answer:
    if enrolment_id is None:
        return Answer(verdict="refused", reason=reason)
    return Answer(verdict="done", result={"enrolment_id": enrolment_id})
