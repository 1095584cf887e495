"""Where an enrolment stands, in Markdown, for people who do not know how it is carried out. No personal data."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from language.channel import CHANNELS
from language.program import Place, Program
from language.state import Passed, State
from language.steps import GoTo, Rest, Step, Stop, WaitFor

LONGEST_TEXT = 120
"""Characters of anything that a journey's author wrote."""


def report(program: Program, state: State) -> str:
    """At most a few kilobytes, however long the journey."""
    blocks = [_standing(program, state), "\n".join(_ahead(program, state)), "\n".join(_trail(program, state))]
    return "\n\n".join(block for block in blocks if block)


def in_words(step: Step) -> str:
    """What a step does, as part of a sentence."""
    match step:
        case Stop():
            words = f"end as {step.stop}"
        case GoTo():
            words = f"go to {step.go_to}"
        case WaitFor() | Rest():
            words = f"wait {step.title()}"
        case _:
            title = step.title()
            words = title if title.startswith(step.verb) else f"{step.verb} {title}"
    return _short(words if step.when is None else f"{words}, if {step.when.source}")


def result_in_words(result: Mapping[str, Any] | None) -> str:
    """What a step left. Of what came from outside only names and verdicts are told."""
    if not result:
        return "done"
    if "skipped" in result:
        return _short(f"passed over: {result['skipped']}")
    by_channel = {name: result[name] for name in CHANNELS if name in result}
    if by_channel:
        return "; ".join(_short(_verdict(channel, told)) for channel, told in by_channel.items())
    outcome = str(result.get("outcome", "done"))
    return "the time was up" if outcome == "timeout" else _short(outcome)


def _verdict(channel: str, told: Mapping[str, Any]) -> str:
    reason = f" ({told['reason']})" if told.get("reason") else ""
    return f"{channel.upper()} {told['status']}{reason}"


def _standing(program: Program, state: State) -> str:
    if state.outcome is not None:
        return f"**Ended: {state.outcome}**"
    if state.step is None:
        return "**Comes to its end**"
    place = program.place_by_id[state.step]
    lines = [f"**Stage:** {place.stage}"] if place.stage else []
    lines.append(f"**Now:** {in_words(place.step)}")
    if state.is_paused:
        lines.insert(0, "**Paused:** time runs on, but nothing is sent until somebody resumes it")
    if state.entered_at is not None:
        lines.append(f"since {_at(state.entered_at)}")
    if state.waits_until is not None:
        lines.append(f"**until {_at(state.waits_until)}**")
    return "  \n".join(lines)


def _ahead(program: Program, state: State) -> Iterator[str]:
    if state.outcome is not None or state.step is None:
        return
    yield "**Next:**\n"
    for when, target in _ways(program.place_by_id[state.step]):
        following = in_words(program.place_by_id[target].step) if target else "the journey is done"
        yield f"- {when}{following}"


def _ways(place: Place) -> Iterator[tuple[str, str | None]]:
    step = place.step
    for name, target in list(place.ways.items())[:6]:
        yield f"{_short(step.way_in_words(name))}: ", target
    if step.passes_on():
        yield "", place.after


def _trail(program: Program, state: State) -> Iterator[str]:
    if not state.trail:
        return
    yield "| done at (UTC) | step | result |"
    yield "|---|---|---|"
    for passed in reversed(state.trail):
        yield f"| {passed.left_at:%Y-%m-%d %H:%M} | {_cell(_name(program, passed))} | {_cell(passed.result)} |"


def _name(program: Program, passed: Passed) -> str:
    place = program.place_by_id.get(passed.step)
    return in_words(place.step) if place else passed.step


def _at(moment: datetime) -> str:
    return f"{moment:%A, %-d %B %Y, %H:%M} UTC"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
