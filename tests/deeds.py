"""Deeds as runs ask for them, and the enrolments that they are for."""

from typing import Any

from language.port import OpenTask, TakeCoupon
from store.database import Database
from tests.rows import AT, add_customer, add_enrolment, progress


async def add_enrolments(db: Database, count: int) -> list[tuple[int, int]]:
    """Customer and enrolment, each with its `start` delivery."""
    customers = [await add_customer(db) for _ in range(count)]
    return [(customer, await add_enrolment(db, customer)) for customer in customers]


def deed(customer_id: int, enrolment_id: int, step: str, seen_seq: int = 1, **more: Any) -> dict[str, Any]:
    """What all deeds have: the first visit of `step`, by a run that has seen the start."""
    told = {"step": step, **more.pop("told", {})}
    return {
        "key": f"{enrolment_id}/{step}/1",
        "customer_id": customer_id,
        "journey": "reservation",
        "version": 1,
        "step": step,
        "visit": 1,
        "at": AT,
        "progress": progress(enrolment_id, seen_seq, **told),
        **more,
    }


def open_task(customer_id: int, enrolment_id: int, seen_seq: int = 1, **more: Any) -> OpenTask:
    """By default: sales qualify Ana, as A, B or C, without a limit of time."""
    task = {"task": "qualify", "to": "sales", "title": "Qualify Ana", "results": ("A", "B", "C")}
    return OpenTask(**deed(customer_id, enrolment_id, "qualify", seen_seq, **(task | more)))


def take_coupon(customer_id: int, enrolment_id: int, seen_seq: int = 1, **more: Any) -> TakeCoupon:
    return TakeCoupon(**deed(customer_id, enrolment_id, "bonus", seen_seq, pool="bonus30", **more))
