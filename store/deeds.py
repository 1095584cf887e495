"""What a deed's transaction begins with: the run's progress, and whether the enrolment lets anything be done now."""

from typing import Any

from language.port import Answer, Deed
from store.progress import write_progress


async def permitted(connection: Any, deed: Deed) -> Answer | None:
    """Write the deed's progress inside the caller's transaction, which holds the enrolment from then on.

    Answers why the deed may not be done now, or None when it may. Where the deed writes about its customer, lock that
    row first (`store.facts.lock_customer`). What was done under this key already is best looked for afterwards and
    answered whatever this says.
    """
    standing = await write_progress(connection, deed.progress)
    enrolment = standing.enrolment
    if enrolment is None:
        return Answer(verdict="closed", reason="the enrolment has ended, or another run has it")
    if enrolment.state != "active":
        return Answer(verdict="closed", reason=f"the enrolment had ended: {enrolment.outcome}")
    if enrolment.last_seq > deed.progress.seen_seq:
        return Answer(verdict="behind", unseen=standing.unseen)
    if enrolment.paused_at is not None:
        return Answer(verdict="paused", reason="the enrolment is paused")
    if enrolment.suspended_by is not None:
        return Answer(verdict="paused", reason="another journey has displaced this one")
    return None
