"""Where the next run goes on, by the visits of the last one."""

from datetime import timedelta
from typing import Any

from store.reconcile import trace_of
from tests.rows import AT


def visit(step: str, number: int, minutes: int, *, has_left: bool = True) -> dict[str, Any]:
    entered_at = AT + timedelta(minutes=minutes)
    left_at = entered_at if has_left else None
    head = {"step": step, "visit": number, "verb": "send", "entered_at": entered_at, "left_at": left_at}
    return {**head, "waits_until": None, "result": {"visit": number}, "kept": {"visit": number}}


def test_clocks_that_went_back_make_no_visit_count_twice() -> None:
    rows = [visit("ask", 2, 0, has_left=False), visit("ask", 1, 5), visit("other", 1, 6)]
    trace = trace_of(rows, "ask")
    assert (trace.step, trace.visits, trace.left_at, trace.kept) == ("ask", {"ask": 2, "other": 1}, None, {"visit": 2})
