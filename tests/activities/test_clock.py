import dataclasses
import time
from datetime import UTC, datetime, timedelta

from temporalio.testing import ActivityEnvironment

from activities.clock import journey_now
from language.clock import Pace

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SCHEDULED = datetime(2030, 1, 1, tzinfo=UTC)


def environment(*, waited: timedelta, attempt: int = 1) -> ActivityEnvironment:
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(
        environment.info, attempt=attempt, scheduled_time=SCHEDULED, started_time=SCHEDULED + waited
    )
    return environment


def test_it_counts_from_when_the_workflow_scheduled_it() -> None:
    now = environment(waited=timedelta(minutes=5)).run(journey_now, AT, Pace())
    assert timedelta(minutes=5) <= now - AT < timedelta(minutes=5, seconds=1)


def test_it_goes_on_while_the_activity_runs_at_the_journeys_pace() -> None:
    pace = Pace(speed=3600.0, origin=AT)

    def twice() -> timedelta:
        first = journey_now(AT, pace)
        time.sleep(0.05)
        return journey_now(AT, pace) - first

    assert timedelta(minutes=3) <= environment(waited=timedelta(0)).run(twice) < timedelta(minutes=30)


def test_a_clock_that_was_set_back_is_not_believed() -> None:
    assert environment(waited=timedelta(minutes=-5)).run(journey_now, AT, Pace()) >= AT


def test_each_attempt_counts_its_own_waiting() -> None:
    def now_of(attempt: int, waited: timedelta) -> datetime:
        return environment(waited=waited, attempt=attempt).run(journey_now, AT, Pace())

    assert now_of(2, timedelta(hours=1)) - now_of(1, timedelta(0)) > timedelta(minutes=59)
