"""What holds for all journeys and everything that may happen, tried on generated ones."""

from copy import deepcopy
from datetime import timedelta
from io import StringIO
from typing import Any, cast

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from language.checker import check_journey
from language.delivery import Command
from language.journey import Journey
from language.library import read_library
from language.loader import load_journey, load_message, load_scenario
from language.port import StepTrace
from language.simulator import Simulator
from language.steps import InactiveWait
from tests.language.fake_port import World

MESSAGE = "message: m\nclass: service\nemail: {subject: S, body: '{{ start.a }}'}\nsms: 'Hi'\n"
MESSAGES = read_library({"messages/m.yaml": MESSAGE}).messages
EVENTS = ["A", "B", "C", "Moved"]
CONDITIONS = [
    "profile.a == 1",
    "start.a != null",
    "start.b > 2",
    "steps.missing == 1",
    "event.a == 1",
    "event.a ==",
    "x",
]
SOUND_CONDITIONS = CONDITIONS[:3]
LENGTHS = ["1h", "90m", "1d", "3d"]
IDS = ["one", "two", "three"]

Steps = list[dict[str, Any]]


def clauses(conditions: list[str]) -> st.SearchStrategy[Any]:
    return st.sampled_from(EVENTS) | st.fixed_dictionaries(
        {"on": st.sampled_from(EVENTS)}, optional={"where": st.sampled_from(conditions)}
    )


def waits() -> st.SearchStrategy[dict[str, Any]]:
    until = st.fixed_dictionaries(
        {"until": st.sampled_from(["start.on", "start.on - duration('24h')"])},
        optional={
            "rearm_on": st.just("Moved"),
            "past": st.sampled_from(["skip", "go", "exit"]),
            "missing": st.sampled_from(["skip", "exit"]),
        },
    )
    kinds = st.sampled_from(LENGTHS) | until | st.just({"inactive": "2d"}) | st.just({"window": "Mon-Fri 09:00-18:00"})
    return st.fixed_dictionaries({"wait": kinds})


def blocks(conditions: list[str], targets: list[str], depth: int = 2) -> st.SearchStrategy[Steps]:
    """Blocks of the step grammar; with unsound conditions and targets, mistakes as well."""
    inner = blocks(conditions, targets, depth - 1) if depth else st.just(cast(Steps, []))
    arm = st.fixed_dictionaries({"on": st.sampled_from(EVENTS)}, optional={"do": inner})
    way = st.fixed_dictionaries({"when": st.sampled_from(conditions), "do": inner})
    waited_for = clauses(conditions) | st.lists(arm, min_size=1, max_size=2)
    steps = st.one_of(
        st.fixed_dictionaries({"send": st.just("m"), "via": st.sampled_from(["email", "sms", ["email", "sms"]])}),
        waits(),
        st.fixed_dictionaries(
            {"wait_for": waited_for, "within": st.sampled_from(LENGTHS)},
            optional={"otherwise": inner, "already": st.just("counts"), "reset_on": st.just("C")},
        ),
        st.fixed_dictionaries({"branch": st.lists(way, min_size=1, max_size=2)}, optional={"otherwise": inner}),
        st.fixed_dictionaries({"set": st.just({"a": "start.b"})}),
        st.fixed_dictionaries({"stop": st.sampled_from(["done", "left"])}),
        st.fixed_dictionaries({"go_to": st.sampled_from(targets)}),
    )
    extras = st.fixed_dictionaries({}, optional={"when": st.sampled_from(conditions), "enabled": st.booleans()})
    return st.lists(st.builds(lambda step, more: {**step, **more}, steps, extras), max_size=4)


def journeys(conditions: list[str] = SOUND_CONDITIONS) -> st.SearchStrategy[dict[str, Any]]:
    head = {
        "journey": st.just("j"),
        "title": st.just("J"),
        "start": st.just({"on": "Go"}),
        "steps": blocks(conditions, IDS).map(lambda steps: [*named(steps), {"id": "three", "stop": "end"}]),
    }
    optional = {
        "exit": clauses(conditions),
        "goal": st.fixed_dictionaries({"on": st.sampled_from(EVENTS)}),
        "on_resume": st.sampled_from(["send", "skip", "replan"]),
        "again": st.sampled_from(["never", "after_exit", "always", {"after": "1d"}]),
    }
    return st.fixed_dictionaries(head, optional=optional)


def named(steps: Steps) -> Steps:
    """The same with unique ids, `one` and `two` among them."""
    number = 0

    def name(block: Steps) -> Steps:
        nonlocal number
        done = []
        for step in block:
            number += 1
            step = {**step, "id": IDS[number - 1] if number <= 2 else f"s{number}"}
            for key in ("wait_for", "branch"):
                if isinstance(step.get(key), list):
                    step[key] = [{**arm, "do": name(arm.get("do", []))} for arm in step[key]]
            if "otherwise" in step:
                step["otherwise"] = name(step["otherwise"])
            done.append(step)
        return done

    return name(steps)


def text_of(data: Any) -> str:
    stream = StringIO()
    YAML(typ="safe", pure=True).dump(data, stream)
    return stream.getvalue()


MOMENTS = st.integers(0, 24 * 8).map(lambda hours: f"{hours}h")
DATES = st.sampled_from(["2026-01-09T09:00:00Z", "x"])
HAPPENINGS = st.lists(
    st.tuples(
        MOMENTS,
        st.sampled_from([*EVENTS, "pause", "resume", "skip_wait", "away"]),
        st.fixed_dictionaries({}, optional={"a": st.integers(0, 2), "on": DATES}),
    ),
    max_size=8,
)
STARTS = st.fixed_dictionaries(
    {}, optional={"a": st.just(1), "b": st.integers(0, 4), "on": st.just("2026-01-08T09:00:00Z")}
)


def sound(data: dict[str, Any]) -> Journey:
    """The journey; hypothesis tries another where it has mistakes."""
    loaded = load_journey("j.yaml", text_of(data))
    assume(not any(finding.severity == "error" for finding in check_journey(loaded, MESSAGES)))
    assert loaded.model
    return loaded.model


def planned(journey: Journey, start: dict[str, Any], happenings: list[Any], *, rolls_over: bool) -> World:
    one = World(journey, start=dict(start), profile={"a": 1}, rolls_over=rolls_over, horizon=timedelta(days=20))
    for when, name, properties in happenings:
        if name == "away":
            one.away(when, f"{int(when[:-1]) + 30}h")
        elif name in ("pause", "resume", "skip_wait"):
            one.command(when, cast(Command, name))
        else:
            one.event(when, name, **properties)
    return one


def visits(journey: Journey, one: World) -> list[StepTrace]:
    """Its trace. Until when it waits for inactivity is only what was known when it last looked."""
    silences = {step.id for step in journey.every_step() if isinstance(getattr(step, "wait", None), InactiveWait)}
    traces = one.traces.values()
    return [trace.model_copy(update={"waits_until": None}) if trace.step in silences else trace for trace in traces]


@settings(max_examples=80)
@given(journeys(), STARTS, HAPPENINGS)
async def test_a_run_that_starts_afresh_at_every_sleep_does_the_same(
    data: dict[str, Any], start: dict[str, Any], happenings: list[Any]
) -> None:
    journey = sound(data)
    straight = await planned(journey, start, happenings, rolls_over=False).run()
    rolled = await planned(journey, start, happenings, rolls_over=True).run()
    assert (rolled.log, rolled.outcome) == (straight.log, straight.outcome)
    assert visits(journey, rolled) == visits(journey, straight)


@settings(max_examples=50)
@given(journeys(), STARTS, HAPPENINGS)
async def test_every_message_has_a_key_of_its_own_and_every_visit_its_end(
    data: dict[str, Any], start: dict[str, Any], happenings: list[Any]
) -> None:
    one = await planned(sound(data), start, happenings, rolls_over=True).run()
    assert len({sent.key for sent in one.sent}) == len(one.sent)
    if one.is_ended:
        assert all(trace.left_at is not None for trace in one.traces.values())


@given(journeys(CONDITIONS))
def test_a_journey_with_mistakes_is_checked_without_a_crash(journey: dict[str, Any]) -> None:
    for finding in check_journey(load_journey("j.yaml", text_of(journey)), MESSAGES):
        assert finding.what
        assert finding.remedy


ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, "", "x", 0, -1, 1.5, True, [], {}, ["a"], {"a": 1}, "{{", "2d", "9" * 50, [[]], {"on": None}]
)


def places(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(places(inner) for inner in value.values())
    return 1 + sum(places(inner) for inner in value) if isinstance(value, list) else 1


def replaced(value: Any, at: int, odd: Any) -> Any:
    """The same data with the place of that number replaced."""
    left = at

    def visit(item: Any) -> Any:
        nonlocal left
        left -= 1
        if left == -1:
            return odd
        if isinstance(item, dict):
            return {name: visit(inner) for name, inner in item.items()}
        return [visit(inner) for inner in item] if isinstance(item, list) else item

    return visit(deepcopy(value))


@settings(max_examples=120)
@given(journeys(), st.integers(0, 10_000), ODD)
def test_a_journey_with_something_odd_in_it_is_checked_without_a_crash(
    journey: dict[str, Any], number: int, odd: Any
) -> None:
    text = text_of(replaced(journey, number % places(journey), odd))
    for finding in check_journey(load_journey("j.yaml", text), {}):
        assert finding.line <= text.count("\n") + 1


@given(st.text(max_size=200) | st.text(alphabet="abc:-[]{}&*!|>?'\"#%@` \n\t,.0~<=", max_size=200))
def test_no_text_makes_a_loader_crash(text: str) -> None:
    for load in (load_journey, load_message, load_scenario):
        loaded = load("x.yaml", text)
        assert loaded.findings or loaded.model


@settings(max_examples=50)
@given(journeys(), STARTS, st.lists(st.tuples(MOMENTS, st.sampled_from(["Go", *EVENTS])), max_size=6))
async def test_the_simulator_comes_to_an_end_with_every_sound_journey(
    journey: dict[str, Any], start: dict[str, Any], events: list[tuple[str, str]]
) -> None:
    given_list = [{"at": "0h", "on": "Go", "with": start}]
    given_list += [{"at": at, "on": name} for at, name in sorted(events, key=lambda event: int(event[0][:-1]))]
    scenario = {"scenario": "s", "journey": "j", "given": given_list}
    files = {"j.yaml": text_of(journey), "messages/m.yaml": MESSAGE, "scenarios/s.yaml": text_of(scenario)}
    library = read_library(files)
    assume(not library.errors)
    happenings = await Simulator(library, library.scenarios["scenarios/s.yaml"], most_wakes=1_000).run()
    assert sum(item.kind == "started" for item in happenings) >= 1
