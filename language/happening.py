"""What happens in a scenario, in order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened, that long after the beginning.

    `kind`: event, started, refused, ignored, sent, held, not_sent, task, start (of another journey), call, paused,
    ended; impossible, when what is given cannot be; cut_short, when it would never have come to rest. When all is to
    be told also traits (given), wait, stage, goal, set, arm, coupon, and why: a reason, at the step `name`.

    `until` is when a hold or a wait is over, `values` what was given or written, `zone` the customer's at that moment;
    `enrolment` counts those of the scenario from 1. They tell more, and make no difference.
    """

    at: timedelta
    kind: str
    name: str
    channel: str | None = None
    text: str | None = None
    why: str | None = None
    until: timedelta | None = field(default=None, compare=False)
    step: str | None = field(default=None, compare=False)
    values: Mapping[str, Any] | None = field(default=None, compare=False)
    zone: str | None = field(default=None, compare=False)
    enrolment: int | None = field(default=None, compare=False)
