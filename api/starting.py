"""What a workflow is started with, from an enrolment's row."""

from language.clock import Pace
from language.delivery import Delivery
from store.outbox import Waiting
from store.reconcile import Open
from store.versions import Version
from workflows.payload import Resume, StartEnrolment


def starting(
    enrolment: Waiting | Open,
    version: Version,
    deliveries: tuple[Delivery, ...],
    pace: Pace,
    resume: Resume | None = None,
) -> StartEnrolment:
    return StartEnrolment(
        enrolment_id=enrolment.enrolment_id,
        customer_id=enrolment.customer_id,
        journey=enrolment.journey,
        version=enrolment.version,
        title=version.title,
        digest=version.digest,
        definition=version.definition,
        key=enrolment.key,
        arm=enrolment.arm,
        start=enrolment.start or {},
        started_at=enrolment.started_at,
        pace=pace,
        deliveries=deliveries,
        resume=resume,
    )
