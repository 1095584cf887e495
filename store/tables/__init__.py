"""The tables. `*_at` columns are journey time unless their comment says wall time."""

from store.tables.account import CircuitRow, SandboxMessageRow, SpendingRow
from store.tables.customer import ConsentRow, CustomerRow, IdentifierRow, SuppressionRow
from store.tables.deed import ArmRow, CallRow, CouponRow, ExperimentRow, JourneyStartRow, TaskRow
from store.tables.enrolment import DeliveryRow, EnrolmentRow, StepRow, VerdictRow
from store.tables.event import EventIdRow, EventRow, QuarantineRow
from store.tables.journey import CalendarRow, JourneyVersionRow, PolicyRow
from store.tables.message import LinkRow, MessageEventRow, MessageRow

__all__ = [
    "ArmRow",
    "CalendarRow",
    "CallRow",
    "CircuitRow",
    "ConsentRow",
    "CouponRow",
    "CustomerRow",
    "DeliveryRow",
    "EnrolmentRow",
    "EventIdRow",
    "EventRow",
    "ExperimentRow",
    "IdentifierRow",
    "JourneyStartRow",
    "JourneyVersionRow",
    "LinkRow",
    "MessageEventRow",
    "MessageRow",
    "PolicyRow",
    "QuarantineRow",
    "SandboxMessageRow",
    "SpendingRow",
    "StepRow",
    "SuppressionRow",
    "TaskRow",
    "VerdictRow",
]
