"""Telling people that a budget of the contact policy is filling, or used up."""

import structlog
from prometheus_client import Gauge

from language.spending import Filling

SPENT = Gauge("sojourn_budget_spent", "The part of a budget that is spent in its period, as last seen.", ["budget"])

log = structlog.get_logger()


def tell(filling: Filling) -> None:
    """The metric always; a line in the log where it is nearly used up, and when the first message finds it so."""
    part = filling.spent / filling.limit
    SPENT.labels(filling.budget).set(1 if filling.crossed == "used_up" else float(part))
    if filling.crossed is not None:
        say = log.warning if filling.crossed == "nearly" else log.error
        say(f"budget.{filling.crossed}", budget=filling.budget, period=filling.period, percent=round(part * 100))
