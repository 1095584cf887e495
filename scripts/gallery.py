"""All journeys of `journeys/` on one page, `docs/journeys.md`: `python -m scripts.gallery` writes it."""

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from language.duration import format_duration
from language.journey import After, Journey, Start
from language.library import Library
from language.scenario import Scenario
from language.steps import step_classes
from scripts.directory import read_directories

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "journeys.md"

HEADER = """# The journeys that ship

Each can be run as it is, and copied to begin one of your own. Here stand what it is for, how customers come in and
leave, its picture (`sojourn draw`), and its scenarios, which say in a line each what can happen to somebody in it.
"""


def as_text(library: Library) -> str:
    """The page, in Markdown."""
    journeys = sorted(library.journeys.values(), key=lambda journey: journey.title)
    parts = [HEADER, "\n".join(_contents(journeys)), "\n".join(_index(journeys))]
    parts += ["\n\n".join(_section(journey, library)) for journey in journeys]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _contents(journeys: list[Journey]) -> Iterator[str]:
    yield "| journey | begins with | channels |\n|---|---|---|"
    for journey in journeys:
        channels = {channel for step in journey.every_step() for via in step.sends().values() for channel in via}
        begins = _cell("; ".join(_begins(start) for start in journey.start))
        yield f"| [{journey.title}](#{journey.journey}) | {begins} | {', '.join(sorted(channels))} |"


def _index(journeys: list[Journey]) -> Iterator[str]:
    yield "An example of\n\n| step | journeys |\n|---|---|"
    for verb in sorted(step_classes()):
        using = [it.journey for it in journeys if any(step.verb == verb for step in it.every_step())]
        shown = ", ".join(f"[{name}](#{name})" for name in using[:5]) + (
            f" and {len(using) - 5} more" * (len(using) > 5)
        )
        yield f"| [{verb}](steps.md#{verb}) | {shown} |"
    using = [it.journey for it in journeys if it.stages]
    yield f"| [stages](language.md#stages) | {', '.join(f'[{name}](#{name})' for name in using)} |"


def _section(journey: Journey, library: Library) -> Iterator[str]:
    name = journey.journey
    yield f'## <a id="{name}"></a>{journey.title}'
    yield " ".join((journey.description or "").split())
    yield "\n".join(_facts(journey))
    yield f"![The journey {name} as a picture](pictures/{name}.svg)"
    yield "\n".join(_scenarios(name, library.scenarios))


def _facts(journey: Journey) -> Iterator[str]:
    yield f"- [`{journey.journey}.yaml`](../journeys/{journey.journey}.yaml), approved by {journey.owner}"
    yield f"- begins with {'; '.join(_begins(start) for start in journey.start)}; again: {_again(journey)}"
    if journey.key is not None:
        yield f"- one enrolment per customer and `{journey.key.source}`"
    if journey.goal is not None:
        within = f" within {format_duration(journey.goal.within)}" if journey.goal.within else ""
        yield f"- goal: {' or '.join(journey.goal.on)}{within}"
    if outcomes := dict.fromkeys(clause.outcome for clause in journey.exit):
        yield f"- may be left at any time as {', '.join(f'`{outcome}`' for outcome in outcomes)}"
    if journey.stages:
        yield f"- stages: {', '.join(f'`{stage}`' for stage in journey.stages)}"
    if journey.control:
        yield f"- {journey.control:g} % get nothing, to measure what it is worth"


def _begins(start: Start) -> str:
    if start.on:
        return " or ".join(start.on).replace("any_activity", "any sign of life")
    if start.every is not None:
        return f"`{start.every.source}` ({start.time_zone or 'UTC'})"
    return f"`{start.date.source}`" if start.date is not None else "a call"


def _again(journey: Journey) -> str:
    match journey.again:
        case After(after=after):
            return f"after {format_duration(after)}"
        case again:
            return again.replace("_", " ")


def _scenarios(journey: str, scenarios: Mapping[str, Scenario]) -> Iterator[str]:
    for file, scenario in scenarios.items():
        if scenario.journey == journey:
            name = PurePosixPath(file).name
            yield f"- [{scenario.scenario}](../journeys/scenarios/{name})"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    PAGE.write_text(as_text(read_directories([ROOT / "journeys"])), "utf-8")
    print(f"written: {PAGE}")


if __name__ == "__main__":
    main()
