"""What has to be there before a scenario begins: journeys, the customer, arms, codes, and where else they stand."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from harness.world import World
from language.journey import Journey
from language.library import Library, compile_journey
from language.program import Compiled
from language.scenario import Scenario, Standing
from language.steps import Coupon, Split
from language.steps import Start as StartOther
from store.coupons import load_codes

EMPTIED = (
    "arms, calendars, calls, consents, coupons, customers, deliveries, enrolments, event_ids, events, experiments, "
    "identifiers, journey_starts, links, message_events, messages, quarantine, sandbox_messages, steps, tasks, verdicts"
)
CODES = 1000
"""In a pool of which a scenario says nothing."""

STUB = {"start": {"call": True}, "again": "after_exit", "steps": [{"id": "inside", "wait": "400d"}]}

_ARM = "INSERT INTO arms (customer_id, experiment, arm, drawn_at) VALUES ($1, $2, $3, $4)"
_CONSENT = """
INSERT INTO consents (customer_id, channel, topic, state, source, at, told_at)
VALUES ($1, $2, $3, $4, 'scenario', $5, $5)
"""
_STANDING = """
INSERT INTO enrolments (customer_id, journey, version, key, start, state, outcome, stage, started_at, ended_at)
SELECT $1, $2::text, max(version), '', '{}', CASE WHEN $3 THEN 'active' ELSE 'ended' END, $4, $5, $6::timestamptz,
    CASE WHEN NOT $3 THEN $6::timestamptz END
FROM journey_versions WHERE journey = $2::text
"""


async def clean(world: World) -> None:
    """Empty the world, as if nothing had ever happened in it. Versions stay, so that what is known of them holds."""
    await world.db.pool.execute("UPDATE journey_versions SET state = 'archived' WHERE state = 'live'")
    await world.db.pool.execute(f"TRUNCATE {EMPTIED}")


async def prepare(world: World, library: Library, scenario: Scenario) -> None:
    """Publish the journey, and let there be the customer; nothing has happened to them yet."""
    journey, customer = library.journeys[scenario.journey], scenario.customer
    await world.publish_compiled([_compiled(world, library, scenario), *_stubs(journey, scenario)], library.policy)
    await world.identify(dict(customer.traits), time_zone=customer.time_zone, locale=customer.locale)
    customer_id, now = await world.db.pool.fetchval("SELECT id FROM customers"), world.now()
    for said in customer.consents:
        await world.db.pool.execute(_CONSENT, customer_id, said.channel, said.topic, said.state, now)
    for experiment, arm in _arms(journey, scenario).items():
        await world.db.pool.execute(_ARM, customer_id, experiment, arm, now)
    for pool in sorted(_pools(journey) | scenario.coupons.keys()):
        await load_codes(world.db, pool, scenario.coupons.get(pool, _made_up(pool)))
    for name, standing in scenario.journeys.items():
        await _stand(world, customer_id, name, standing, now)


def _compiled(world: World, library: Library, scenario: Scenario) -> Compiled:
    """The journey with the destinations that the scenario plays."""
    destinations = world.answers.play(library.destinations, scenario.answers)
    return compile_journey(library.journeys[scenario.journey], library.messages, destinations)


def _stubs(journey: Journey, scenario: Scenario) -> Iterator[Compiled]:
    """In place of the other journeys that are named: of them only is known who is in them."""
    started = {step.start for step in journey.every_step() if isinstance(step, StartOther)}
    for name in sorted((started | scenario.journeys.keys()) - {journey.journey}):
        stub = {
            "journey": name,
            "start": {"call": True},
            "again": "after_exit",
            "steps": [{"id": "in", "wait": "400d"}],
        }
        yield compile_journey(Journey.model_validate(stub), {})


def _arms(journey: Journey, scenario: Scenario) -> dict[str, str]:
    """The first arm of every experiment and out of all control groups, if the scenario does not say otherwise."""
    arms = {step.split: step.arms[0].arm for step in journey.every_step() if isinstance(step, Split)}
    controlled = [f"control/{journey.journey}", *(f"control/{journey.journey}/{stage}" for stage in journey.stages)]
    return dict.fromkeys(controlled, "messaged") | arms | scenario.arms


def _pools(journey: Journey) -> set[str]:
    return {step.coupon for step in journey.every_step() if isinstance(step, Coupon)}


def _made_up(pool: str) -> tuple[str, ...]:
    return tuple(f"{pool.upper()}-{number:04d}" for number in range(1, CODES))


async def _stand(world: World, customer_id: int, journey: str, standing: Standing, now: datetime) -> None:
    """An enrolment without a run: others only ask how it stands."""
    before: Any = now - timedelta(seconds=1)
    await world.db.pool.execute(
        _STANDING, customer_id, journey, standing.active, standing.outcome, standing.stage, before
    )
