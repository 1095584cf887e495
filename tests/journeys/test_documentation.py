"""Every example in the documentation of the language is what the language accepts, and does what the text says."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ruamel.yaml import YAML

from language.cap import Cap
from language.comparison import compare
from language.destinations import Destination, Destinations
from language.finding import Finding
from language.journey import After, Exit, Goal, Journey, Stage, StageRule
from language.journey import Start as HeadStart
from language.library import read_library
from language.loader import load_message
from language.message import Email, Message, Push, Voice, Whatsapp
from language.message_event import EVENTS
from language.part import Part
from language.policy import Budget, Costs, Policy
from language.quiet_hours import QuietHours
from language.rendering import render
from language.scenario import Expect, Given, Scenario, Standing
from language.simulator import simulate
from language.steps import step_classes
from language.time_zone import TimeZones

DOCS = Path(__file__).parents[2] / "docs"
SHIPPED = DOCS.parent / "journeys"
PAGES = ("language.md", "steps.md", "conditions.md", "messages.md", "push.md", "policy.md", "calls.md")
HEAD = (
    "journey: example\ntitle: Example\nstart:\n  - on: Trial Started\nexit:\n  - on: Trial Cancelled\n"
    "goal: {on: Bought}\nsteps:\n"
)
BEFORE = "  - {id: offer, send: trial_welcome, via: email}\n  - {id: after_offer, wait: 1d}\n"
TEXTS: Mapping[str, Any] = {
    "email": {"subject": "Hello", "body": "Hello"},
    "sms": "Hello",
    "whatsapp": {"content_sid": f"HX{'0' * 32}"},
    "voice": {"say": "Hello", "gather": {"digits": 1}},
    "push": {"title": "Hello", "body": "Hello"},
    "web_push": {"title": "Hello", "body": "Hello"},
}
"""The shortest text of each channel; a call asks, as some examples wait for an answer."""

FOLDERS = {"journey": "", "message": "messages/"}
SINGLE = {"destinations": "destinations.yaml", "quiet_hours": "policy.yaml"}


class Example(NamedTuple):
    """A block of YAML in a page."""

    page: str
    text: str

    @property
    def kind(self) -> str:
        return self.text.split(":", 1)[0]

    @property
    def name(self) -> str:
        return self.text.split("\n", 1)[0].partition(": ")[2].partition("#")[0].strip()


def examples() -> Iterator[Example]:
    for page in PAGES:
        for text in re.findall(r"^```yaml\n(.*?)^```", (DOCS / page).read_text("utf-8"), re.MULTILINE | re.DOTALL):
            yield Example(page, text)


EXAMPLES = tuple(examples())


def named(data: Any) -> Iterator[tuple[str, str, Any]]:
    """What steps name: (verb, name, the step)."""
    if isinstance(data, dict):
        for verb in ("send", "cascade", "call", "start"):
            if isinstance(data.get(verb), str):
                yield verb, data[verb], data
    for inner in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from named(inner)


def surroundings() -> dict[str, str]:
    """The messages, destinations and journeys that the examples name, and that no example is."""
    parsed = [YAML(typ="safe", pure=True).load(example.text) for example in EXAMPLES if example.kind != "scenario"]
    found = [*(part for data in parsed for part in named(data)), ("send", "trial_welcome", {"via": "email"})]
    values: dict[str, set[str]] = {}
    for verb, name, step in found:
        if verb in ("send", "cascade"):
            values.setdefault(name, set()).update(step.get("with", {}))
    files = {f"j/messages/{name}.yaml": message(name, names) for name, names in values.items()}
    calls = "".join(f"  {name}: {{url: https://example.com}}\n" for verb, name, _ in found if verb == "call")
    files["j/destinations.yaml"] = "destinations:\n" + "".join(sorted(set(calls.splitlines(keepends=True))))
    for verb, name, _ in found:
        if verb == "start":
            files[f"j/{name}.yaml"] = HEAD.replace("example", name).replace("on: Trial Started", "call: true") + BEFORE
    return files


def message(name: str, values: set[str]) -> str:
    shown = "".join(f" {{{{ {value} }}}}" for value in sorted(values))
    texts = {**TEXTS, "sms": f"Hello{shown}", "email": {"subject": "Hello", "body": f"Hello{shown}"}}
    lines = "".join(f"{channel}: {text!r}\n" for channel, text in texts.items())
    return f"message: {name}\nclass: service\n{lines}"


AROUND = surroundings()


def files_of(example: Example) -> dict[str, str]:
    """A directory with one example in it, and all that it names. Scenarios are about journeys that ship."""
    if example.kind == "scenario":
        journey = YAML(typ="safe", pure=True).load(example.text)["journey"]
        shipped = [SHIPPED / f"{journey}.yaml", SHIPPED / "policy.yaml", *(SHIPPED / "messages").iterdir()]
        files = {str(path.relative_to(SHIPPED.parent)): path.read_text("utf-8") for path in shipped}
        return {**files, "journeys/scenarios/example.yaml": example.text}
    if example.kind.startswith("- "):
        steps = "".join(f"  {line}\n" for line in example.text.splitlines())
        return {**AROUND, "j/example.yaml": HEAD + BEFORE + steps}
    place = SINGLE.get(example.kind) or f"{FOLDERS[example.kind]}{example.name}.yaml"
    return {**AROUND, f"j/{place}": example.text}


def findings(example: Example) -> tuple[Finding, ...]:
    return read_library(files_of(example)).findings


def test_there_are_examples_of_every_kind_and_of_every_step() -> None:
    kinds = {example.kind for example in EXAMPLES}
    assert {"journey", "message", "scenario", "destinations", "quiet_hours"} <= kinds
    verbs = set(
        re.findall(r"^(?:- |  )(\w+):", "\n".join(e.text for e in EXAMPLES if e.kind[:2] == "- "), re.MULTILINE)
    )
    assert set(step_classes()) <= verbs


@pytest.mark.parametrize(
    "example", EXAMPLES, ids=lambda example: f"{example.page}: {example.text.split(chr(10), 1)[0]}"
)
def test_an_example_is_accepted(example: Example) -> None:
    assert findings(example) == ()


MESSAGES = tuple(example for example in EXAMPLES if example.kind == "message")


@pytest.mark.parametrize("example", MESSAGES, ids=lambda example: example.name)
@pytest.mark.parametrize("profile", [{}, {"first_name": "Ana"}], ids=["unknown", "known"])
def test_a_message_can_be_said(example: Example, profile: dict[str, Any]) -> None:
    written = load_message("m.yaml", example.text).model
    assert written is not None
    scope = {"profile": profile, "start": {"flat": "12", "expires_at": "2026-01-14T06:00:00Z"}}
    for channel in written.channels:
        rendered = render(written, channel, scope=scope, locale="ru", time_zone="Europe/Moscow")
        assert " ." not in rendered.text


SCENARIOS = tuple(example for example in EXAMPLES if example.kind == "scenario")


@pytest.mark.parametrize("example", SCENARIOS, ids=lambda example: example.name)
def test_a_scenario_holds(example: Example) -> None:
    read = read_library(files_of(example))
    (scenario,) = read.scenarios.values()
    assert compare(scenario, simulate(read, scenario)) == []


PLAYED = ("language.md", "steps.md")
PLAYS: list[dict[str, Any]] = YAML(typ="safe", pure=True).load(
    (Path(__file__).parent / "documented.yaml").read_text("utf-8")
)
START = {"at": "0d", "on": "Trial Started", "with": {"plan": "pro", "score": 9, "order": 1, "expires_at": "{{ 9d }}"}}
CUSTOMER = {
    "traits": {"email": "ana@example.com", "phone": "+5511987654321", "segment": "C"},
    "time_zone": "America/Sao_Paulo",
}


@pytest.mark.parametrize("play", PLAYS, ids=lambda play: play["example"].strip())
def test_an_example_does_what_its_section_says(play: dict[str, Any]) -> None:
    (example,) = (it for it in EXAMPLES if it.page in PLAYED and it.text.startswith(play["example"]))
    is_step = example.kind.startswith("- ")
    welcome = [{"at": "0d", "send": "trial_welcome", "via": "email"}] if is_step else []
    told = {
        **{name: value for name, value in play.items() if name != "example"},
        "scenario": play["example"],
        "journey": "example" if is_step else example.name,
        "customer": CUSTOMER,
        "given": [START, *play.get("given", [])],
        "expect": [*welcome, *play["expect"]],
    }
    scenario = Scenario.model_validate(told)
    assert compare(scenario, simulate(read_library(files_of(example)), scenario)) == []


def test_every_step_is_played() -> None:
    played = " ".join(play["example"] for play in PLAYS)
    assert {verb for verb in step_classes() if f"{verb}:" not in played} == {"coupon", "go_to"}  # below an `id`


def test_every_field_of_every_step_is_explained() -> None:
    page = (DOCS / "steps.md").read_text("utf-8")
    shared = page.partition("## send")[0]
    for verb, step in step_classes().items():
        section = page.partition(f"\n## {verb}\n")[2].partition("\n## ")[0]
        assert section, f"{verb} has no section"
        for name, field in step.model_fields.items():
            written = field.alias or name
            assert f"`{written}" in section or written == verb or f"`{written}" in shared, f"{verb}.{written}"


WRITTEN_ON: dict[str, tuple[type[Part], ...]] = {
    "language.md": (Journey, HeadStart, Exit, Goal, After, StageRule, Stage, Scenario, Given, Expect, Standing),
    "messages.md": (Message, Email, Whatsapp, Voice, Push),
    "policy.md": (Policy, Cap, QuietHours, TimeZones, Costs, Budget),
    "calls.md": (Destinations, Destination),
}


@pytest.mark.parametrize("page", WRITTEN_ON)
def test_every_field_stands_on_its_page(page: str) -> None:
    text = (DOCS / page).read_text("utf-8")
    fields = {field.alias or name for part in WRITTEN_ON[page] for name, field in part.model_fields.items()}
    assert {name for name in fields if not re.search(rf"(?<!\w){name}(?!\w)[:`,]", text)} == set()


def test_every_event_about_a_message_is_named() -> None:
    page = (DOCS / "steps.md").read_text("utf-8")
    assert {name for name in EVENTS if f"`{name}`" not in page} == set()
