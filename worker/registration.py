"""Every workflow and activity that a worker runs: the only list of them."""

from collections.abc import Callable
from typing import Any

from activities.arms import ArmActivities
from activities.calendar import CalendarActivities
from activities.calls import CallActivities
from activities.coupons import CouponActivities
from activities.enrolling import EnrolActivities
from activities.messaging import MessagingActivities
from activities.records import RecordActivities
from activities.tasks import TaskActivities
from store.arms import Arms
from store.calendar import Calendars
from store.coupons import Coupons
from store.database import Database
from store.journey_starts import JourneyStarts
from store.records import Records
from store.tasks import Tasks
from workflows.calendar import CalendarWorkflow
from workflows.journey import JourneyWorkflow
from workflows.lanes import LANES, TRANSACTIONAL

WORKFLOWS = [JourneyWorkflow, CalendarWorkflow]


def activities(db: Database, messaging: MessagingActivities, calls: CallActivities) -> list[Callable[..., Any]]:
    """The activities of the `journeys` queue, each with the part of the database it needs.

    Sends were there before they had lanes: runs of that time may still wait for one.
    """
    records = RecordActivities(Records(db))
    return [
        messaging.send_message,
        records.record_progress,
        records.look_up,
        records.set_traits,
        ArmActivities(Arms(db)).draw_arm,
        CalendarActivities(Calendars(db)).enrol_due,
        calls.call_destination,
        CouponActivities(Coupons(db)).take_coupon,
        EnrolActivities(JourneyStarts(db)).start_journey,
        TaskActivities(Tasks(db)).open_task,
    ]


def lanes(urgent: MessagingActivities, others: MessagingActivities) -> dict[str, list[Callable[..., Any]]]:
    """The activities of each lane. What is transactional shares no connections with the rest."""
    return {lane: [(urgent if lane == TRANSACTIONAL else others).send_message] for lane in LANES}
