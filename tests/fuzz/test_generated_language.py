"""What holds for all journeys of the full language and everything that may happen, tried on generated ones."""

from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from language.journey import Journey
from language.port import StepTrace
from language.scenario import Scenario
from language.simulator import Simulator
from language.steps import InactiveWait
from tests.fuzz.playing import Played, planned
from tests.fuzz.writer import Writer, Writing

LARGEST_STATE = 64 * 1024
"""Bytes of a state that goes through continue-as-new: nothing next to Temporal's limit of 2 MB."""

PHASES = [Phase.explicit, Phase.reuse, Phase.generate]
"""Without making them smaller, which takes minutes: `tests.fuzz.smaller` does that better."""

WRITINGS = st.randoms(use_true_random=False).map(lambda chance: Writer(chance).write())
ARMS = st.integers(0, 1)
HOURS = st.integers(0, 24 * 6)


def sound(writing: Writing) -> tuple[Journey, Scenario]:
    """Without errors; hypothesis tries another where it has some."""
    read = writing.read()
    assume(read is not None)
    assert read is not None
    library, scenario = read
    return library.journeys["j"], scenario


def visits(one: Played) -> list[StepTrace]:
    """Its trace. Until when it waits for inactivity is only what was known when it last looked."""
    silences = {step.id for step in one.journey.every_step() if isinstance(getattr(step, "wait", None), InactiveWait)}
    traces = one.traces.values()
    return [trace.model_copy(update={"waits_until": None}) if trace.step in silences else trace for trace in traces]


@settings(max_examples=60, deadline=None, phases=PHASES)
@given(WRITINGS, ARMS)
async def test_a_run_that_starts_afresh_at_every_sleep_does_the_same(writing: Writing, arm: int) -> None:
    journey, scenario = sound(writing)
    straight = await planned(journey, scenario, arm=arm).run()
    rolled = await planned(journey, scenario, arm=arm, rolls_over=True).run()
    assert (rolled.log, rolled.done, rolled.outcome) == (straight.log, straight.done, straight.outcome), str(writing)
    assert visits(rolled) == visits(straight), str(writing)


@settings(max_examples=60, deadline=None, phases=PHASES)
@given(WRITINGS, ARMS)
async def test_runs_that_die_at_every_sleep_do_the_same(writing: Writing, arm: int) -> None:
    journey, scenario = sound(writing)
    straight = await planned(journey, scenario, arm=arm).run()
    died = await planned(journey, scenario, arm=arm, dies=True).run()
    assert (died.log, died.done, died.outcome) == (straight.log, straight.done, straight.outcome), str(writing)


@settings(max_examples=60, deadline=None, phases=PHASES)
@given(WRITINGS, ARMS, HOURS, HOURS, st.booleans())
async def test_nothing_goes_out_twice_or_after_the_end_while_temporal_is_away_or_people_pause(
    writing: Writing, arm: int, since: int, length: int, is_paused: bool
) -> None:
    journey, scenario = sound(writing)
    stretch = f"{since}h", f"{since + length}h"
    away, paused = (None, stretch) if is_paused else (stretch, None)
    one = planned(journey, scenario, arm=arm, rolls_over=True, away=away, paused=paused)
    await one.run()
    assert len({sent.key for sent in one.sent}) == len(one.sent), str(writing)
    assert one.pauses == [], str(writing)
    assert len(one.state.model_dump_json()) < LARGEST_STATE
    if one.is_ended:
        assert all(trace.left_at is not None for trace in one.traces.values()), str(writing)


@settings(max_examples=60, deadline=None, phases=PHASES)
@given(WRITINGS)
async def test_a_sound_journey_runs_in_the_simulator_to_its_end(writing: Writing) -> None:
    read = writing.read()
    assume(read is not None)
    assert read is not None
    happenings = await Simulator(*read, most_wakes=2_000).run()
    assert not [item for item in happenings if item.kind == "paused"], str(writing)
    assert happenings == await Simulator(*read, most_wakes=2_000).run(), str(writing)
