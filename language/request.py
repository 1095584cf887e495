"""What a run asks of the world for the visit it is in. Each request has the key by which it is met only once."""

from collections.abc import Mapping
from typing import Any

from language.context import SendOrder
from language.inquiry import base_scope, plain
from language.port import Deed, SendMessage, SetTraits
from language.run import Run


def visit_key(run: Run) -> str:
    """`<enrolment>/<step>/<visit>`"""
    step = run.state.step or ""
    return f"{run.enrolment.enrolment_id}/{step}/{run.state.visits[step]}"


def send_request(run: Run, order: SendOrder, channel: str, *, is_held_out: bool) -> SendMessage:
    """The order on one of its channels, as it is due now."""
    state, now = run.state, run.now
    return SendMessage(
        **_visit(run),
        key=f"{visit_key(run)}/{channel}",
        channel=channel,
        message=order.message,
        due_at=order.due_at or state.entered_at or now,
        valid_for=order.valid_for,
        if_unsure=order.if_unsure,
        scope=plain({**base_scope(state, now), **(order.values or {})}),
        refuse=state.refuse,
        held_out=is_held_out,
        on_cap=order.on_cap,
    )


def deed_request(run: Run, deed: type[Deed], what: Mapping[str, Any]) -> Deed:
    """`what` are the deed's own fields."""
    own = {name: plain(value) if isinstance(value, Mapping) else value for name, value in what.items()}
    return deed(**_visit(run), key=visit_key(run), **own)


def traits_request(run: Run, traits: Mapping[str, Any]) -> SetTraits:
    enrolment = run.enrolment
    return SetTraits(
        enrolment_id=enrolment.enrolment_id,
        customer_id=enrolment.customer_id,
        key=visit_key(run),
        traits=plain(dict(traits)),
    )


def _visit(run: Run) -> dict[str, Any]:
    """For whom, from where and when something is asked, and what PostgreSQL is told with it."""
    enrolment, state, now = run.enrolment, run.state, run.now
    return {
        "customer_id": enrolment.customer_id,
        "journey": enrolment.journey,
        "version": enrolment.version,
        "step": state.step or "",
        "visit": state.visits[state.step or ""],
        "at": now,
        "pace": enrolment.pace,
        "progress": run.journal.progress(now),
    }
