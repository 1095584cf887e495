"""Every workflow and activity that a worker runs: the only list of them."""

from collections.abc import Callable
from typing import Any

from activities.arms import ArmActivities
from activities.calendar import CalendarActivities
from activities.coupons import CouponActivities
from activities.messaging import MessagingActivities
from activities.records import RecordActivities
from activities.tasks import TaskActivities
from store.arms import Arms
from store.calendar import Calendars
from store.coupons import Coupons
from store.database import Database
from store.records import Records
from store.tasks import Tasks
from workflows.calendar import CalendarWorkflow
from workflows.journey import JourneyWorkflow

WORKFLOWS = [JourneyWorkflow, CalendarWorkflow]


def activities(db: Database, messaging: MessagingActivities) -> list[Callable[..., Any]]:
    """The activities, each with the part of the database it needs."""
    records = RecordActivities(Records(db))
    return [
        messaging.send_message,
        records.record_progress,
        records.look_up,
        records.set_traits,
        ArmActivities(Arms(db)).draw_arm,
        CalendarActivities(Calendars(db)).enrol_due,
        CouponActivities(Coupons(db)).take_coupon,
        TaskActivities(Tasks(db)).open_task,
    ]
